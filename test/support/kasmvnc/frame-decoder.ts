// KasmVNC's end of a WebSocket: decode_hybi() and the 64 KiB buffer it works in (WS.c:509-610,
// WY.c:128-200). If a gateway forwards a frame that this code drops, the user's data is lost.

import { applyMask, OPCODE } from '../websocket-wire.ts'
import { decodeBase64 } from './request.ts'

/** A whole frame must fit with its header, so 65,527 bytes of payload are the most. */
const BUFFER_BYTES = 65_535

/** A client frame as it arrived. */
export interface ClientFrame {
  readonly opcode: number
  readonly fin: boolean
  readonly rsv: number
  readonly masked: boolean
  /** -1 for a length in the 64-bit form, which is never read. */
  readonly payloadLength: number
  /** The frame on the wire, header and mask included, as far as it had arrived. */
  readonly bytes: Buffer
}

export type Decoded =
  | { readonly outcome: 'data'; readonly data: Buffer }
  | { readonly outcome: 'close'; readonly reason: string }

export class FrameDecoder {
  readonly #onFrame: (frame: ClientFrame) => void
  #buffer = Buffer.alloc(0)

  constructor(onFrame: (frame: ClientFrame) => void) {
    this.#onFrame = onFrame
  }

  /** What the RFB side gets of these bytes, read by read, or why the connection ends. */
  *decode(chunk: Buffer): Generator<Decoded> {
    let unread = chunk
    while (unread.length > 0) {
      const room = BUFFER_BYTES - this.#buffer.length
      if (room === 0) {
        // recv() with no room returns 0, which is taken for the client's FIN.
        yield { outcome: 'close', reason: 'frame over the buffer' }
        return
      }
      this.#buffer = Buffer.concat([this.#buffer, unread.subarray(0, room)])
      unread = unread.subarray(room)
      const decoded = this.#decodeBuffer()
      yield decoded
      if (decoded.outcome === 'close') return
    }
  }

  /** When the connection ends, data from the same read is lost. */
  #decodeBuffer(): Decoded {
    const data: Buffer[] = []
    for (;;) {
      const buffer = this.#buffer
      const [first, second] = buffer
      if (first === undefined || second === undefined) break
      const opcode = first & 0x0f
      const masked = (second & 0x80) !== 0
      const form = second & 0x7f
      const header = { opcode, fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, masked }
      if (opcode === OPCODE.close) {
        this.#onFrame({ ...header, payloadLength: form, bytes: buffer })
        return { outcome: 'close', reason: 'client sent Close' }
      }
      if (form === 127) {
        this.#onFrame({ ...header, payloadLength: -1, bytes: buffer })
        return { outcome: 'close', reason: '64-bit length' }
      }
      if (form === 126 && buffer.length < 4) break
      const payloadLength = form === 126 ? buffer.readUInt16BE(2) : form
      const start = (form === 126 ? 4 : 2) + (masked ? 4 : 0)
      const end = start + payloadLength
      if (buffer.length < end) break

      this.#buffer = buffer.subarray(end)
      this.#onFrame({ ...header, payloadLength, bytes: buffer.subarray(0, end) })
      // FIN and RSV are not looked at, and what is neither text nor binary is dropped: Ping, Pong, and continuations.
      if ((opcode !== OPCODE.text && opcode !== OPCODE.binary) || payloadLength === 0) continue
      if (!masked) return { outcome: 'close', reason: 'unmasked payload' }
      const payload = applyMask(buffer.subarray(start, end), buffer.subarray(start - 4, start))
      data.push(opcode === OPCODE.text ? decodeBase64(payload.toString('latin1')) : payload)
    }
    return { outcome: 'data', data: Buffer.concat(data) }
  }
}
