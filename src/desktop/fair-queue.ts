// Shares a scarce resource among persons. Each person has a maximum number of places. Waiting requests are served round robin, one
// per person in turn, however many of one person wait.

export interface QueueLimits {
  /** Maximum number of places, in total and per person. */
  readonly maxConcurrent: number
  readonly maxConcurrentOfOne: number
  /** Maximum number of waiting requests, in total and per person. */
  readonly maxWaiting: number
  readonly maxWaitingOfOne: number
  /** Milliseconds. */
  readonly maxWait: number
}

type Settle = (isGranted: boolean) => void

/** The places and the waiting requests of one person. */
interface Share {
  running: number
  /** In order of arrival. */
  readonly waiting: Set<Settle>
}

export class FairQueue {
  readonly #limits: QueueLimits
  readonly #shares = new Map<string, Share>()
  /** Persons with waiting requests. The first one is next. */
  readonly #turns = new Set<Share>()
  #running = 0
  #waiting = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  /** Persons who hold a place or wait for one. */
  get persons(): number {
    return this.#shares.size
  }

  /** Takes a place for `person` (session/person.ts) if one is free. If true, give it back with `release`. */
  tryAcquire(person: string): boolean {
    const isFree = this.#isFree(this.#shares.get(person))
    if (isFree) this.#begin(this.#shareOf(person))
    return isFree
  }

  /**
   * Takes a place, or waits for one. True: give it back with `release`. False: too many wait, in all or of this person;
   * the wait took too long; or the function that `onWait` was given was called.
   */
  acquire(
    person: string,
    onWait: (giveUp: () => void) => void = () => {},
  ): Promise<boolean> | boolean {
    if (this.tryAcquire(person)) return true
    const { maxWaiting, maxWaitingOfOne, maxWait } = this.#limits
    const waitingOfOne = this.#shares.get(person)?.waiting.size ?? 0
    if (this.#waiting >= maxWaiting || waitingOfOne >= maxWaitingOfOne) return false
    const share = this.#shareOf(person)
    return new Promise((resolve) => {
      const settle: Settle = (isGranted) => {
        clearTimeout(timer)
        if (share.waiting.delete(settle)) this.#waiting -= 1
        if (share.waiting.size === 0) this.#turns.delete(share)
        this.#forgetIfIdle(person, share)
        resolve(isGranted)
      }
      const timer = setTimeout(settle, maxWait, false).unref()
      this.#waiting += 1
      share.waiting.add(settle)
      this.#turns.add(share)
      onWait(() => settle(false))
    })
  }

  release(person: string): void {
    const share = this.#shareOf(person)
    this.#running -= 1
    share.running -= 1
    this.#forgetIfIdle(person, share)
    this.#serve()
  }

  #serve(): void {
    for (const share of this.#turns) {
      if (this.#running >= this.#limits.maxConcurrent) return
      const [next] = share.waiting
      if (next === undefined || !this.#isFree(share)) continue
      // Move the person to the end of the line; the loop comes back to them.
      this.#turns.delete(share)
      this.#turns.add(share)
      this.#begin(share)
      next(true)
    }
  }

  #isFree(share: Share | undefined): boolean {
    const { maxConcurrent, maxConcurrentOfOne } = this.#limits
    return this.#running < maxConcurrent && (share?.running ?? 0) < maxConcurrentOfOne
  }

  #begin(share: Share): void {
    this.#running += 1
    share.running += 1
  }

  #shareOf(person: string): Share {
    let share = this.#shares.get(person)
    if (share === undefined) {
      share = { running: 0, waiting: new Set() }
      this.#shares.set(person, share)
    }
    return share
  }

  #forgetIfIdle(person: string, share: Share): void {
    if (share.running === 0 && share.waiting.size === 0 && this.#shares.get(person) === share) {
      this.#shares.delete(person)
    }
  }
}
