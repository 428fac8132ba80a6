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
  readonly waitingOfOne: number
  /** Milliseconds. */
  readonly patience: number
}

export class Turns {
  readonly #limits: TurnLimits
  readonly #waiting = new Set<Waiting>()
  readonly #running = new Map<string | undefined, number>()
  readonly #waitingOf = new Map<string | undefined, number>()
  #total = 0

  constructor(limits: TurnLimits) {
    this.#limits = limits
  }

  /**
   * True when it is the turn of `who`, a session, or the gateway itself (undefined); give it back with `done`. False when too
   * many wait, of all or of this one, it did not come in time, or it was given up by what `onWait` was given.
   */
  take(
    who: string | undefined,
    onWait: (giveUp: () => void) => void = () => {},
  ): Promise<boolean> | boolean {
    if (this.#isFree(who)) {
      this.#begin(who)
      return true
    }
    const { waiting: most, waitingOfOne } = this.#limits
    if (this.#waiting.size >= most || (this.#waitingOf.get(who) ?? 0) >= waitingOfOne) return false
    add(this.#waitingOf, who, 1)
    return new Promise((resolve) => {
      const waiting: Waiting = {
        who,
        grant: (isGranted) => {
          clearTimeout(timer)
          if (this.#waiting.delete(waiting)) add(this.#waitingOf, who, -1)
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
    add(this.#running, who, -1)
    for (const waiting of this.#waiting) {
      if (this.#total >= this.#limits.atOnce) return
      if (!this.#isFree(waiting.who)) continue
      this.#begin(waiting.who)
      waiting.grant(true)
    }
  }

  #isFree(who: string | undefined): boolean {
    const { atOnce, atOnceOfOne } = this.#limits
    return this.#total < atOnce && (this.#running.get(who) ?? 0) < atOnceOfOne
  }

  #begin(who: string | undefined): void {
    this.#total += 1
    add(this.#running, who, 1)
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, number: number): void {
  const count = (counts.get(key) ?? 0) + number
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
