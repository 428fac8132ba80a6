// All tunnels and plain requests that are open on this replica, by session. When a session ends, they end.

import type { Permission, Role } from '../config/config.ts'
import { FairQueue } from '../desktop/fair-queue.ts'
import { subjectOf, type Audit } from '../observability/audit.ts'
import type { Metrics } from '../observability/metrics.ts'
import { personOf } from '../session/person.ts'
import type { PresenceBook } from '../session/presence.ts'
import type { Session } from '../session/session.ts'
import type { CloseReason } from './close-reasons.ts'
import type { Link } from './link.ts'
import { Tunnel } from './tunnel.ts'
import { TurnQueue } from './turn-queue.ts'

/** A tunnel, a handshake that may become one, or a plain request. */
interface Closable {
  readonly role: Role
  readonly clipboardIn: Permission
  /** When it was opened (ms since the epoch). Its rights are those of that moment. */
  readonly openedAt: number
  /** Ends by itself. Draining waits for it. */
  readonly isRequest?: boolean
  close(reason: CloseReason): void
}

/** What a person may do with something that they opened. */
export type Rights = Pick<Session, 'role' | 'clipboardIn'>

export interface Ticket {
  /** Turns the handshake into a tunnel, unless its session has ended meanwhile. */
  join(link: Link): void
  /** The handshake has failed. */
  discard(): void
}

/** A peer that accepts no byte for this long, although there are some, has vanished. */
const STALLED_MS = 60_000
/** A stream that accepts no byte for this long shows a person a frozen picture. */
const SHOWN_AS_STALLED_MS = 5_000
/** Browsers answer Pings. A browser that sends nothing for this long has vanished. */
const SILENCE_TIMEOUT_MS = 90_000
const PING_EVERY_MS = 30_000
const LOOK_EVERY_MS = 10_000
/** How long an ended session is remembered, for handshakes that were under way. */
const REMEMBER_ENDED_MS = 60_000

export interface TunnelsParts {
  readonly metrics: Metrics
  readonly audit: Audit
  readonly presence: PresenceBook
  /** Called when a tunnel or a handshake of the session begins. The returned function is called when it is over. */
  readonly watch: (session: Session, cookie: string) => () => void
  /** How many tunnels a person may have on this replica, including running handshakes. */
  readonly tunnelsPerPerson: () => number
  /** The rights that the rules give the session for what was opened at that time (ms since the epoch). */
  readonly rightsAt: (session: Session, at: number) => Rights
  readonly now: () => number
}

export class Tunnels {
  readonly #parts: TunnelsParts
  readonly #bySession = new Map<string, Set<Closable>>()
  readonly #open = new Set<Tunnel>()
  /** One place per tunnel, and per handshake that may become one. */
  readonly #places: FairQueue
  readonly #turns = new TurnQueue()
  readonly #recentlyEnded = new Map<string, CloseReason>()
  readonly #timers: readonly NodeJS.Timeout[]
  #closedBytes = { toBrowser: 0, toDesktop: 0 }
  #isDraining = false

