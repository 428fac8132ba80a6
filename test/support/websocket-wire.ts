// RFC 6455 on the wire, for either end of a test: frames of any form, including forms that the RFC forbids.

import { createHash, randomBytes } from 'node:crypto'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FrameShape {
  readonly opcode?: number
  readonly fin?: boolean
  /** The three reserved bits as one number, 4 for RSV1. */
  readonly rsv?: number
  readonly masked?: boolean
  /** How the length is written; the shortest form when left out. */
  readonly lengthBits?: 7 | 16 | 64
}

export interface Frame {
  readonly opcode: number
  readonly fin: boolean
  readonly rsv: number
  readonly masked: boolean
  readonly payload: Buffer
}

/** One frame; binary, whole and unmasked unless `shape` says otherwise. */
export function encodeFrame(payload: string | Uint8Array, shape: FrameShape = {}): Buffer {
  const data = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload)
  const { opcode = OPCODE.binary, fin = true, rsv = 0, masked = false } = shape
  const lengthBits = shape.lengthBits ?? (data.length < 126 ? 7 : data.length < 65_536 ? 16 : 64)
  const header = Buffer.alloc({ 7: 2, 16: 4, 64: 10 }[lengthBits])
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  if (lengthBits === 7) header[1] = data.length
  if (lengthBits === 16) header.writeUInt16BE(data.length, 2)
  if (lengthBits === 64) header.writeBigUInt64BE(BigInt(data.length), 2)
  if (lengthBits !== 7) header[1] = lengthBits === 16 ? 126 : 127
  if (!masked) return Buffer.concat([header, data])

  header[1] = (header[1] ?? 0) | 0x80
  const mask = randomBytes(4)
  return Buffer.concat([header, mask, applyMask(data, mask)])
}

export function encodeClose(code: number, reason = '', shape: FrameShape = {}): Buffer {
  const status = Buffer.alloc(2)
  status.writeUInt16BE(code)
  return encodeFrame(Buffer.concat([status, Buffer.from(reason)]), {
    ...shape,
    opcode: OPCODE.close,
  })
}

/** Masking and unmasking are the same (RFC 6455 5.3). */
export function applyMask(data: Uint8Array, mask: Uint8Array): Buffer {
  return Buffer.from(data.map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
}

/** Cuts a byte stream into frames; takes every opcode, length form and mask. */
export class FrameReader {
  #bytes = Buffer.alloc(0)

  push(chunk: Uint8Array): Frame[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const frames: Frame[] = []
    for (let frame = this.#shift(); frame !== undefined; frame = this.#shift()) frames.push(frame)
    return frames
  }

  #shift(): Frame | undefined {
    const bytes = this.#bytes
    const [first, second] = bytes
    if (first === undefined || second === undefined) return undefined
    const form = second & 0x7f
    const lengthEnd = form === 127 ? 10 : form === 126 ? 4 : 2
    if (bytes.length < lengthEnd) return undefined
    const length =
      form === 127 ? Number(bytes.readBigUInt64BE(2)) : form === 126 ? bytes.readUInt16BE(2) : form
    const masked = (second & 0x80) !== 0
    const start = lengthEnd + (masked ? 4 : 0)
    if (bytes.length < start + length) return undefined
    const payload = bytes.subarray(start, start + length)
    this.#bytes = bytes.subarray(start + length)
    return {
      opcode: first & 0x0f,
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      masked,
      payload: masked ? applyMask(payload, bytes.subarray(lengthEnd, start)) : payload,
    }
  }
}

/** The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`. */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
