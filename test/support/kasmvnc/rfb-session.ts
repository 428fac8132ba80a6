// The RFB server behind the WebSocket: handshake, screen, and what input does by right of the Basic user
// (VC is VNCSConnectionST.cxx).

import { readMessage, RfbError, type RfbMessage } from './rfb-reader.ts'

export interface Rights {
  readonly read: boolean
  readonly write: boolean
}

export interface Pointer {
  readonly x: number
  readonly y: number
  readonly buttons: number
}

/** What a client's messages did to the desktop. */
export interface Effects {
  readonly typed: string
  readonly pointers: readonly Pointer[]
  readonly clipboards: readonly { readonly mime: string; readonly text: string }[]
  readonly resizes: readonly {
    readonly width: number
    readonly height: number
    readonly permitted: boolean
  }[]
}

/** What all sessions of one server share. */
export class Screen {
  readonly width = 1_024
  readonly height = 768
  readonly sessions = new Set<RfbSession>()
  /** One at a time while a button is down (VC:790). */
  pointerOwner: RfbSession | undefined
  shade = 0

  /** Something was drawn: whoever waits for an update gets one. */
  change(): void {
    this.shade = (this.shade + 16) % 256
    for (const session of this.sessions) session.update()
  }
}

interface Wire {
  send(bytes: Buffer): void
  close(reason: string): void
}

const BLOCK = 16
const FENCE_REQUEST = 0x8000_0000
const CLIENT_KEEPALIVE_KEYSYM = 1
const WHITESPACE: ReadonlyMap<number, string> = new Map([
  [0xff08, '\b'],
  [0xff09, '\t'],
  [0xff0d, '\n'],
])

export class RfbSession {
  readonly messages: RfbMessage[] = []
  readonly effects: {
    -readonly [K in keyof Effects]: Effects[K] extends readonly (infer T)[] ? T[] : Effects[K]
  } = { typed: '', pointers: [], clipboards: [], resizes: [] }
  shared: boolean | undefined
  sawAFrame = false
  readonly #screen: Screen
  readonly #rights: Rights
  readonly #wire: Wire
  readonly #protocol: Generator<number, never, Buffer>
  #needed: number
  #buffer = Buffer.alloc(0)
  #bytesPerPixel = 4
  #awaited: { readonly x: number; readonly y: number } | undefined

  constructor(screen: Screen, rights: Rights, wire: Wire) {
    this.#screen = screen
    this.#rights = rights
    this.#wire = wire
    screen.sessions.add(this)
    this.#protocol = this.#serve()
    this.#needed = this.#protocol.next().value
  }

