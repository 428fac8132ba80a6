// What one check found.

export type FindingState = 'ok' | 'warning' | 'failed' | 'skipped'

export interface Finding {
  /** Part and check, such as `provider.issuer`. Scripts rely on it. */
  readonly id: string
  /** Which one, where there may be several: the name of a provider, a role, a setting. */
  readonly subject: string | undefined
  readonly state: FindingState
  /** What was found, what was expected, and what to change. */
  readonly message: string
}

/** The findings about one thing, in the order in which they were made. */
export class Findings {
  readonly all: Finding[] = []
  readonly #part: string
  readonly #subject: string | undefined

  constructor(part: string, subject?: string) {
    this.#part = part
    this.#subject = subject
  }

  add(state: FindingState, check: string, message: string): void {
    this.all.push({ id: `${this.#part}.${check}`, subject: this.#subject, state, message })
  }

  ok(check: string, message: string): void {
    this.add('ok', check, message)
  }

  warn(check: string, message: string): void {
    this.add('warning', check, message)
  }

  fail(check: string, message: string): void {
    this.add('failed', check, message)
  }

  skip(check: string, message: string): void {
    this.add('skipped', check, message)
  }
}
