// A browser's WebSocket frames to a server that does not speak RFB. The gateway does not parse their content; it only notices
// the browser's Close.

import { FrameCounter } from './frames.ts'

/** More steps than any chunk needs. */
const UNBOUNDED = 2 ** 30 - 1

/** Used in place of ClientFrames. */
export class OpaqueFrames {
  /** As in ClientFrames; a step is a header or a payload. */
  stepsLeft: number = UNBOUNDED
  readonly #frames = new FrameCounter()
  #checked = 0

  get hasClosed(): boolean {
    return this.#frames.hasClosed
  }

  /** How much of the last chunk `check` has processed. Pass the rest to it again. */
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
