// WebSocket frames (RFC 6455 5.2) towards the browser, as far as the gateway needs them: where one ends. Headers are
// counted, payloads pass unseen; and the two frames that the gateway says itself, Close and Ping.

import { randomBytes } from 'node:crypto'

const MAX_HEADER = 14
const CLOSE = 0x8

/** Follows a stream of frames through any split into chunks. */
export class FrameCounter {
  readonly #header = Buffer.alloc(MAX_HEADER)
  #headerBytes = 0
  #payloadLeft = 0
  #hasClosed = false

  /** Between two frames: the only place where another one may be said. */
  get isAtBoundary(): boolean {
    return this.#payloadLeft === 0 && this.#headerBytes === 0
  }

  /** The stream has said Close itself; nothing may follow it. */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Goes over a whole chunk. */
  count(chunk: Uint8Array): void {
    // Most chunks of a picture lie within one frame.
    if (chunk.length < this.#payloadLeft) {
      this.#payloadLeft -= chunk.length
      return
    }
    for (let at = 0; at < chunk.length;) at = this.step(chunk, at)
  }

  /** Goes on to the end of the frame under way, and no further; how much of the chunk that is. */
  countToBoundary(chunk: Uint8Array): number {
    let at = 0
    while (at < chunk.length && !this.isAtBoundary) at = this.step(chunk, at)
    return at
  }

  /** Goes as far as one header or one payload does; where in the chunk that is. */
  step(chunk: Uint8Array, from: number): number {
    if (this.#payloadLeft > 0) {
      const taken = Math.min(this.#payloadLeft, chunk.length - from)
      this.#payloadLeft -= taken
      return from + taken
    }
    let at = from
    while (at < chunk.length) {
      this.#header[this.#headerBytes] = chunk[at] as number
      this.#headerBytes += 1
      at += 1
      if (this.#headerBytes >= 2 && this.#headerBytes === headerLength(this.#header)) {
        this.#payloadLeft = payloadLength(this.#header)
        this.#hasClosed ||= ((this.#header[0] as number) & 0x0f) === CLOSE
        this.#headerBytes = 0
        break
      }
    }
    return at
  }
}

/** Bytes of the header whose first two are known. */
export function headerLength(header: Uint8Array): number {
  const second = header[1] as number
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0)
}

/** Bytes of the payload that a whole header announces; 2^53 and more come out as Infinity. */
export function payloadLength(header: Buffer): number {
  const length = (header[1] as number) & 0x7f
  if (length === 126) return header.readUInt16BE(2)
  if (length < 126) return length
  const high = header.readUInt32BE(2)
  return high >= 0x20_0000
    ? Number.POSITIVE_INFINITY
    : high * 0x1_0000_0000 + header.readUInt32BE(6)
}

/** A Close of the server's (unmasked). `reason` is one of our own words, hence short. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(4 + text.length)
  frame[0] = 0x80 | CLOSE
  frame[1] = 2 + text.length
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}

/** A Ping with a payload that nobody can answer in advance. */
export function pingFrame(): Buffer {
  return Buffer.concat([Buffer.from([0x89, 8]), randomBytes(8)])
}
