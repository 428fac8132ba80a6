// The settings under way: what is set, what is left to do, and which options have been dealt with.

import { type Tree } from '../../lib/tree.ts'
import { setAt, valueAt } from '../../config/read/tree.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { Given, Value } from '../read/given.ts'

/** An option that was not carried over. */
export interface Loss {
  /** As the file writes it. */
  readonly name: string
  readonly sentence: string
  /** It decided who or what gets in. */
  readonly restricts: boolean
}

/** Something that a person has to do or to know. `name` is an option or a setting. */
export interface Hint {
  readonly name: string
  readonly sentence: string
}

export class Draft {
  readonly tree: Tree = {}
  /** YAML path → comment above it. */
  readonly comments: Map<string, string> = new Map()
  readonly losses: Loss[] = []
  readonly hints: Hint[] = []
  /** Settings that the file does not tell. Without them the gateway does not start. */
  readonly missing: Hint[] = []
  readonly #given: ReadonlyMap<string, Given>
  readonly #used: Set<string> = new Set()

  constructor(given: readonly Given[]) {
    this.#given = new Map(given.map((entry) => [entry.option.key, entry]))
  }

  has(key: string): boolean {
    return this.#given.has(key)
  }

  /** The value, which then counts as dealt with. */
  text(key: string): string | undefined {
    const value = this.#use(key)
    return value === undefined ? undefined : String(value)
  }

  list(key: string): readonly string[] {
    const value = this.#use(key)
    return Array.isArray(value) ? (value as readonly string[]) : []
  }

  flag(key: string): boolean {
    return this.#use(key) === true
  }

  /** As the settings write durations. */
  duration(key: string): string | undefined {
    const value = this.#use(key)
    return typeof value === 'number' ? formatDuration(value) : undefined
  }

  /** True when it is given. It then counts as dealt with, and its value is not looked at: it may be a secret. */
  take(key: string): boolean {
    return this.#use(key) !== undefined
  }

  put(path: string, value: unknown, comment?: string): void {
    setAt(this.tree, path, value)
    if (comment !== undefined) this.comments.set(path, comment)
  }

  at(path: string): unknown {
    return valueAt(this.tree, path)
  }

  hint(key: string, sentence: string): void {
    this.hints.push({ name: this.#given.get(key)?.name ?? key, sentence })
  }

  /** `sentence` says what to set it to. */
  miss(setting: string, sentence: string): void {
    this.missing.push({ name: setting, sentence })
  }

  /** Reports an option as not carried over, with its own remark if there is no other sentence. */
  lose(key: string, sentence?: string, restricts?: boolean): void {
    const entry = this.#given.get(key)
    this.#used.add(key)
    this.losses.push({
      name: entry?.name ?? key,
      sentence: sentence ?? entry?.option.remark ?? '',
      restricts: restricts ?? (entry !== undefined && doesRestrict(entry)),
    })
  }

  /** The same for options that have no effect beside others, unless their value has none anyway. */
  loseWithoutEffect(keys: readonly string[], sentence: string): void {
    for (const key of keys) {
      const entry = this.#given.get(key)
      if (entry !== undefined && !isBuiltIn(entry)) this.lose(key, sentence, false)
    }
  }

  /** Reports every option that nothing has dealt with and that the gateway does not follow anyway. */
  loseTheRest(): void {
    for (const [key, entry] of this.#given) {
      if (!this.#used.has(key) && !isBuiltIn(entry)) this.lose(key)
    }
  }

  #use(key: string): Value | undefined {
    this.#used.add(key)
    return this.#given.get(key)?.value
  }
}

function isBuiltIn({ option, value }: Given): boolean {
  const values = Array.isArray(value) ? (value as readonly string[]) : [String(value)]
  return (
    option.builtIn.includes('*') ||
    (option.builtIn.length > 0 && values.every((one) => option.builtIn.includes(one)))
  )
}

function doesRestrict({ option: { restricts }, value }: Given): boolean {
  return typeof restricts === 'boolean' ? restricts : restricts.includes(String(value))
}
