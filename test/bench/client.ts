// The browsers of the bench: opens tunnels, moves their mice, and counts and times the answers. A separate process,
// controlled by main.ts.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CLIENT_HELLO,
  ECHO,
  INPUTS_PER_SECOND,
  KEY,
  POINTER,
  SERVER_HELLO,
  type RecordingName,
  type Traffic,
} from './traffic.ts'
import { isRecording, Player, readRecording, startOf } from './recording.ts'

/** Where tunnels are opened, and as whom. */
export interface Door {
  readonly port: number
  readonly origin: string
  readonly cookie: string
}

/** Each request is about the tunnels of one relay. */
export type ClientQuestion = { readonly door: Door } & (
  | { readonly do: 'open'; readonly traffic: Traffic; readonly tunnels: number }
  /** Moves the mice until `rest`, so that the desktops send pictures. Answers once all of them do. */
  | { readonly do: 'move' }
  /** Answers with what has passed so far. */
  | { readonly do: 'count' }
  | { readonly do: 'rest' }
  /** One message after the other through the first tunnel; answers with how long they took. */
  | { readonly do: 'round-trips'; readonly count: number }
  /** Plain requests over a few keep-alive connections; answers with how long all of them took. */
  | { readonly do: 'requests'; readonly path: string; readonly count: number }
  /** Answers when the gateway has closed every tunnel, with how long that took. */
  | { readonly do: 'see-end' }
  | { readonly do: 'close' }
)

export interface Passed {
  /** Both ways, on the wire. */
  readonly bytes: number
}

export interface RoundTrips {
  readonly p50Us: number
  readonly p99Us: number
}

export interface Took {
  readonly ms: number
}

const CONNECTIONS = 8
const TICK_MS = 5
/** Less than the time after which a desktop of the bench stops sending. */
const STILL_MS = 150
/** Enough to be fast, few enough for a listen backlog. */
const OPENED_AT_ONCE = 64
const STRIDE_MS = 300

interface Tunnel {
  readonly socket: Socket
  readonly traffic: Traffic
  mouse: NodeJS.Timeout | undefined
}

/** The tunnels, by the port of their relay. */
const opened = new Map<number, Tunnel[]>()

process.on('message', (question: ClientQuestion) => {
  answer(question).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
console.log(JSON.stringify({ msg: 'listening' }))

async function answer(question: ClientQuestion): Promise<object> {
  const { door } = question
  const tunnels = opened.get(door.port) ?? []
  opened.set(door.port, tunnels)
  switch (question.do) {
    case 'open':
      for (let left = question.tunnels; left > 0; left -= OPENED_AT_ONCE) {
        const batch = Array.from({ length: Math.min(left, OPENED_AT_ONCE) }, () =>
          open(door, question.traffic),
        )
        tunnels.push(...(await Promise.all(batch)))
      }
      return {}
    case 'move':
      for (const [index, tunnel] of tunnels.entries()) tunnel.mouse = moveMouse(tunnel, index)
      await sleep(STRIDE_MS)
      return {}
    case 'count':
      return countBytes(tunnels)
    case 'rest':
      for (const { mouse } of tunnels) clearInterval(mouse)
      return {}
    case 'round-trips':
      return timeRoundTrips(tunnels, question.count)
    case 'requests':
      return sendRequests(door, question.path, question.count)
    case 'see-end':
      return seeEnd(tunnels)
    case 'close':
      // Closed with a reset, because thousands of sockets in TIME-WAIT would disturb the next measurement.
      for (const { socket } of tunnels.splice(0)) socket.resetAndDestroy()
      return {}
  }
}

async function open(door: Door, traffic: Traffic): Promise<Tunnel> {
  const socket = connect({ port: door.port, host: '127.0.0.1', noDelay: true })
  await greet(socket, door, traffic)
  socket.on('error', () => socket.destroy())
  // The socket itself counts the received bytes.
  socket.resume()
  return { socket, traffic, mouse: undefined }
}

/** Upgrades and exchanges hellos. */
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

function moveMouse({ socket, traffic }: Tunnel, index: number): NodeJS.Timeout | undefined {
  if (isRecording(traffic)) return playClient(socket, traffic, index)
  const inputsPerSecond = INPUTS_PER_SECOND[traffic]
  if (inputsPerSecond === 0) return undefined
  const everyMs = 1_000 / inputsPerSecond
  let due = performance.now() + Math.random() * everyMs
  let sent = 0
  return setInterval(() => {
    for (const now = performance.now(); due <= now; due += everyMs) {
      sent += 1
      socket.write(sent % 4 === 0 ? KEY : POINTER)
    }
  }, everyMs / 2)
}

function playClient(socket: Socket, name: RecordingName, index: number): NodeJS.Timeout {
  const { client, lengthMs } = readRecording(name)
  const player = new Player(client, lengthMs, startOf(index, lengthMs))
  let saidAt = Number.NEGATIVE_INFINITY
  return setInterval(() => {
    const now = performance.now()
    player.play((frame) => {
      saidAt = now
      socket.write(frame)
    })
    // During long silences in the recording, the desktop still gets a sign of activity.
    if (now - saidAt < STILL_MS) return
    saidAt = now
    socket.write(KEY)
  }, TICK_MS)
}

function countBytes(tunnels: readonly Tunnel[]): Passed {
  let bytes = 0
  for (const { socket } of tunnels) {
    if (socket.destroyed) throw new Error('a tunnel ended')
    bytes += socket.bytesRead + socket.bytesWritten
  }
  return { bytes }
}

async function timeRoundTrips(tunnels: readonly Tunnel[], count: number): Promise<RoundTrips> {
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
    const fail = (): void => reject(new Error('the tunnel ended'))
    const onData = (chunk: Buffer): void => {
      missing -= chunk.length
      if (missing > 0) return
      times.push((performance.now() - sentAt) * 1_000)
      if (times.length < count) return send()
      socket.off('data', onData)
      socket.off('close', fail)
      resolve()
    }
    socket.on('data', onData)
    socket.on('close', fail)
    send()
  })
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN
  return { p50Us: at(0.5), p99Us: at(0.99) }
}

async function sendRequests(door: Door, path: string, count: number): Promise<Took> {
  const startedAt = performance.now()
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const headers = { host: new URL(door.origin).host, cookie: door.cookie }
  let left = count
  const sendInTurn = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const sent = request({ agent, host: '127.0.0.1', port: door.port, path, headers }).end()
      const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream]
      await once(response.resume(), 'end')
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, sendInTurn))
  agent.destroy()
  return { ms: performance.now() - startedAt }
}

async function seeEnd(tunnels: Tunnel[]): Promise<Took> {
  const startedAt = performance.now()
  await Promise.all(
    tunnels.splice(0).map(async ({ socket }) => {
      // Answers a FIN with its own, as a browser does.
      if (!socket.destroyed) await once(socket, 'close')
    }),
  )
  return { ms: performance.now() - startedAt }
}
