// A browser's WebSocket frames to something that is no RFB server: what they say is between the two, and only that the browser
// has said Close is told.

import { FrameCounter } from './frames.ts'

/** More than any chunk takes. */
const UNBOUNDED = 2 ** 30 - 1

/** Stands where ClientFrames does for a desktop. */
export class OpaqueFrames {
  /** As in ClientFrames; a step is a header or a payload. */
  stepsLeft = UNBOUNDED
  readonly #frames = new FrameCounter()
  #checked = 0

  get hasClosed(): boolean {
    return this.#frames.hasClosed
  }

  /** How much of the last chunk `check` has gone over; the rest is to be given to it again. */
  get checked(): number {
    return this.#checked
  }

  check(chunk: Uint8Array): 'as-it-came' {
    let at = 0
    while (at < chunk.length && this.stepsLeft > 0) {
      at = this.#frames.step(chunk, at)
      this.stepsLeft -= 1
    }
    this.#checked = at
    return 'as-it-came'
  }

  takeRewritten(): readonly Buffer[] {
    return []
  }
}
