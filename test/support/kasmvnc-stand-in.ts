// A stand-in for KasmVNC's server that behaves as the real one was seen to, faults included: real sockets, raw bytes, and a
// record of all that reached it. Where the behaviour is odd, the comments name the line of the real source.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls'
import { Answers } from './kasmvnc/answer.ts'
import { Blacklist } from './kasmvnc/blacklist.ts'
import { CLIENT_FILES } from './kasmvnc/client-page.ts'
import { cString, receiveRequest, type Account } from './kasmvnc/request.ts'
import { Screen } from './kasmvnc/rfb-session.ts'
import { route, type Site } from './kasmvnc/route.ts'
import type { StaticFile } from './kasmvnc/static-files.ts'
import { LiveTunnel, type Tunnel } from './kasmvnc/tunnel.ts'

export type { Tunnel } from './kasmvnc/tunnel.ts'

export interface StandInUser {
  readonly name: string
  readonly password: string
  /** Any of `r`ead, `w`rite (which may read too) and `o`wner. */
  readonly permissions: string
}

export interface StandInOptions {
  readonly users?: readonly StandInUser[]
  readonly disableBasicAuth?: boolean
  /** Failures of an address, ever, before it is banned; 0 is off, as in the kasmweb images. */
  readonly blacklistThreshold?: number
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Plain TCP connections are closed without an answer. */
  readonly sslOnly?: boolean
  /** Files that are added to the client's own or replace them, by absolute path. */
  readonly files?: Readonly<Record<string, StaticFile>>
  readonly port?: number
  /**
   * 5, as in the real server. The real one accepts in a thread of its own, so it can take 200 at once. In a test's process,
   * connections beyond 6 at one moment wait a second for a SYN retry. Raise the value if that second would disturb a test.
   */
  readonly backlog?: number
  /** Milliseconds that every answer takes: a desktop whose machine is busy. */
  readonly answerAfterMs?: number
  /** `-http-header`: not on the ban and not on the 101. */
  readonly headers?: Readonly<Record<string, string>>
  /** The clock of the blacklist and of all times on record, in milliseconds. */
  readonly now?: () => number
}

export interface StandInRequest {
  /** The bytes as they were read, latin1; what came pipelined with them too. */
  readonly raw: string
  /** `address:port` of the TCP peer. */
  readonly peer: string
  readonly at: number
}

export interface StandIn {
  readonly url: URL
  readonly requests: readonly StandInRequest[]
  readonly connections: { readonly open: number; readonly highest: number; readonly total: number }
  /** In the order they were opened, closed ones too. */
  readonly tunnels: readonly Tunnel[]
  /** Sends RFB bytes down a tunnel, framed as the server frames them. */
  send(tunnel: Tunnel, bytes: Uint8Array): void
  closeTunnel(tunnel: Tunnel, kind: 'fin' | 'rst'): void
  stop(): Promise<void>
}

/** As in the kasmweb images, where both share one password. */
export const KASM_USERS: readonly [StandInUser, StandInUser] = [
  { name: 'kasm_user', password: 'kasm-password', permissions: 'wo' },
  { name: 'kasm_viewer', password: 'kasm-password', permissions: 'r' },
]

export async function startKasmVncStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const standIn = new LiveStandIn(options)
  // common/network/Socket.cxx:179
  await standIn.listen(options.backlog ?? 5)
  return standIn
}

class LiveStandIn implements StandIn {
  readonly requests: StandInRequest[] = []
  readonly connections = { open: 0, highest: 0, total: 0 }
  readonly tunnels: LiveTunnel[] = []
  readonly url: URL
  readonly #now: () => number
  readonly #sslOnly: boolean
  readonly #answerAfterMs: number
  readonly #secureContext: SecureContext | undefined
  readonly #site: Site
  readonly #screen = new Screen()
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #lastSessions: readonly LiveTunnel[] = []

