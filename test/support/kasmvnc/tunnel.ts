// One WebSocket on its way to the RFB server (do_proxy(), WY.c:40-210): no Ping is answered, no Close is ever sent.

import type { Socket } from 'node:net'
import { acceptFor, encodeFrame, OPCODE } from '../websocket-wire.ts'
import { switchingProtocols } from './answer.ts'
import { type ClientFrame, FrameDecoder } from './frame-decoder.ts'
import type { RfbMessage } from './rfb-reader.ts'
import { type Effects, RfbSession, type Screen } from './rfb-session.ts'
import type { AcceptedUpgrade } from './route.ts'

/** What a recv() from the RFB side gives at most, and so the longest frame (websocket.h:8). */
const MAX_FRAME = 49_132

export interface Tunnel {
  /** The upgrade request as it came, latin1. */
  readonly handshake: string
  /** Empty with `disableBasicAuth`. */
  readonly user: string
  /** Letters of `rwo`, as set when the tunnel was opened; `rw` with `disableBasicAuth`. */
  readonly permissions: string
  /** First `X-Forwarded-For` value, or the TCP peer. */
  readonly address: string
  readonly frames: readonly ClientFrame[]
  readonly messages: readonly RfbMessage[]
  readonly effects: Effects
  /** What ClientInit asked for; undefined before it. */
  readonly shared: boolean | undefined
  /** Why it ended; undefined while it is open. */
  readonly closedBecause: string | undefined
}

export interface TunnelParts {
  readonly accepted: AcceptedUpgrade
  readonly handshake: string
  readonly socket: Socket
  /** The TCP socket: the same, or what carries the TLS one. */
  readonly transport: Socket
  readonly screen: Screen
  readonly openedAt: Date
}

export class LiveTunnel implements Tunnel {
  readonly handshake: string
  readonly user: string
  readonly permissions: string
  readonly address: string
  readonly openedAt: Date
  readonly frames: ClientFrame[] = []
  closedBecause: string | undefined
  readonly #socket: Socket
  readonly #transport: Socket
  readonly #isBase64: boolean
  readonly #session: RfbSession
  readonly #decoder = new FrameDecoder((frame) => this.frames.push(frame))

  constructor(parts: TunnelParts) {
    const { key, protocol, user, account, address } = parts.accepted
    const { read, write, owner } = account
    this.handshake = parts.handshake
    this.user = user
    this.permissions = `${read ? 'r' : ''}${write ? 'w' : ''}${owner ? 'o' : ''}`
    this.address = address
    this.openedAt = parts.openedAt
    this.#socket = parts.socket
    this.#transport = parts.transport
    this.#isBase64 = protocol === 'base64'
    this.#socket.write(switchingProtocols(acceptFor(key), protocol))
    // VC:1262: who may write may read.
    this.#session = new RfbSession(
      parts.screen,
      { read: read || write, write },
      {
        send: (bytes) => this.send(bytes),
        close: (reason) => this.#end(reason),
      },
    )
    this.#socket
      .on('data', (chunk: Buffer) => this.receive(chunk))
      .on('end', () => this.#session.end('client closed connection'))
      .on('close', () => this.#session.end('client vanished'))
  }

  get messages(): readonly RfbMessage[] {
    return this.#session.messages
  }

  get effects(): Effects {
    return this.#session.effects
  }

  get shared(): boolean | undefined {
    return this.#session.shared
  }

  get sawAFrame(): boolean {
    return this.#session.sawAFrame
  }

  get isOpen(): boolean {
    return this.closedBecause === undefined
  }

  receive(chunk: Buffer): void {
    for (const decoded of this.#decoder.decode(chunk)) {
      if (!this.isOpen) return
      if (decoded.outcome === 'data') this.#session.receive(decoded.data)
      else this.#session.end(decoded.reason)
    }
  }

  /** Splits the data into frames of 49,132 bytes, regardless of message boundaries. */
  send(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += MAX_FRAME) {
      const part = bytes.subarray(start, start + MAX_FRAME)
      const frame = this.#isBase64
        ? encodeFrame(Buffer.from(part).toString('base64'), { opcode: OPCODE.text })
        : encodeFrame(part)
      this.#socket.write(frame)
    }
  }

  /** The desktop ends, orderly or not. */
  close(kind: 'fin' | 'rst'): void {
    if (kind === 'rst') this.#transport.resetAndDestroy()
    this.#session.end(`server closed with ${kind.toUpperCase()}`)
  }

  #end(reason: string): void {
    this.closedBecause ??= reason
    this.#socket.destroy()
  }
}
