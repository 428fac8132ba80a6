// WebSocket frames (RFC 6455 5.2) from the browser: each must be one that every server behind us takes for the same
// bytes as we do (docs/architecture.md, invariant 14), for KasmVNC looks at neither FIN nor RSV and drops what it does not
// know. The payload is shown to a reader where it lies.

import { headerLength, payloadLength } from './frames.ts'

const LONGEST_HEADER = 14
const SHORT_HEADER = 6
const LONGEST_CONTROL = 125
/** What stands for a length in 16 bits, the longest of those, and what stands for one in 64. */
const LENGTH_16 = 126
const LONGEST_16 = 0xffff
const LENGTH_64 = 127
/** Whole messages, no extension: the only first bytes there are. */
const BINARY = 0x82
const CLOSE = 0x88
const PING = 0x89
const PONG = 0x8a
const MASKED = 0x80

/** Is shown the payload of a client's binary frames, still masked, and may write to it. */
export interface PayloadReader {
  read(chunk: Uint8Array, from: number, to: number, mask: Uint8Array, phase: number): void
}

/** Follows a client's stream of frames through any split into chunks. */
export class ClientFrames {
  readonly #limit: number
  readonly #reader: PayloadReader
  readonly #header = Buffer.alloc(LONGEST_HEADER)
  readonly #mask = new Uint8Array(4)
  /** Of the header under way; a wrong one stays under way for good. */
  #headerBytes = 0
  #payloadLeft = 0
  /** Place in the mask of the next byte of payload. */
  #phase = 0
  #isBinary = false
  #hasClosed = false
  #hasPonged = false
  #isBroken = false

  /** `limit` is the longest payload the server takes; one that fits 16 bits means that it knows no longer form. */
  constructor(limit: number, reader: PayloadReader) {
    this.#limit = limit
    this.#reader = reader
  }

  /** The client has said Close; anything more is a violation. */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Whether a Pong came since this was last asked. */
  takePong(): boolean {
    const had = this.#hasPonged
    this.#hasPonged = false
    return had
  }

  /** Goes over a whole chunk before it is forwarded. After a violation every chunk is one. */
  check(chunk: Uint8Array): 'ok' | 'violation' {
    if (this.#isOneShortFrame(chunk)) {
      this.#takeMask(chunk, SHORT_HEADER)
      this.#reader.read(chunk, SHORT_HEADER, chunk.length, this.#mask, 0)
      return 'ok'
    }
    for (let at = 0; at < chunk.length && !this.#isBroken;) {
      at = this.#payloadLeft > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at)
    }
    return this.#isBroken ? 'violation' : 'ok'
  }

  /** A whole binary frame and nothing else, as every key and pointer event comes. */
  #isOneShortFrame(chunk: Uint8Array): boolean {
    const length = chunk.length - SHORT_HEADER
    return (
      chunk[0] === BINARY &&
      length >= 0 &&
      length < LENGTH_16 &&
      length <= this.#limit &&
      chunk[1] === (MASKED | length) &&
      this.#headerBytes === 0 &&
      this.#payloadLeft === 0 &&
      !this.#hasClosed
    )
  }

  #readPayload(chunk: Uint8Array, from: number): number {
    const to = from + Math.min(this.#payloadLeft, chunk.length - from)
    if (this.#isBinary) this.#reader.read(chunk, from, to, this.#mask, this.#phase)
    this.#payloadLeft -= to - from
    this.#phase = (this.#phase + to - from) & 3
    return to
  }

  /** As far as the header goes, or to its first wrong byte. */
  #readHeader(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length) {
      this.#header[this.#headerBytes] = chunk[at] as number
      this.#headerBytes += 1
      at += 1
      if (!this.#isAllowed()) {
        this.#isBroken = true
        break
      }
      if (this.#headerBytes >= 2 && this.#headerBytes === headerLength(this.#header)) {
        this.#beginPayload()
        break
      }
    }
    return at
  }

  /** Judges the byte of the header that came last. */
  #isAllowed(): boolean {
    const first = this.#header[0]
    const isControl = first === CLOSE || first === PING || first === PONG
    if (this.#headerBytes === 1) return !this.#hasClosed && (first === BINARY || isControl)
    if (this.#headerBytes === 2) {
      const second = this.#header[1] as number
      if (second < MASKED) return false
      const form = second & 0x7f
      if (isControl) return form <= LONGEST_CONTROL
      return form !== LENGTH_64 || this.#limit > LONGEST_16
    }
    // A length written longer than it need be is what it says, to KasmVNC as to websockify; others hang up on it.
    return (
      isControl ||
      this.#headerBytes < headerLength(this.#header) ||
      payloadLength(this.#header) <= this.#limit
    )
  }

  #beginPayload(): void {
    const first = this.#header[0]
    this.#isBinary = first === BINARY
    this.#hasClosed = first === CLOSE
    this.#hasPonged ||= first === PONG
    this.#payloadLeft = payloadLength(this.#header)
    this.#takeMask(this.#header, this.#headerBytes)
    this.#phase = 0
    this.#headerBytes = 0
  }

  /** The last four bytes of a header. */
  #takeMask(header: Uint8Array, end: number): void {
    for (let at = 0; at < 4; at += 1) this.#mask[at] = header[end - 4 + at] as number
  }
}
