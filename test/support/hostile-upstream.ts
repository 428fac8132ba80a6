// Upstreams that misbehave, each in one way, on a raw TCP socket; they record every byte and every open socket.

import { createServer, type AddressInfo, type Socket } from 'node:net'
import { LenientReader } from './lenient-reader.ts'
import { acceptFor, encodeFrame } from './websocket-wire.ts'

export interface HostileUpstream {
  readonly url: URL
  /** What each connection sent, latin1, in the order they came. */
  readonly connections: readonly { readonly raw: string }[]
  /** The requests, with bodies, that a lenient reader finds; recorded only by `lenient`. */
  readonly requests: readonly string[]
  readonly openSockets: number
  /** Bytes given to the kernel so far; under back pressure this does not grow. */
  readonly bytesSent: number
  stop(): Promise<void>
}

export type Behaviour = keyof typeof BEHAVIOURS

interface Connection {
  readonly socket: Socket
  /** What has arrived: the first request's head at least. */
  readonly head: string
  /** The correct 101 head for this request. */
  readonly switching: string
  readonly ownUrl: string
  readonly everyMs: number
  readonly record: (request: string) => void
}

const FLOOD_CHUNK = Buffer.alloc(49_132, 0x5a)
const HUGE_HEAD_BYTES = 256 * 1_024

