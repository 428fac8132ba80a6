// All tunnels read the desktop's bytes into the same reused memory. A browser must never get bytes from another desktop,
// however long data has to wait.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer as createHttpServer, request } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { RfbClientReader } from '../../src/desktop/rfb.ts'
import { closeFrame } from '../../src/proxy/frames.ts'
import { ReusedReads, readsOf, reuseReads } from '../../src/net/reused-reads.ts'
import { Tunnel } from '../../src/proxy/tunnel.ts'
import { TurnQueue } from '../../src/proxy/turn-queue.ts'
import { createCertificate } from '../support/certificate.ts'
import { encodeFrame } from '../support/websocket-wire.ts'

const TUNNELS = 6
const BYTES_EACH = 16_000_000
/** Sizes of one write: below, at and above the size of one read, small and large. */
const SIZES = [1, 100, 1_023, 1_024, 1_025, 5_000, 65_535, 65_536, 65_537, 300_000]

const servers: Server[] = []
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

describe.each(['plain', 'TLS'] as const)(
  'tunnels of %s browsers that read at intervals',
  (door) => {
    it('each deliver the bytes of their own desktop, complete and in order', async () => {
      const certificate = door === 'TLS' ? createCertificate() : undefined
      const front = await listen(
        certificate === undefined ? createServer() : createTlsServer(certificate),
      )
      const back = await listen(createServer())
      const sent = await Promise.all(
        Array.from({ length: TUNNELS }, async (_, index) => {
          const { desktop, browser } = await openTunnel(front, back, certificate?.cert)
          const received = readNowAndThen(browser, index)
          return { sent: await sendFrames(desktop, index), received: await received }
        }),
      )
      for (const { sent: expected, received } of sent) {
        // After them comes the gateway's Close.
        expect(received.length).toBe(expected.length + closeFrame(1013, 'desktop-gone').length)
        expect(received.subarray(0, expected.length).equals(expected)).toBe(true)
      }
    })
  },
)

describe('requests that wait for a connection of the agent', () => {
  it('each get a connection with a read buffer of its own', async () => {
    const desktop = createHttpServer()
    desktop.on('upgrade', ({ url }, socket: Socket) => {
      sockets.push(socket)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
      setTimeout(() => socket.write(`for ${url}`), 10)
    })
    await listen(desktop)
    const agent = reuseReads(new Agent({ maxSockets: 2 }))
    const paths = Array.from({ length: 20 }, (_, index) => `/${index}`)
    const heard = paths.map(async (path) => {
      const headers = { upgrade: 'x', connection: 'upgrade' }
      const sent = request({ agent, port: portOf(desktop), path, headers }).end()
      const [, socket] = (await once(sent, 'upgrade')) as [unknown, Socket]
      sockets.push(socket)
      const first = Promise.withResolvers<string>()
      readsOf(socket).redirect((chunk) => {
        first.resolve(chunk.toString())
        return true
      })
      socket.resume()
      return first.promise
    })
    expect(await Promise.all(heard)).toEqual(paths.map((path) => `for ${path}`))
  })
})

let turn: Promise<unknown> = Promise.resolve()

/** Opens one tunnel at a time, so that the two ends that are found belong together. */
function openTunnel(front: Server, back: Server, ca?: string): Promise<Ends> {
  const ends = turn.then(() => connectEnds(front, back, ca))
  turn = ends
  return ends
}

interface Ends {
  readonly desktop: Socket
  readonly browser: Socket
}

async function connectEnds(front: Server, back: Server, ca?: string): Promise<Ends> {
  const arrived = once(front, ca === undefined ? 'connection' : 'secureConnection')
  const reached = once(back, 'connection')
  const at = { host: '127.0.0.1', port: portOf(front) }
  const browser = ca === undefined ? connect(at) : connectTls({ ...at, ca })
  const reads = new ReusedReads()
  const upstream = connect({ host: '127.0.0.1', port: portOf(back), ...reads.connectOptions })
  reads.attach(upstream)
  const [[client], [desktop]] = (await Promise.all([arrived, reached])) as [[Socket], [Socket]]
  sockets.push(browser, upstream, client, desktop)
  const none = Buffer.alloc(0)
  const tunnel = new Tunnel(
    {
      client,
      upstream,
      clientHead: none,
      upstreamHead: none,
      role: 'control',
      clipboardIn: 'allow',
      address: '127.0.0.1',
      requestId: 'r',
      server: { url: new URL('http://desktop:6901'), markGone: () => {} },
      reader: new RfbClientReader('kasmvnc'),
      longestFrame: 65_527,
    },
    new TurnQueue(),
    { onHumanInput: () => {}, onUnknown: () => {}, onClosed: () => {} },
  )
  tunnel.start(none, none)
  return { desktop, browser }
}

/** Random bytes in frames, sent in pieces of every size; resolves with all of them. */
async function sendFrames(desktop: Socket, seed: number): Promise<Buffer> {
  const frames: Buffer[] = []
  let step = seed
  for (let left = BYTES_EACH; left > 0; step += 1) {
    const size = SIZES[step % SIZES.length] as number
    const frame = encodeFrame(randomBytes(size))
    left -= size
    frames.push(frame)
    if (!desktop.write(frame)) await once(desktop, 'drain')
    // Allows a single read, and the return to the small buffer.
    if (step % 7 === 0) await sleep(1)
  }
  desktop.end()
  return Buffer.concat(frames)
}

/** Stops reading repeatedly, for long enough to fill the kernel buffers on both sides. */
async function readNowAndThen(browser: Socket, seed: number): Promise<Buffer> {
  const received: Buffer[] = []
  let until = seed * 100_000
  browser.on('data', (chunk) => {
    received.push(chunk)
    if (browser.bytesRead < until) return
    until = browser.bytesRead + 3_000_000
    browser.pause()
    setTimeout(() => browser.resume(), 100)
  })
  await once(browser, 'end')
  return Buffer.concat(received)
}

async function listen<Listening extends Server>(server: Listening): Promise<Listening> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
