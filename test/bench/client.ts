// The browsers of the bench: opens tunnels, moves their mice, and counts and times what comes back. A process of its
// own that does what main.ts asks.

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { CLIENT_HELLO, DESKTOP, ECHO, KEY, POINTER, SERVER_HELLO, type Traffic } from './traffic.ts'

/** Where tunnels are opened, and as whom. */
export interface Door {
  readonly port: number
  readonly origin: string
  readonly cookie: string
}

export type ClientQuestion =
  /** Opens tunnels beside those that are open; answers when all have said hello. */
  | {
      readonly do: 'open'
      readonly door: Door
      readonly traffic: Traffic
      readonly tunnels: number
    }
  /** Lets them run; answers with what passed. */
  | { readonly do: 'run'; readonly ms: number }
  /** One message after the other through the first tunnel; answers with how long each took. */
  | { readonly do: 'round-trips'; readonly count: number }
  | { readonly do: 'close' }

export interface Passed {
  /** Both ways, on the wire. */
  readonly bytes: number
  readonly seconds: number
}

export interface RoundTrips {
  readonly p50Us: number
  readonly p99Us: number
}

/** Enough to be quick, few enough for a listen backlog. */
const OPENED_AT_ONCE = 64

interface Tunnel {
  readonly socket: Socket
  readonly mouse: NodeJS.Timeout | undefined
}

const tunnels: Tunnel[] = []

process.on('message', (question: ClientQuestion) => {
  answer(question).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
console.log(JSON.stringify({ msg: 'listening' }))

async function answer(question: ClientQuestion): Promise<object> {
  switch (question.do) {
    case 'open':
      return open(question.door, question.traffic, question.tunnels)
    case 'run':
      return run(question.ms)
    case 'round-trips':
      return timeRoundTrips(question.count)
    case 'close':
      return close()
  }
}

async function open(door: Door, traffic: Traffic, count: number): Promise<object> {
  for (let left = count; left > 0; left -= OPENED_AT_ONCE) {
    const batch = Math.min(left, OPENED_AT_ONCE)
    tunnels.push(
      ...(await Promise.all(Array.from({ length: batch }, () => openOne(door, traffic)))),
    )
  }
  return {}
}

async function openOne(door: Door, traffic: Traffic): Promise<Tunnel> {
  const socket = connect({ port: door.port, host: '127.0.0.1', noDelay: true })
  await greet(socket, door, traffic)
  socket.on('error', () => socket.destroy())
  // Received bytes are counted by the socket itself.
  if (traffic !== 'echo') socket.resume()
  const mouse = traffic === 'desktop' ? moveMouse(socket) : undefined
  return { socket, mouse }
}

/** Upgrades and exchanges hellos; what follows the server's is left to be read. */
function greet(socket: Socket, door: Door, traffic: Traffic): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const fail = (): void => {
      reject(new Error(`no tunnel: ${received.toString('latin1', 0, 200)}`))
    }
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0 || received.length < end + 4 + SERVER_HELLO.length) return
      if (!received.toString('latin1', 0, end).startsWith('HTTP/1.1 101 ')) return fail()
      socket.off('data', onData)
      socket.off('close', fail)
      socket.write(CLIENT_HELLO)
      resolve()
    }
    socket.on('data', onData)
    socket.once('error', fail)
    socket.once('close', fail)
    socket.write(
      [
        `GET /websockify?bench=${traffic} HTTP/1.1`,
        `Host: ${new URL(door.origin).host}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Origin: ${door.origin}`,
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        'Sec-WebSocket-Protocol: binary',
        `Cookie: ${door.cookie}`,
        '\r\n',
      ].join('\r\n'),
    )
  })
}

function moveMouse(socket: Socket): NodeJS.Timeout {
  const everyMs = 1_000 / DESKTOP.inputsPerSecond
  let due = performance.now() + Math.random() * everyMs
  let sent = 0
  return setInterval(() => {
    for (const now = performance.now(); due <= now; due += everyMs) {
      sent += 1
      socket.write(sent % 4 === 0 ? KEY : POINTER)
    }
  }, everyMs / 2)
}

async function run(ms: number): Promise<Passed> {
  const before = passedBytes()
  const startedAt = performance.now()
  await new Promise((resolve) => setTimeout(resolve, ms))
  if (tunnels.some(({ socket }) => socket.destroyed)) throw new Error('a tunnel ended')
  return { bytes: passedBytes() - before, seconds: (performance.now() - startedAt) / 1_000 }
}

function passedBytes(): number {
  let bytes = 0
  for (const { socket } of tunnels) bytes += socket.bytesRead + socket.bytesWritten
  return bytes
}

async function timeRoundTrips(count: number): Promise<RoundTrips> {
  const [first] = tunnels
  if (first === undefined) throw new Error('no tunnel is open')
  const { socket } = first
  const times: number[] = []
  await new Promise<void>((resolve, reject) => {
    let sentAt = 0
    let missing = 0
    const send = (): void => {
      missing = ECHO.length
      sentAt = performance.now()
      socket.write(KEY)
    }
    const onData = (chunk: Buffer): void => {
      missing -= chunk.length
      if (missing > 0) return
      times.push((performance.now() - sentAt) * 1_000)
      if (times.length < count) return send()
      socket.off('data', onData)
      resolve()
    }
    socket.on('data', onData)
    socket.resume()
    socket.once('close', () => reject(new Error('the tunnel ended')))
    send()
  })
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN
  return { p50Us: at(0.5), p99Us: at(0.99) }
}

async function close(): Promise<object> {
  for (const { socket, mouse } of tunnels.splice(0)) {
    clearInterval(mouse)
    // By reset: thousands of sockets in TIME-WAIT would be in the way of the next.
    socket.resetAndDestroy()
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  return {}
}