/** What each behaviour does once the head of the first request has arrived. */
const BEHAVIOURS = {
  'never answers': () => {},

  resets: ({ socket }: Connection) => {
    socket.resetAndDestroy()
  },

  'answers an upgrade with 200': ({ socket }: Connection) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  },

  'answers an upgrade with a chunked 403': ({ socket }: Connection) => {
    socket.write(
      'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n',
    )
  },

  'answers 101 with a wrong accept': ({ socket, switching }: Connection) => {
    const wrong = acceptFor('not the key that was sent')
    socket.write(switching.replace(/Accept: .*/, `Accept: ${wrong}`))
  },

  'answers 101 with a subprotocol nobody asked for': ({ socket, switching }: Connection) => {
    socket.write(switching.replace(/Protocol: .*/, 'Protocol: surprise'))
  },

  'sends the head byte by byte': ({ socket, everyMs }: Connection) => {
    drip(
      socket,
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok',
      everyMs,
    )
  },

  'sends the body byte by byte': ({ socket, everyMs }: Connection) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n')
    drip(socket, 'x'.repeat(1_000), everyMs)
  },

  'ends in mid-body': ({ socket }: Connection) => {
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(100)}`)
  },

  'resets in mid-body': ({ socket, everyMs }: Connection) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(100)}`)
    setTimeout(() => socket.resetAndDestroy(), everyMs)
  },

  'resets in mid-tunnel': ({ socket, switching, everyMs }: Connection) => {
    const frame = encodeFrame('a frame that never ends')
    socket.write(switching)
    socket.write(Buffer.concat([encodeFrame('whole'), frame.subarray(0, 10)]))
    setTimeout(() => socket.resetAndDestroy(), everyMs)
  },

  /**
   * A 101, or a head that promises a body, and then only half a connection. Not reading, it does not notice the other
   * side's end either: `openSockets` stays up until `stop`.
   */
  'sends FIN and never reads': ({ socket, head, switching }: Connection) => {
    socket.pause()
    socket.end(isUpgrade(head) ? switching : 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
  },

  /** As much as the socket takes: frames down a tunnel, a body otherwise. */
  floods: ({ socket, head, switching }: Connection) => {
    const chunk = isUpgrade(head) ? encodeFrame(FLOOD_CHUNK) : FLOOD_CHUNK
    const fill = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.write(isUpgrade(head) ? switching : 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')
    socket.on('drain', fill)
    fill()
  },

  /** All headers that the gateway must not pass on from a desktop. */
  'sends cookies and hop-by-hop headers': ({ socket }: Connection) => {
    socket.end(
      [
        'HTTP/1.1 200 OK',
        'Content-Type: text/html',
        'Content-Length: 2',
        'Set-Cookie: __Host-ghostwire=planted; Path=/; Secure; HttpOnly',
        'Set-Cookie: __Host-ghostwire-login-1=planted; Path=/; Secure',
        'Set-Cookie: ghostwire-8080=planted; Path=/',
        'Set-Cookie: desktop=1; Path=/',
        'Connection: close, X-Hop',
        'X-Hop: for the gateway only',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'Proxy-Authenticate: Basic realm="upstream"',
        'Proxy-Authorization: Basic cGxhbnRlZA==',
        'WWW-Authenticate: Basic realm="upstream"',
        'TE: trailers',
        'Trailer: X-Trailer',
        'Upgrade: h2c',
        'Clear-Site-Data: "cookies"',
        'Service-Worker-Allowed: /',
        '\r\nok',
      ].join('\r\n'),
    )
  },

  'redirects to itself': ({ socket, ownUrl }: Connection) => {
    socket.end(
      `HTTP/1.1 302 Found\r\nLocation: ${ownUrl}next?x=1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    )
  },

  'sends a huge head': ({ socket, head, switching }: Connection) => {
    const status = isUpgrade(head) ? switching.trimEnd() : 'HTTP/1.1 200 OK\r\nContent-Length: 0'
    const line = `X-Filler: ${'x'.repeat(1_000)}\r\n`
    socket.end(`${status}\r\n${line.repeat(HUGE_HEAD_BYTES / line.length)}\r\n`)
  },

  /** Answers everything that looks like a request on one connection, so that `requests` shows smuggled ones. */
  lenient: ({ socket, head, record }: Connection) => {
    const reader = new LenientReader()
    const read = (text: string): void => {
      for (const request of reader.push(text)) {
        record(request)
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      }
    }
    read(head)
    return read
  },
} satisfies Record<string, (connection: Connection) => void | ((more: string) => void)>

export interface HostileOptions {
  /** The pace of a drip, and the wait before a reset; 1 s. */
  readonly everyMs?: number
}

export async function startHostileUpstream(
  behaviour: Behaviour,
  { everyMs = 1_000 }: HostileOptions = {},
): Promise<HostileUpstream> {
  const connections: { raw: string }[] = []
  const requests: string[] = []
  const record = (request: string): void => void requests.push(request)
  const sockets = new Set<Socket>()
  let bytesOfEnded = 0

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = { raw: '' }
    connections.push(connection)
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      bytesOfEnded += socket.bytesWritten
    })
    let isStarted = false
    let read: ((more: string) => void) | void
    socket.on('data', (chunk: Buffer) => {
      connection.raw += chunk.toString('latin1')
      if (isStarted) return read?.(chunk.toString('latin1'))
      const head = connection.raw
      if (!head.includes('\r\n\r\n')) return
      isStarted = true
      const switching = switchingTo(head)
      read = BEHAVIOURS[behaviour]({ socket, head, switching, ownUrl: url.href, everyMs, record })
    })
    socket.on('end', () => socket.end())
  })
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)

  return {
    url,
    connections,
    requests,
    get openSockets() {
      return sockets.size
    },
    get bytesSent() {
      return [...sockets].reduce(
        (sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength,
        bytesOfEnded,
      )
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function isUpgrade(head: string): boolean {
  return /^upgrade: websocket/im.test(head)
}

function switchingTo(head: string): string {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(head)?.[1] ?? ''
  const protocol = /^sec-websocket-protocol: ([^,\r]*)/im.exec(head)?.[1] ?? ''
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptFor(key)}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
    '\r\n',
  ].join('\r\n')
}

function drip(socket: Socket, text: string, everyMs: number): void {
  let sent = 0
  const timer = setInterval(() => {
    if (sent === text.length) socket.end()
    else socket.write(text.charAt(sent++))
  }, everyMs)
  socket.on('close', () => clearInterval(timer))
}
