// A client that writes exactly the given bytes and returns exactly what it receives: for requests that no HTTP library
// would send, and for WebSockets frame by frame.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { encodeFrame, FrameReader, OPCODE, type Frame, type FrameShape } from './websocket-wire.ts'

export interface ConnectOptions {
  readonly host?: string
  /** TLS without checking the certificate. */
  readonly tls?: boolean
  /** Keep our half open after the server's FIN. */
  readonly allowHalfOpen?: boolean
}

export interface RawRequestOptions extends ConnectOptions {
  /** How long to wait for the connection to end; 2 s. */
  readonly timeoutMs?: number
  /** Between the writes of a list; 20 ms, so that each is a read of its own at the other end. */
  readonly gapMs?: number
  /** Send FIN after the last write. */
  readonly end?: boolean
}

export interface RawAnswer {
  /** All bytes of the connection, latin1. */
  readonly raw: string
  /** 0 when no status line came. */
  readonly status: number
  /** Up to the empty line, without it. */
  readonly head: string
  /** Everything after the empty line, still chunked if it came so. */
  readonly body: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly ended: 'fin' | 'rst' | 'timeout'
}

/** Writes the bytes, or each item as a write of its own, and collects the answer until the connection ends. */
export async function rawRequest(
  port: number,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  options: RawRequestOptions = {},
): Promise<RawAnswer> {
  const socket = openSocket(port, options)
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  const ended = new Promise<RawAnswer['ended']>((resolve) => {
    socket.on('error', () => resolve('rst')).on('close', () => resolve('fin'))
    setTimeout(resolve, options.timeoutMs ?? 2_000, 'timeout').unref()
  })
  const writes = typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes
  for (const [index, write] of writes.entries()) {
    if (index > 0) await delay(options.gapMs ?? 20)
    if (!socket.destroyed)
      socket.write(typeof write === 'string' ? Buffer.from(write, 'latin1') : write)
  }
  if (options.end) socket.end()
  const how = await ended
  socket.destroy()
  return { ...parseAnswer(Buffer.concat(received).toString('latin1')), ended: how }
}

export interface UpgradeOptions {
  readonly path?: string
  /** Null leaves the header out; so for `protocol`. */
  readonly origin?: string | null
  readonly protocol?: string | null
  readonly cookie?: string
  readonly key?: string
  /** After all others, in this case and order. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The text of an upgrade request as a browser writes it. */
export function upgradeRequest(port: number, options: UpgradeOptions = {}): string {
  const { path = '/websockify', origin = `http://127.0.0.1:${port}`, protocol = 'binary' } = options
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${options.key ?? randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
  ]
  if (origin !== null) lines.push(`Origin: ${origin}`)
  if (protocol !== null) lines.push(`Sec-WebSocket-Protocol: ${protocol}`)
  if (options.cookie !== undefined) lines.push(`Cookie: ${options.cookie}`)
  for (const [name, value] of Object.entries(options.headers ?? {})) lines.push(`${name}: ${value}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

export interface WebSocketEnd {
  readonly how: 'fin' | 'rst'
  /** Of the Close frame, if one came. */
  readonly code?: number
  readonly reason?: string
}

export interface RawWebSocket {
  readonly status: number
  readonly head: string
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly socket: Socket
  /** Masked and binary unless `shape` says otherwise. */
  sendFrame(payload: string | Uint8Array, shape?: FrameShape): void
  /** Every frame in turn, control frames too; rejects when none comes in time (2 s) or the connection has ended. */
  nextFrame(timeoutMs?: number): Promise<Frame>
  /** The end of the TCP connection. Nothing is answered automatically: no Pong, no Close. */
  readonly closed: Promise<WebSocketEnd>
}

/** Upgrades by hand; resolves with the answer's head, whatever its status. */
export async function openWebSocket(
  port: number,
  options: UpgradeOptions & ConnectOptions = {},
): Promise<RawWebSocket> {
  const socket = openSocket(port, options)
  const reader = new FrameReader()
  const frames: Frame[] = []
  let head: string | undefined
  let received = Buffer.alloc(0)
  let closeFrame: Omit<WebSocketEnd, 'how'> = {}

  const take = (chunk: Buffer): void => {
    for (const frame of reader.push(chunk)) {
      frames.push(frame)
      if (frame.opcode === OPCODE.close && frame.payload.length >= 2) {
        const reason = frame.payload.toString('utf8', 2)
        closeFrame = { code: frame.payload.readUInt16BE(), reason }
      }
    }
  }
  socket.on('data', (chunk: Buffer) => {
    if (head === undefined) {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      head = received.toString('latin1', 0, end)
      take(received.subarray(end + 4))
    } else take(chunk)
  })
  const closed = new Promise<WebSocketEnd>((resolve) => {
    let how: WebSocketEnd['how'] = 'fin'
    socket.on('error', () => (how = 'rst'))
    socket.on('close', () => resolve({ how, ...closeFrame }))
  })
  const until = async (isDone: () => boolean, timeoutMs: number, what: string): Promise<void> => {
    const deadline = Date.now() + timeoutMs
    while (!isDone()) {
      if (socket.destroyed) throw new Error(`connection ended before ${what}`)
      if (Date.now() >= deadline) throw new Error(`no ${what} within ${timeoutMs} ms`)
      await delay(2)
    }
  }

  socket.write(upgradeRequest(port, options))
  await until(() => head !== undefined, 5_000, 'answer to the upgrade')
  const answer = parseAnswer(`${head}\r\n\r\n`)
  return {
    status: answer.status,
    head: answer.head,
    headers: answer.headers,
    socket,
    closed,
    sendFrame(payload, shape) {
      socket.write(encodeFrame(payload, { masked: true, ...shape }))
    },
    async nextFrame(timeoutMs = 2_000) {
      await until(() => frames.length > 0, timeoutMs, 'frame')
      return frames.shift() as Frame
    },
  }
}

function openSocket(port: number, options: ConnectOptions): Socket {
  const { host = '127.0.0.1', allowHalfOpen = false } = options
  // A connection that dies is a result here; 'close' follows every 'error'.
  return options.tls
    ? connectTls({ host, port, rejectUnauthorized: false }).on('error', () => {})
    : connect({ host, port, allowHalfOpen, noDelay: true }).on('error', () => {})
}

function parseAnswer(raw: string): Omit<RawAnswer, 'ended'> {
  const end = raw.indexOf('\r\n\r\n')
  const head = end < 0 ? raw : raw.slice(0, end)
  const headers = new Map<string, string[]>()
  const [statusLine = '', ...lines] = head.split('\r\n')
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0)
  return { raw, status, head, body: end < 0 ? '' : raw.slice(end + 4), headers }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
