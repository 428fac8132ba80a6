// Who may ask a server next: so many requests at once in all and of one session, first come first served, and nobody
// waits for ever.

interface Waiting {
  readonly who: string | undefined
  readonly grant: (isGranted: boolean) => void
}

export interface QueueLimits {
  readonly maxConcurrent: number
  readonly maxConcurrentOfOne: number
  readonly maxWaiting: number
  readonly maxWaitingOfOne: number
  /** Milliseconds. */
  readonly maxWait: number
}

export class FairQueue {
  readonly #limits: QueueLimits
  readonly #waiting = new Set<Waiting>()
  readonly #running = new Map<string | undefined, number>()
  readonly #waitingOf = new Map<string | undefined, number>()
  #total = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  /**
   * True when it is the turn of `who`, a session, or the gateway itself (undefined); give it back with `release`. False when too
   * many wait, of all or of this one, it did not come in time, or it was given up by what `onWait` was given.
   */
  acquire(
    who: string | undefined,
    onWait: (giveUp: () => void) => void = () => {},
  ): Promise<boolean> | boolean {
    if (this.#isFree(who)) {
      this.#begin(who)
      return true
    }
    const { maxWaiting: most, maxWaitingOfOne } = this.#limits
    if (this.#waiting.size >= most || (this.#waitingOf.get(who) ?? 0) >= maxWaitingOfOne)
      return false
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
      const timer = setTimeout(() => waiting.grant(false), this.#limits.maxWait).unref()
      this.#waiting.add(waiting)
      onWait(() => waiting.grant(false))
    })
  }

  release(who: string | undefined): void {
    this.#total -= 1
    add(this.#running, who, -1)
    for (const waiting of this.#waiting) {
      if (this.#total >= this.#limits.maxConcurrent) return
      if (!this.#isFree(waiting.who)) continue
      this.#begin(waiting.who)
      waiting.grant(true)
    }
  }

  #isFree(who: string | undefined): boolean {
    const { maxConcurrent, maxConcurrentOfOne } = this.#limits
    return this.#total < maxConcurrent && (this.#running.get(who) ?? 0) < maxConcurrentOfOne
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
