// WebSocket frames (RFC 6455 5.2) from the browser. Each frame must mean the same bytes to the gateway and to every server
// behind it (docs/architecture.md, invariant 14): KasmVNC ignores FIN and RSV and drops frames that it does not know. A reader
// parses the payload in place. If parts must not be forwarded, the rest is sent in frames of the gateway's own: whole messages,
// masked with the client's key, never longer than the client's frames.

import { headerLength, payloadLength } from './frames.ts'

const MAX_HEADER = 14
const SHORT_HEADER = 6
const HEADER_16 = 8
const MAX_CONTROL = 125
/** Code for a 16-bit length, the greatest such length, and code for a 64-bit length. */
const LENGTH_16 = 126
const MAX_16 = 0xffff
const LENGTH_64 = 127
/** Whole messages without extensions: the only allowed first bytes. */
const BINARY = 0x82
const CLOSE = 0x88
const PING = 0x89
const PONG = 0x8a
const MASKED = 0x80
/** More steps than any chunk needs. */
const UNBOUNDED = 2 ** 30 - 1
/** Steps granted to a frame that has begun, so that a frame with as many messages as clients write at once is not split. */
const MIN_STEPS_OF_FRAME = 64

/** Receives the masked payload of a client's binary frames and may write to it. */
export interface PayloadReader {
  /** Ranges of the last chunk that must not be forwarded: pairs of start and end. */
  readonly cuts: readonly number[]
  /** A byte withheld from an earlier chunk that must now be sent before the last one. */
  readonly restored: number | undefined
  /** How many numbers were parsed in the last chunk. */
  readonly numbersRead: number
  /** Returns where it stopped: at the end, or after `maxNumbers` numbers. */
  read(
    chunk: Uint8Array,
    from: number,
    to: number,
    mask: Uint8Array,
    phase: number,
    maxNumbers?: number,
  ): number
}

/** Parses a client's stream of frames, however it is split into chunks. */
export class ClientFrames {
  /**
   * How much may still be gone over: a step is a frame, or a number that the reader has to understand. Where none is
   * left, `check` stops at the next place where it can.
   */
  stepsLeft: number = UNBOUNDED
  readonly #limit: number
  readonly #reader: PayloadReader
  readonly #header = Buffer.alloc(MAX_HEADER)
  readonly #mask = new Uint8Array(4)
  /** Bytes of the current header. After a violation the header never completes. */
  #headerBytes = 0
  #payloadLeft = 0
  /** Index into the mask for the next byte of payload. */
  #phase = 0
  #isBinary = false
  #hasClosed = false
  #hasPonged = false
  #isBroken = false
  #rewritten: Buffer[] = []
  #checked = 0

  /** `limit` is the longest payload that the server accepts. If it fits 16 bits, the server knows no longer form. */
  constructor(limit: number, reader: PayloadReader) {
    this.#limit = limit
    this.#reader = reader
  }

  /** The client has sent Close. Any further frame is a violation. */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** How much of the last chunk `check` has processed. Pass the rest to it again. */
  get checked(): number {
    return this.#checked
  }

  /** Whether a Pong has arrived since the last call. */
  takePong(): boolean {
    const had = this.#hasPonged
    this.#hasPonged = false
    return had
  }

  /** The replacement for a rewritten chunk. Returns it only once. */
  takeRewritten(): readonly Buffer[] {
    const pieces = this.#rewritten
    this.#rewritten = []
    return pieces
  }

