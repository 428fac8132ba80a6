// One option of oauth2-proxy 7, and what becomes of it. The importer and docs/migrating-from-oauth2-proxy.md use the same tables.

/** How a value is written: a duration as in Go (`168h0m0s`), a list with commas or as an array. */
export type OptionType = 'text' | 'flag' | 'number' | 'duration' | 'list'

export interface Option {
  /** On the command line, without the hyphens: `email-domain`. */
  readonly flag: string
  /** In the configuration file: `email_domains`. The environment has it in capitals, after `OAUTH2_PROXY_`. */
  readonly key: string
  readonly type: OptionType
  /** The value is never printed. */
  readonly isSecret: boolean
  /** The settings that it becomes, as YAML paths. Empty: it has no counterpart. */
  readonly settings: readonly string[]
  /** Why there is no counterpart and what to do instead, or what is different. Sentences in Markdown. */
  readonly remark: string
  /** Values that the gateway follows without a setting. */
  readonly builtIn: readonly string[]
  /** Its loss lets more people or requests through, or changes who gets in: always, or for these values. */
  readonly restricts: boolean | readonly string[]
}

interface More {
  readonly key?: string
  readonly isSecret?: true
  readonly builtIn?: readonly string[]
  readonly restricts?: true | readonly string[]
}

/** An option that becomes one or more settings. `remark` may be empty. */
export function becomes(
  settings: string | readonly string[],
  flag: string,
  type: OptionType,
  remark = '',
  more: More = {},
): Option {
  return option(flag, type, [settings].flat(), remark, more)
}

/** An option without a counterpart. */
export function none(flag: string, type: OptionType, remark: string, more: More = {}): Option {
  return option(flag, type, [], remark, more)
}

function option(
  flag: string,
  type: OptionType,
  settings: readonly string[],
  remark: string,
  more: More,
): Option {
  const plural = type === 'list' && !flag.endsWith('s') ? 's' : ''
  return {
    flag,
    key: more.key ?? flag.replaceAll('-', '_') + plural,
    type,
    isSecret: more.isSecret ?? false,
    settings,
    remark,
    builtIn: more.builtIn ?? [],
    restricts: more.restricts ?? false,
  }
}
