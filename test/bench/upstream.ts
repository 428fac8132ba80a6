// The desktop of the bench: upgrades as KasmVNC does and then sends what the query asks for. A process of its own.

import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { acceptFor } from '../support/websocket-wire.ts'
import {
  CLIENT_HELLO,
  DESKTOP,
  desktopUpdates,
  ECHO,
  FRAMES,
  KEY,
  SERVER_HELLO,
  type RecordingName,
  type Traffic,
} from './traffic.ts'
import { Player, readRecording, startOf } from './recording.ts'

const TICK_MS = 5
/** After this time without input, nothing is painted. */
const STILL_AFTER_MS = 250
/** A relay that cannot keep up does not get the missed frames later. */
const MAX_BEHIND_MS = 100

const recordings = {
  'desktop-720p': readRecording('desktop-720p'),
  'film-1080p': readRecording('film-1080p'),
}

let opened = 0

const server = createServer((_, response) => response.end('a desktop'))
server.on('upgrade', (request, socket: Socket) => {
  socket.on('error', () => socket.destroy())
  socket.setNoDelay(true)
  const key = request.headers['sec-websocket-key'] ?? ''
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\nSec-WebSocket-Protocol: binary\r\n\r\n`,
  )
  socket.write(SERVER_HELLO)
  opened += 1
  serve(socket, new URL(request.url ?? '', 'http://desktop').searchParams.get('bench') as Traffic)
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'listening', port }))
})

function serve(socket: Socket, traffic: Traffic): void {
  switch (traffic) {
    case 'idle':
      socket.resume()
      break
    case 'echo':
      echo(socket)
      break
    case 'frames':
      sendFrames(socket)
      break
    case 'desktop-720p':
    case 'film-1080p':
      sendRecorded(socket, traffic, opened)
      break
    case 'desktop':
      sendDesktop(socket, opened % DESKTOP.tunnels)
      break
  }
}

/** One frame for each of the client's. */
function echo(socket: Socket): void {
  let received = -CLIENT_HELLO.length
  socket.on('data', (chunk) => {
    for (received += chunk.length; received >= KEY.length; received -= KEY.length) {
      socket.write(ECHO)
    }
  })
}

function sendFrames(socket: Socket): void {
  const { bytesPerSecond, frame } = FRAMES
  pace(socket, bytesPerSecond / frame.length, () => socket.write(frame))
}

function sendDesktop(socket: Socket, seed: number): void {
  const updates = desktopUpdates(seed)
  const start = (): void =>
    pace(socket, DESKTOP.updatesPerSecond, () => {
      // Each frame is a write of its own, as KasmVNC's are.
      for (const frame of updates.next().value) socket.write(frame)
    })
  // Desktops do not all paint at the same moment.
  setTimeout(start, (seed / DESKTOP.tunnels) * (1_000 / DESKTOP.updatesPerSecond))
}

/** Each starts at another position of the recording, so that they do not all paint at the same moment. */
function sendRecorded(socket: Socket, name: RecordingName, seed: number): void {
  const { server: moments, lengthMs } = recordings[name]
  let heardAt = Number.NEGATIVE_INFINITY
  let player: Player | undefined
  const timer = setInterval(() => {
    if (performance.now() - heardAt > STILL_AFTER_MS) player = undefined
    else player ??= new Player(moments, lengthMs, startOf(seed, lengthMs))
    player?.play((frame) => {
      if (!socket.writableNeedDrain) socket.write(frame)
    })
  }, TICK_MS)
  socket.on('data', () => (heardAt = performance.now()))
  socket.on('close', () => clearInterval(timer))
}

function pace(socket: Socket, perSecond: number, send: () => void): void {
  let heardAt = Number.NEGATIVE_INFINITY
  let due = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - heardAt > STILL_AFTER_MS) due = now
    due = Math.max(due, now - MAX_BEHIND_MS)
    while (due < now && !socket.writableNeedDrain) {
      send()
      due += 1_000 / perSecond
    }
  }, TICK_MS)
  socket.on('data', () => (heardAt = performance.now()))
  socket.on('close', () => clearInterval(timer))
}
