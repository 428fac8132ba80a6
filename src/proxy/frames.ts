// WebSocket frames (RFC 6455 5.2) towards the browser. The gateway only finds where each frame ends; payloads pass unread. It also
// sends two frames of its own: Close and Ping.

import { randomBytes } from 'node:crypto'

const MAX_HEADER = 14
const CLOSE = 0x8

/** Finds the frame boundaries in a stream, however it is split into chunks. */
export class FrameCounter {
  readonly #header = Buffer.alloc(MAX_HEADER)
  #headerBytes = 0
  #payloadLeft = 0
  #hasClosed = false

  /** The stream is between two frames. Only here may another frame be sent. */
  get isAtBoundary(): boolean {
    return this.#payloadLeft === 0 && this.#headerBytes === 0
  }

  /** The stream has sent Close itself. Nothing may follow it. */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Processes a whole chunk. */
  count(chunk: Uint8Array): void {
    // Most chunks of a picture are within one frame.
    if (chunk.length < this.#payloadLeft) {
      this.#payloadLeft -= chunk.length
      return
    }
    for (let at = 0; at < chunk.length;) at = this.step(chunk, at)
  }

  /** Processes the chunk to the end of the current frame. Returns how many bytes that is. */
  countToBoundary(chunk: Uint8Array): number {
    let at = 0
    while (at < chunk.length && !this.isAtBoundary) at = this.step(chunk, at)
    return at
  }

  /** Processes one header or one payload. Returns the position after it. */
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

/** The length of a header by its first two bytes. */
export function headerLength(header: Uint8Array): number {
  const second = header[1] as number
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0)
}

/** The payload length in a complete header. Lengths of 2^53 and more become Infinity. */
export function payloadLength(header: Buffer): number {
  const length = (header[1] as number) & 0x7f
  if (length === 126) return header.readUInt16BE(2)
  if (length < 126) return length
  const high = header.readUInt32BE(2)
  return high >= 0x20_0000
    ? Number.POSITIVE_INFINITY
    : high * 0x1_0000_0000 + header.readUInt32BE(6)
}

/** A server's Close (unmasked). `reason` is one of the gateway's own words, so it is short. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(4 + text.length)
  frame[0] = 0x80 | CLOSE
  frame[1] = 2 + text.length
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}

/** A Ping with a random payload, so that nobody can answer it in advance. */
export function pingFrame(): Buffer {
  return Buffer.concat([Buffer.from([0x89, 8]), randomBytes(8)])
}
