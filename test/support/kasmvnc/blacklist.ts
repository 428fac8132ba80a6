// The brute-force blacklist (common/network/Blacklist.cxx): failures of an address add up for ever, a
// success takes none back, and every request during a ban renews it.

const TIMEOUT_S = 10

export class Blacklist {
  readonly #threshold: number
  readonly #now: () => number
  readonly #failures = new Map<string, number>()
  readonly #bannedAt = new Map<string, number>()

  constructor(threshold: number, now: () => number) {
    this.#threshold = threshold
    this.#now = now
  }

  isBanned(address: string): boolean {
    const since = this.#bannedAt.get(address)
    if (since === undefined) return false
    if (this.#seconds() - TIMEOUT_S > since) {
      this.#bannedAt.delete(address)
      this.#failures.delete(address)
      return false
    }
    this.#bannedAt.set(address, this.#seconds())
    return true
  }

  addFailure(address: string): void {
    if (this.#threshold === 0) return
    const failures = (this.#failures.get(address) ?? 0) + 1
    this.#failures.set(address, failures)
    if (failures >= this.#threshold) this.#bannedAt.set(address, this.#seconds())
  }

  /** time(NULL) counts whole seconds, so a ban lasts between 10 and 11 of silence. */
  #seconds(): number {
    return Math.floor(this.#now() / 1_000)
  }
}