  constructor(options: StandInOptions) {
    const scheme = options.tls === undefined ? 'http' : 'https'
    this.url = new URL(`${scheme}://127.0.0.1:${options.port ?? 0}`)
    this.#now = options.now ?? Date.now
    this.#sslOnly = options.sslOnly ?? false
    this.#answerAfterMs = options.answerAfterMs ?? 0
    this.#secureContext = options.tls && createSecureContext(options.tls)
    this.#site = {
      answers: new Answers(options.headers ?? {}),
      blacklist: new Blacklist(options.blacklistThreshold ?? 5, this.#now),
      disableBasicAuth: options.disableBasicAuth ?? false,
      state: {
        accounts: accountsOf(options.users ?? KASM_USERS),
        files: new Map(Object.entries({ ...CLIENT_FILES, ...options.files })),
        viewers: () => this.tunnels.filter(({ isOpen }) => isOpen),
        lastSessions: () => this.#lastSessions,
      },
    }
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket)
    })
  }

  async listen(backlog: number): Promise<void> {
    const { hostname, port } = this.url
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: hostname, port: Number(port), backlog }, resolve)
    })
    this.url.port = String((this.#server.address() as AddressInfo).port)
  }

  send(tunnel: Tunnel, bytes: Uint8Array): void {
    this.#live(tunnel).send(bytes)
  }

  closeTunnel(tunnel: Tunnel, kind: 'fin' | 'rst'): void {
    this.#live(tunnel).close(kind)
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #live(tunnel: Tunnel): LiveTunnel {
    const live = this.tunnels.find((candidate) => candidate === tunnel)
    if (live === undefined) throw new Error('a tunnel of another stand-in')
    return live
  }

  #accept(socket: Socket): void {
    const { connections } = this
    this.#sockets.add(socket)
    connections.open += 1
    connections.total += 1
    connections.highest = Math.max(connections.highest, connections.open)
    // A reset ends in 'close' as well, where it is counted.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      connections.open -= 1
    })
    socket.once('readable', () => {
      const secured = this.#unwrap(socket)
      if (secured === undefined) socket.destroy()
      else void this.#serve(secured, socket)
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#timers.add(setTimeout(resolve, ms)))
  }

  /** One port for both: the first byte tells TLS from plain (WS.c:1902-1930). */
  #unwrap(transport: Socket): Socket | undefined {
    const first = transport.read() as Buffer | null
    if (first === null) return undefined
    transport.unshift(first)
    const isTls = first[0] === 0x16 || first[0] === 0x80
    if (!isTls) return this.#sslOnly ? undefined : transport
    const secureContext = this.#secureContext
    if (secureContext === undefined) return undefined
    const socket = new TLSSocket(transport, { isServer: true, secureContext })
    return socket.on('error', () => transport.destroy())
  }

  async #serve(socket: Socket, transport: Socket): Promise<void> {
    const { remoteAddress = '', remotePort } = transport
    const { outcome, bytes, rest } = await receiveRequest(socket)
    const raw = bytes.toString('latin1')
    const at = this.#now()
    if (raw !== '') this.requests.push({ raw, peer: `${remoteAddress}:${remotePort}`, at })
    // More than ten reads, or disconnected before the end: closed without an answer.
    if (outcome === 'incomplete') return void transport.destroy()
    if (outcome === 'too-large') return end(socket, this.#site.answers.badRequest(', too large'))

    if (this.#answerAfterMs > 0) await this.#pause(this.#answerAfterMs)
    const routed = route(cString(bytes), remoteAddress, this.#site)
    if (routed.kind === 'answer') {
      if (routed.afterMs === undefined) return end(socket, routed.bytes)
      return void this.#timers.add(setTimeout(end, routed.afterMs, socket, routed.bytes))
    }
    const { tunnels } = this
    const parts = { accepted: routed, handshake: raw, socket, transport, screen: this.#screen }
    const tunnel = new LiveTunnel({ ...parts, openedAt: new Date(at) })
    tunnels.push(tunnel)
    this.#lastSessions = tunnels.filter(({ isOpen }) => isOpen)
    // Frames in the same read as the request stay in its buffer and are lost; only what did not fit is read again.
    tunnel.receive(rest)
    socket.resume()
  }
}

/** Closes once the answer is with the kernel; over TLS without close_notify, as SSL_free() does. */
function end(socket: Socket, answer: Buffer): void {
  socket.write(answer, () => socket.destroy())
}

function accountsOf(users: readonly StandInUser[]): Map<string, Account> {
  return new Map(
    users.map(({ name, password, permissions }) => {
      const has = (letter: string): boolean => permissions.includes(letter)
      return [name, { password, read: has('r'), write: has('w'), owner: has('o') }]
    }),
  )
}
