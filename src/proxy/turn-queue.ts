// Tunnels whose browser has sent more than may be gone over at once go on in a later turn of the event loop, a few each
// turn and in order: however many of them flood the gateway with tiny frames, a turn stays short for everybody else.

/** What a tunnel may go over (ClientFrames.stepsLeft) before the others come: 256 of the smallest frames take some 50 µs. */
export const STEPS_A_TURN = 256
export const MAX_TUNNELS_A_TURN = 4

export interface Yielding {
  /** Its turn has come; it may wait for another one at once. */
  takeTurn(): void
}

export class TurnQueue {
  readonly #waiting = new Set<Yielding>()
  #isScheduled = false

  wait(tunnel: Yielding): void {
    this.#waiting.add(tunnel)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    // After the reads of a turn, so that everybody else is served in between.
    setImmediate(() => this.#giveTurns())
  }

  #giveTurns(): void {
    this.#isScheduled = false
    // Those who wait again are not for this turn.
    let left = Math.min(this.#waiting.size, MAX_TUNNELS_A_TURN)
    for (const tunnel of this.#waiting) {
      if (left === 0) break
      left -= 1
      this.#waiting.delete(tunnel)
      tunnel.takeTurn()
    }
    if (this.#waiting.size > 0) this.#schedule()
  }
}
