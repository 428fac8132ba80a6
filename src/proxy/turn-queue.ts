// Tunnels that have received more than one turn of the event loop may process continue in a later turn, a few per turn and in
// order. So a turn stays short for all others, however many tunnels flood the gateway with tiny frames.

/** Steps of one tunnel per turn (ClientFrames.stepsLeft). 256 of the smallest frames take about 50 µs. */
export const STEPS_A_TURN = 256
export const MAX_TUNNELS_A_TURN = 4

export interface Yielding {
  /** Called when it is the tunnel's turn. The tunnel may queue again at once. */
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
    // Runs after the reads of a turn, so that the other tunnels are served in between.
    setImmediate(() => this.#giveTurns())
  }

  #giveTurns(): void {
    this.#isScheduled = false
    // Tunnels that queue again wait for the next turn.
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
