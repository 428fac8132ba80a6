// Reads an environment file: `OAUTH2_PROXY_EMAIL_DOMAINS=example.com`, also after `export` or as an entry of a YAML list or map.

import { PLAIN_OPTIONS, optionOfKey } from '../options/options.ts'
import { toGiven, type FileRead, type Raw } from './given.ts'

const PREFIX = 'OAUTH2_PROXY_'
const NAMES = PLAIN_OPTIONS.map(({ key }) => PREFIX + key.toUpperCase())
const LINE = /^\s*(?:export\s+|-\s+)?["']?(OAUTH2_PROXY_\w+)["']?\s*(?:=|:\s)\s*(.*?)\s*$/
/** What Kubernetes sets for a Service named `oauth2-proxy`. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$/

/** Other variables are not for oauth2-proxy and are skipped, as it does. */
export function readEnvironmentFile(text: string): FileRead {
  const entries = text.split(/\r?\n/).flatMap((line): Raw[] => {
    const [, name = '', written = ''] = LINE.exec(line) ?? []
    const option = optionOfKey(name.slice(PREFIX.length).toLowerCase())
    if (name === '' || (option === undefined && SERVICE_LINK.test(name))) return []
    return [{ name, option, raw: unquote(written) }]
  })
  return toGiven(entries, NAMES)
}

export function looksLikeEnvironment(text: string): boolean {
  return text.split(/\r?\n/).some((line) => LINE.test(line))
}

function unquote(written: string): string {
  const [, quoted] = /^(?:"(.*)"|'.*')$/.exec(written) ?? []
  if (quoted !== undefined) return quoted.replaceAll('\\"', '"')
  return /^'.*'$/.test(written) ? written.slice(1, -1) : written
}