  constructor(parts: TunnelsParts) {
    this.#parts = parts
    this.#places = new FairQueue({
      maxConcurrent: Number.POSITIVE_INFINITY,
      get maxConcurrentOfOne() {
        return parts.tunnelsPerPerson()
      },
      maxWaiting: 0,
      maxWaitingOfOne: 0,
      maxWait: 0,
    })
    this.#timers = [
      setInterval(() => this.#look(), LOOK_EVERY_MS).unref(),
      setInterval(() => this.#ping(), PING_EVERY_MS).unref(),
    ]
  }

  /**
   * Registers a handshake under way, so that the end of its session reaches it too. `abort` is called at most once,
   * perhaps at once: the session may have ended since it was read. Undefined: the person has as many tunnels as a
   * person may have.
   */
  enter(
    session: Session,
    cookie: string,
    { role, clipboardIn }: Rights,
    abort: (reason: CloseReason) => void,
  ): Ticket | undefined {
    const person = personOf(session)
    if (!this.#places.tryAcquire(person)) return undefined
    let isOver = false
    const pending: Closable = {
      role,
      clipboardIn,
      openedAt: this.#parts.now(),
      close(reason) {
        if (isOver) return
        isOver = true
        abort(reason)
      },
    }
    const unwatch = this.#add(session, cookie, pending)
    const ended = this.#isDraining ? 'draining' : this.#recentlyEnded.get(session.id)
    if (ended !== undefined) pending.close(ended)
    return {
      join: (link) => {
        if (isOver) return
        isOver = true
        this.#join(session, cookie, link)
        unwatch()
      },
      discard: () => {
        isOver = true
        unwatch()
        this.#places.release(person)
      },
    }
  }

  /**
   * Registers a plain request that the desktop is to answer, perhaps for hours: `abort` is called when its session ends,
   * or has another role; perhaps at once. The answer is called when the request is over.
   */
  enterRequest(
    session: Session,
    cookie: string,
    { role, clipboardIn }: Rights,
    abort: () => void,
  ): () => void {
    const unwatch = this.#add(session, cookie, {
      role,
      clipboardIn,
      openedAt: this.#parts.now(),
      isRequest: true,
      close: abort,
    })
    if (this.#recentlyEnded.has(session.id)) abort()
    return unwatch
  }

  /** Ends everything that belongs to a session. */
  closeSession(sessionId: string, reason: CloseReason): void {
    // A store that was unavailable may report the session as live again.
    if (reason !== 'store-lost') this.#recentlyEnded.set(sessionId, reason)
    setTimeout(() => this.#recentlyEnded.delete(sessionId), REMEMBER_ENDED_MS).unref()
    for (const member of this.#bySession.get(sessionId) ?? []) member.close(reason)
  }

  /**
   * Ends what a session has with other rights than it has now, handshakes under way too: the browser comes back at once,
   * and gets these.
   */
  recycle(session: Session): void {
    for (const member of this.#bySession.get(session.id) ?? []) {
      const { role, clipboardIn } = this.#parts.rightsAt(session, member.openedAt)
      if (member.role !== role || member.clipboardIn !== clipboardIn) member.close('draining')
    }
  }

  /** Ends all tunnels, and all that would open later. */
  drain(): void {
    this.#isDraining = true
    for (const members of this.#bySession.values()) {
      for (const member of members) if (member.isRequest !== true) member.close('draining')
    }
    for (const timer of this.#timers) clearInterval(timer)
  }

  get size(): number {
    return this.#open.size
  }

  countByRole(): ReadonlyMap<Role, number> {
    const count = new Map<Role, number>([
      ['control', 0],
      ['view', 0],
      ['owner', 0],
    ])
    for (const { role } of this.#open) count.set(role, (count.get(role) ?? 0) + 1)
    return count
  }

  /** Tunnels with a side that has accepted no byte for 5 s. */
  countStalled(): number {
    const before = performance.now() - SHOWN_AS_STALLED_MS
    let count = 0
    for (const { blockedAt } of this.#open) if (blockedAt > 0 && blockedAt <= before) count += 1
    return count
  }

  /** Bytes since the start, including open tunnels. */
  countBytes(): { toBrowser: number; toDesktop: number } {
    const total = { ...this.#closedBytes }
    for (const tunnel of this.#open) {
      total.toBrowser += tunnel.bytesToBrowser
      total.toDesktop += tunnel.bytesToDesktop
    }
    return total
  }

  #add(session: Session, cookie: string, member: Closable): () => void {
    const unwatch = this.#parts.watch(session, cookie)
    const members = this.#bySession.get(session.id) ?? new Set()
    this.#bySession.set(session.id, members)
    members.add(member)
    return () => {
      unwatch()
      members.delete(member)
      if (members.size === 0 && this.#bySession.get(session.id) === members) {
        this.#bySession.delete(session.id)
      }
    }
  }

  #join(session: Session, cookie: string, link: Link): void {
    const { metrics, audit, presence, now } = this.#parts
    const { server } = link
    const startedAt = now()
    const about = {
      request: link.requestId,
      ...subjectOf(session),
      role: link.role,
      address: link.address,
      desktop: server.url.host,
    }
    const tunnel = new Tunnel(link, this.#turns, {
      onHumanInput: () => presence.noteInput(session.id),
      onUnknown: (what) => metrics.rfbUnknown.inc({ what }),
      onClosed: (reason) => {
        this.#open.delete(tunnel)
        unwatch()
        this.#places.release(personOf(session))
        presence.tunnelClosed(session.id)
        if (reason === 'desktop-gone') server.markGone()
        const seconds = (now() - startedAt) / 1_000
        const { bytesToBrowser, bytesToDesktop } = tunnel
        this.#closedBytes.toBrowser += bytesToBrowser
        this.#closedBytes.toDesktop += bytesToDesktop
        metrics.tunnelDuration.observe(seconds)
        metrics.tunnelsClosed.inc({ reason })
        audit.write({
          event: 'tunnel_closed',
          ...about,
          reason,
          seconds,
          bytesToBrowser,
          bytesToDesktop,
        })
      },
    })
    const { role, clipboardIn } = link
    const unwatch = this.#add(session, cookie, {
      role,
      clipboardIn,
      openedAt: startedAt,
      close: (reason) => tunnel.close(reason),
    })
    this.#open.add(tunnel)
    presence.tunnelOpened(session.id, link.role)
    audit.write({ event: 'tunnel_opened', ...about })
    tunnel.start(link.clientHead, link.upstreamHead)
  }

  #look(): void {
    const time = performance.now()
    for (const tunnel of this.#open) tunnel.checkLife(time, STALLED_MS, SILENCE_TIMEOUT_MS)
  }

  #ping(): void {
    for (const tunnel of this.#open) tunnel.ping()
  }
}