  /**
   * Goes over a chunk before it is forwarded, up to `checked`: that goes on as it came, or rewritten, or not at all.
   * After a violation every chunk is one.
   */
  check(chunk: Buffer): 'as-it-came' | 'rewritten' | 'violation' {
    if (this.#isOneShortFrame(chunk)) {
      this.#takeMask(chunk, SHORT_HEADER)
      this.#reader.read(chunk, SHORT_HEADER, chunk.length, this.#mask, 0)
      this.stepsLeft -= 1 + this.#reader.numbersRead
      this.#checked = chunk.length
      if (this.#isAllKept) return 'as-it-came'
      this.#rewrite(chunk, SHORT_HEADER, chunk.length, 0)
      return 'rewritten'
    }
    return this.#checkFrames(chunk)
  }

  #checkFrames(chunk: Buffer): 'as-it-came' | 'rewritten' | 'violation' {
    let isRewritten = false
    /** From here on, checked bytes are forwarded unchanged. */
    let kept = 0
    const putAside = (from: number, to: number): void => {
      if (from > kept) this.#rewritten.push(chunk.subarray(kept, from))
      kept = to
      isRewritten = true
    }
    let at = 0
    while (at < chunk.length && !this.#isBroken && this.stepsLeft > 0) {
      const start = at
      const held = this.#headerBytes
      const isBegun = this.#payloadLeft > 0
      if (!isBegun) at = this.#readHeader(chunk, at)
      if (this.#isBroken) break
      if (this.#headerBytes > 0) {
        // It is not yet known how much of the frame is forwarded, and so what its header says.
        putAside(start, at)
      } else if (this.#isBinary && this.#payloadLeft > 0) {
        const from = at
        const phase = this.#phase
        at = this.#readPayload(chunk, at)
        const isWhole = !isBegun && held === 0 && this.#payloadLeft === 0
        if (isWhole && this.#isAllKept) continue
        putAside(start, at)
        this.#rewrite(chunk, from, at, phase)
      } else {
        if (!isBegun && held > 0) {
          putAside(start, start)
          this.#rewritten.push(Buffer.from(this.#header.subarray(0, held)))
        }
        at = this.#readPayload(chunk, at)
      }
    }
    if (this.#isBroken) return 'violation'
    this.#checked = at
    if (isRewritten) putAside(at, at)
    return isRewritten ? 'rewritten' : 'as-it-came'
  }

  get #isAllKept(): boolean {
    return this.#reader.cuts.length === 0 && this.#reader.restored === undefined
  }

  /** The payload that was just read, without its cuts. `phase` is the index into the mask for its first byte. */
  #rewrite(chunk: Buffer, from: number, to: number, phase: number): void {
    const { cuts, restored } = this.#reader
    if (restored !== undefined) {
      this.#rewritten.push(Buffer.from([BINARY, MASKED | 1, 0, 0, 0, 0, restored]))
    }
    let start = from
    for (let next = 0; next <= cuts.length; next += 2) {
      const end = cuts[next] ?? to
      if (end > start) {
        this.#rewritten.push(this.#headerFor(end - start, phase + start - from))
        this.#rewritten.push(chunk.subarray(start, end))
      }
      start = cuts[next + 1] ?? to
    }
  }

  /** Rotates the mask so that bytes masked from `phase` on stay unchanged. */
  #headerFor(length: number, phase: number): Buffer {
    const header = Buffer.alloc(headerLengthFor(length))
    header[0] = BINARY
    if (length < LENGTH_16) header[1] = MASKED | length
    else if (length <= MAX_16) {
      header[1] = MASKED | LENGTH_16
      header.writeUInt16BE(length, 2)
    } else {
      header[1] = MASKED | LENGTH_64
      header.writeUInt32BE(length, 6)
    }
    for (let at = 0; at < 4; at += 1) {
      header[header.length - 4 + at] = this.#mask[(phase + at) & 3] as number
    }
    return header
  }

  /** The chunk is exactly one binary frame, as for every key and pointer event. */
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
    let to = from + Math.min(this.#payloadLeft, chunk.length - from)
    if (this.#isBinary) {
      const maxNumbers = Math.max(this.stepsLeft, MIN_STEPS_OF_FRAME)
      to = this.#reader.read(chunk, from, to, this.#mask, this.#phase, maxNumbers)
      this.stepsLeft -= this.#reader.numbersRead
    }
    this.#payloadLeft -= to - from
    this.#phase = (this.#phase + to - from) & 3
    return to
  }

  /** Reads to the end of the header, or to its first invalid byte. */
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

  /** Checks the latest byte of the header. */
  #isAllowed(): boolean {
    const first = this.#header[0]
    const isControl = first === CLOSE || first === PING || first === PONG
    if (this.#headerBytes === 1) return !this.#hasClosed && (first === BINARY || isControl)
    if (this.#headerBytes === 2) {
      const second = this.#header[1] as number
      if (second < MASKED) return false
      const form = second & 0x7f
      if (isControl) return form <= MAX_CONTROL
      return form !== LENGTH_64 || this.#limit > MAX_16
    }
    // KasmVNC and websockify accept a length in a longer form than needed. Other servers close the connection.
    return (
      isControl ||
      this.#headerBytes < headerLength(this.#header) ||
      payloadLength(this.#header) <= this.#limit
    )
  }

  #beginPayload(): void {
    const first = this.#header[0]
    this.stepsLeft -= 1
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

/** The header of a client's frame, in its shortest form. */
function headerLengthFor(payload: number): number {
  if (payload < LENGTH_16) return SHORT_HEADER
  return payload <= MAX_16 ? HEADER_16 : MAX_HEADER
}
