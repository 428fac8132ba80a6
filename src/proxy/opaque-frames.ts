// A browser's WebSocket frames to something that is no RFB server: what they say is between the two, and only that the browser
// has said Close is told.

import { FrameCounter } from './frames.ts'

/** Stands where ClientFrames does for a desktop. */
export class OpaqueFrames {
  readonly #frames = new FrameCounter()

  get hasClosed(): boolean {
    return this.#frames.hasClosed
  }

  check(chunk: Uint8Array): 'as-it-came' {
    this.#frames.count(chunk)
    return 'as-it-came'
  }

  takeRewritten(): readonly Buffer[] {
    return []
  }
}