  receive(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes])
    try {
      while (this.#buffer.length >= this.#needed && this.#screen.sessions.has(this)) {
        const taken = this.#buffer.subarray(0, this.#needed)
        this.#buffer = this.#buffer.subarray(this.#needed)
        this.#needed = this.#protocol.next(taken).value
      }
    } catch (error) {
      if (!(error instanceof RfbError)) throw error
      this.end(error.message)
    }
  }

  end(reason: string): void {
    if (!this.#screen.sessions.delete(this)) return
    if (this.#screen.pointerOwner === this) this.#screen.pointerOwner = undefined
    this.#wire.close(reason)
  }

  /** A small raw rectangle where the client last asked for one. */
  update(): void {
    if (this.#awaited === undefined) return
    const { x, y } = this.#awaited
    this.#awaited = undefined
    const head = Buffer.alloc(16)
    head.writeUInt16BE(1, 2)
    for (const [index, value] of [x, y, BLOCK, BLOCK].entries()) {
      head.writeUInt16BE(value, 4 + 2 * index)
    }
    const pixels = Buffer.alloc(BLOCK * BLOCK * this.#bytesPerPixel, this.#screen.shade)
    this.sawAFrame = true
    this.#wire.send(Buffer.concat([head, pixels]))
  }

  *#serve(): Generator<number, never, Buffer> {
    this.#wire.send(Buffer.from('RFB 003.008\n'))
    const version = (yield 12).toString('latin1')
    if (!/^RFB 003\.\d{3}\n$/.test(version)) throw new RfbError('not an RFB 3 client')
    this.#wire.send(Buffer.from([1, 1]))
    if ((yield 1).readUInt8() !== 1) throw new RfbError('security type not available')
    this.#wire.send(Buffer.alloc(4))
    this.shared = (yield 1).readUInt8() !== 0
    // Anybody may ask to be alone, a viewer too (VC:741: only the rights of a writer are taken from one).
    if (!this.shared) {
      for (const other of this.#screen.sessions) {
        if (other !== this) other.end('non-shared connection requested')
      }
    }
    this.#wire.send(this.#serverInit())
    for (;;) {
      const message = yield* readMessage()
      this.messages.push(message)
      this.#handle(message)
    }
  }

  #serverInit(): Buffer {
    const size = Buffer.alloc(4)
    size.writeUInt16BE(this.#screen.width, 0)
    size.writeUInt16BE(this.#screen.height, 2)
    const pixelFormat = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0])
    return Buffer.concat([size, pixelFormat, Buffer.from([0, 0, 0, 3]), Buffer.from('x11')])
  }

  #handle({ type, bytes }: RfbMessage): void {
    switch (type) {
      case 0:
        this.#bytesPerPixel = bytes.readUInt8(4) / 8
        return
      case 3:
        return this.#requestUpdate(bytes)
      case 4:
        return this.#key(bytes.readUInt8(1) !== 0, bytes.readUInt32BE(4))
      case 5:
        return this.#point(bytes.readUInt16BE(1), bytes.readUInt16BE(3), bytes.readUInt16BE(5))
      case 180:
        return this.#pasteBinary(bytes)
      case 182:
        return this.#refuseRelay()
      case 184:
        return this.#wire.send(Buffer.from([184, 0]))
      case 188:
        return this.#moveBy(bytes.readUInt8(1), bytes.readInt16BE(2), bytes.readInt16BE(4))
      case 248:
        return this.#fence(bytes)
      case 251:
        return this.#resize(bytes.readUInt16BE(2), bytes.readUInt16BE(4))
      case 255:
        // Without a keycode it is ignored (SR:366).
        if (bytes.readUInt32BE(8) === 0) return
        return this.#key(bytes.readUInt16BE(2) !== 0, bytes.readUInt32BE(4))
      default:
      // 6 is "old cuttext" and has no effect (SR:261); the rest asks for figures, video modes and relays not run here.
    }
  }

  #requestUpdate(bytes: Buffer): void {
    // Without `r` the screen stays blank and the connection up (VC:1008).
    if (!this.#rights.read) return
    this.#awaited = {
      x: Math.min(bytes.readUInt16BE(2), this.#screen.width - BLOCK),
      y: Math.min(bytes.readUInt16BE(4), this.#screen.height - BLOCK),
    }
    const isIncremental = bytes.readUInt8(1) !== 0
    if (!isIncremental) this.update()
  }

  #key(isDown: boolean, keysym: number): void {
    if (!this.#rights.write || !isDown || keysym === CLIENT_KEEPALIVE_KEYSYM) return
    this.effects.typed += characterOf(keysym)
    this.#screen.change()
  }

  #point(buttons: number, x: number, y: number): void {
    const owner = this.#screen.pointerOwner
    if (!this.#rights.write || (owner !== undefined && owner !== this)) return
    this.#screen.pointerOwner = buttons === 0 ? undefined : this
    this.effects.pointers.push({ x, y, buttons })
    this.#screen.change()
  }

  #moveBy(buttons: number, dx: number, dy: number): void {
    const { x, y } = this.effects.pointers.at(-1) ?? { x: 0, y: 0 }
    this.#point(buttons, x + dx, y + dy)
  }

  #pasteBinary(bytes: Buffer): void {
    if (!this.#rights.write) return
    let at = 2
    const take = (count: number): Buffer => bytes.subarray(at, (at += count))
    for (let left = bytes.readUInt8(1); left > 0; left -= 1) {
      const mime = take(take(1).readUInt8()).toString('latin1')
      this.effects.clipboards.push({ mime, text: take(take(4).readUInt32BE()).toString() })
    }
  }

  #refuseRelay(): void {
    const why = this.#rights.write ? 'No such unix channel' : 'No permissions'
    this.#wire.send(Buffer.concat([Buffer.from([182, 0, why.length]), Buffer.from(why)]))
  }

  #fence(bytes: Buffer): void {
    const flags = bytes.readUInt32BE(4)
    if (flags < FENCE_REQUEST || bytes.readUInt8(8) > 64) return
    const reply = Buffer.from(bytes)
    reply.writeUInt32BE(flags % 4, 4)
    this.#wire.send(reply)
  }

  #resize(width: number, height: number): void {
    this.effects.resizes.push({ width, height, permitted: this.#rights.write })
  }
}

/** The character a keysym types, none for modifiers and function keys. */
function characterOf(keysym: number): string {
  const isLatin1 = (keysym >= 0x20 && keysym <= 0x7e) || (keysym >= 0xa0 && keysym <= 0xff)
  if (isLatin1) return String.fromCharCode(keysym)
  if (keysym >= 0x0100_0100 && keysym <= 0x0110_ffff) {
    return String.fromCodePoint(keysym - 0x0100_0000)
  }
  return WHITESPACE.get(keysym) ?? ''
}
