// All options of oauth2-proxy 7, by subject.

import { ACCESS_OPTIONS } from './access-options.ts'
import { ALPHA_OPTIONS } from './alpha-options.ts'
import { COOKIE_OPTIONS } from './cookie-options.ts'
import { LOG_OPTIONS } from './log-options.ts'
import type { Option } from './option.ts'
import { PROVIDER_OPTIONS } from './provider-options.ts'
import { SERVER_OPTIONS } from './server-options.ts'
import { UPSTREAM_OPTIONS } from './upstream-options.ts'

/** Heading in the documentation → its options. */
export const OPTION_GROUPS: Readonly<Record<string, readonly Option[]>> = {
  'Provider and sign-in': PROVIDER_OPTIONS,
  'Who gets in': ACCESS_OPTIONS,
  'Cookies and sessions': COOKIE_OPTIONS,
  'Listeners, proxies, probes': SERVER_OPTIONS,
  'Upstreams and headers': UPSTREAM_OPTIONS,
  'Logs and pages': LOG_OPTIONS,
  'Alpha configuration': ALPHA_OPTIONS,
}

export const OPTIONS: readonly Option[] = Object.values(OPTION_GROUPS).flat()

/** Those of the command line, the configuration file and the environment. */
export const PLAIN_OPTIONS: readonly Option[] = OPTIONS.filter(
  (option) => !ALPHA_OPTIONS.includes(option),
)

/** The key of an older 7.x, still accepted there. */
const OLD_KEYS: Readonly<Record<string, string>> = { google_group: 'google_groups' }

const BY_FLAG: ReadonlyMap<string, Option> = new Map(
  PLAIN_OPTIONS.map((option) => [option.flag, option]),
)
const BY_KEY: ReadonlyMap<string, Option> = new Map(OPTIONS.map((option) => [option.key, option]))

export function optionOfFlag(flag: string): Option | undefined {
  return BY_FLAG.get(flag)
}

/** Also the alpha configuration's own: their keys have dots or capitals, which no other key has. */
export function optionOfKey(key: string): Option | undefined {
  return BY_KEY.get(OLD_KEYS[key] ?? key)
}
