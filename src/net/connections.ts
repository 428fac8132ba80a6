// Bounds the connections of the public listener: a client that is not signed in must neither fill the memory nor lock others out.
// Connections count from TCP accept on, including unfinished TLS handshakes and headers.

import type { Socket } from 'node:net'
import { networkOf, plainAddress } from './address.ts'

/** When the listener is full, any newcomer replaces a stranger's connection that has been silent for this long. */
const MAX_SILENCE_WHEN_FULL_MS = 5_000
/** How many connections of one person, besides tunnels, newcomers cannot replace. */
const MAX_KEPT_PER_PERSON = 64

/** `limit`: a newcomer without room. `made-way`: an older connection, closed for a newcomer. */
export const REFUSED_REASONS = ['limit', 'made-way', 'pipelining'] as const
export type RefusedReason = (typeof REFUSED_REASONS)[number]

export interface ConnectionsParts {
  readonly max: number
  readonly isTrustedProxy: (address: string) => boolean
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly onRefused: (reason: RefusedReason) => void
}

interface Connection {
  readonly socket: Socket
  /** The network whose connections count together; undefined behind a trusted proxy, which stands for many people. */
  readonly network: string | undefined
  /** When it was opened or last sent a request; milliseconds since the epoch. */
  activeAt: number
  /** The person who is signed in on it; undefined: a stranger. */
  person: string | undefined
  isGone: boolean
}

/** Named as in session/person.ts. */
export interface Person {
  readonly iss: string
  readonly sub: string
}

/**
 * At most `max` connections. A stranger is a client that has not shown a live session on that connection. When one more
 * connection comes, a stranger's makes way for it: one that was silent for 5 s, or else the least active one of the
 * network that holds the most, if the newcomer's own network holds fewer. Where there is none, the newcomer is closed.
 */
export class Connections {
  readonly #parts: ConnectionsParts
  /** Keyed by the client's address and port, which a TLS socket shares with the TCP socket below it. */
  readonly #byPeer = new Map<string, Connection>()
  /** Ordered by activity, least active first. */
  readonly #strangers = new Set<Connection>()
  readonly #strangersByNetwork = new Map<string, Set<Connection>>()
  readonly #keptByPerson = new Map<string, Set<Connection>>()
  #size = 0

  constructor(parts: ConnectionsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#size
  }

  /** Registers an accepted TCP connection. False: there is no room, and it is closed. */
  admit(socket: Socket): boolean {
    const { max, now, isTrustedProxy } = this.#parts
    if (socket.remoteAddress === undefined) {
      // The client has left already.
      socket.destroy()
      return false
    }
    const address = plainAddress(socket.remoteAddress)
    const network = isTrustedProxy(address) ? undefined : networkOf(address)
    if (this.#size >= max && !this.#makeRoom(network)) {
      this.refuse(socket, 'limit')
      return false
    }
    const connection: Connection = {
      socket,
      network,
      activeAt: now(),
      person: undefined,
      isGone: false,
    }
    const peer = peerOf(socket)
    this.#size += 1
    this.#byPeer.set(peer, connection)
    this.#addStranger(connection)
    socket.once('close', () => {
      if (this.#byPeer.get(peer) === connection) this.#byPeer.delete(peer)
      this.#forget(connection)
    })
    return true
  }

  /** A complete header has arrived. */
  noteRequest(socket: Socket): void {
    const connection = this.#byPeer.get(peerOf(socket))
    if (connection === undefined || connection.isGone || connection.person !== undefined) return
    connection.activeAt = this.#parts.now()
    this.#removeStranger(connection)
    this.#addStranger(connection)
  }

  /** `person` is signed in on the connection. Beyond the limit per person, the person's oldest connection counts as a stranger's. */
  keep(socket: Socket, person: Person): void {
    const connection = this.#byPeer.get(peerOf(socket))
    if (connection === undefined || connection.isGone || connection.person !== undefined) return
    this.#removeStranger(connection)
    const name = nameOf(person)
    connection.person = name
    const kept = this.#keptByPerson.get(name) ?? new Set()
    this.#keptByPerson.set(name, kept.add(connection))
    const [oldest] = kept
    if (kept.size <= MAX_KEPT_PER_PERSON || oldest === undefined) return
    this.#release(oldest)
    this.#addStranger(oldest)
  }

  /** The connection becomes a tunnel. Tunnels have a limit of their own and are never replaced. */
  keepTunnel(socket: Socket, person: Person): void {
    const connection = this.#byPeer.get(peerOf(socket))
    if (connection === undefined || connection.isGone) return
    this.#removeStranger(connection)
    this.#release(connection)
    connection.person = nameOf(person)
  }

  /** Closes a connection with too many requests at once. */
  refuse(socket: Socket, reason: RefusedReason): void {
    this.#parts.onRefused(reason)
    socket.destroy()
  }

  #makeRoom(network: string | undefined): boolean {
    const leaving = this.#silent() ?? this.#leastActiveOfMost(network)
    if (leaving === undefined) return false
    // Now, not at 'close': more newcomers may arrive before that event.
    this.#forget(leaving)
    this.refuse(leaving.socket, 'made-way')
    return true
  }

  #silent(): Connection | undefined {
    const [first] = this.#strangers
    if (first === undefined) return undefined
    return this.#parts.now() - first.activeAt >= MAX_SILENCE_WHEN_FULL_MS ? first : undefined
  }

  #leastActiveOfMost(newcomer: string | undefined): Connection | undefined {
    let most: ReadonlySet<Connection> = NONE
    for (const held of this.#strangersByNetwork.values()) if (held.size > most.size) most = held
    const own = (newcomer === undefined ? NONE : this.#strangersByNetwork.get(newcomer)) ?? NONE
    const [leastActive] = most
    return most.size > own.size + 1 ? leastActive : undefined
  }

  #forget(connection: Connection): void {
    if (connection.isGone) return
    connection.isGone = true
    this.#size -= 1
    this.#removeStranger(connection)
    this.#release(connection)
  }

  #addStranger(connection: Connection): void {
    const { network } = connection
    this.#strangers.add(connection)
    if (network === undefined) return
    const held = this.#strangersByNetwork.get(network) ?? new Set()
    this.#strangersByNetwork.set(network, held.add(connection))
  }

  #removeStranger(connection: Connection): void {
    const { network } = connection
    this.#strangers.delete(connection)
    if (network === undefined) return
    const held = this.#strangersByNetwork.get(network)
    held?.delete(connection)
    if (held?.size === 0) this.#strangersByNetwork.delete(network)
  }

  #release(connection: Connection): void {
    const { person } = connection
    if (person === undefined) return
    connection.person = undefined
    const kept = this.#keptByPerson.get(person)
    kept?.delete(connection)
    if (kept?.size === 0) this.#keptByPerson.delete(person)
  }
}

const NONE: ReadonlySet<Connection> = new Set()

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function nameOf({ iss, sub }: Person): string {
  return `${iss}\n${sub}`
}
