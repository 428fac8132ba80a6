// Who may ask a server next: so many requests at once in all and of one session, first come first served, and nobody
// waits for ever.

interface Waiting {
  readonly who: string | undefined
  readonly grant: (isGranted: boolean) => void
}

export interface TurnLimits {
  readonly atOnce: number
  readonly atOnceOfOne: number
  readonly waiting: number
  /** Milliseconds. */
  readonly patience: number
}

export class Turns {
  readonly #limits: TurnLimits
  readonly #waiting = new Set<Waiting>()
  readonly #running = new Map<string | undefined, number>()
  #total = 0

  constructor(limits: TurnLimits) {
    this.#limits = limits
  }

  /**
   * True when it is the turn of `who`, a session, or the gateway itself (undefined), which no share of its own bounds; give
   * it back with `done`. False when too many wait, it did not come in time, or it was given up by what `onWait` was given.
   */
  take(
    who: string | undefined,
    onWait: (giveUp: () => void) => void = () => {},
  ): Promise<boolean> | boolean {
    if (this.#isFree(who)) {
      this.#begin(who)
      return true
    }
    if (this.#waiting.size >= this.#limits.waiting) return false
    return new Promise((resolve) => {
      const waiting: Waiting = {
        who,
        grant: (isGranted) => {
          clearTimeout(timer)
          this.#waiting.delete(waiting)
          resolve(isGranted)
        },
      }
      const timer = setTimeout(() => waiting.grant(false), this.#limits.patience).unref()
      this.#waiting.add(waiting)
      onWait(() => waiting.grant(false))
    })
  }

  done(who: string | undefined): void {
    this.#total -= 1
    const left = (this.#running.get(who) ?? 0) - 1
    if (left > 0) this.#running.set(who, left)
    else this.#running.delete(who)
    for (const waiting of this.#waiting) {
      if (this.#total >= this.#limits.atOnce) return
      if (!this.#isFree(waiting.who)) continue
      this.#begin(waiting.who)
      waiting.grant(true)
    }
  }

  #isFree(who: string | undefined): boolean {
    const { atOnce, atOnceOfOne } = this.#limits
    if (this.#total >= atOnce) return false
    return who === undefined || (this.#running.get(who) ?? 0) < atOnceOfOne
  }

  #begin(who: string | undefined): void {
    this.#total += 1
    this.#running.set(who, (this.#running.get(who) ?? 0) + 1)
  }
}
