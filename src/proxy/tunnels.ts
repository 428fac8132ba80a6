// The open tunnels of this replica. A tunnel is one proxied WebSocket: two sockets that live and die together, belong
// to one session and end with it. Bytes pass as they come, with back pressure both ways; nothing is copied or parsed.

import type { Socket } from 'node:net'
import type { Role } from '../config/config.ts'
import { subjectOf, type Audit } from '../observability/audit.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { EndReason, Session } from '../session/session.ts'

export type CloseReason = EndReason | 'draining' | 'desktop-gone' | 'client-closed' | 'client-gone'

/** What a tunnel, or the handshake that will become one, can be told. */
interface Closable {
  close(reason: CloseReason): void
}

export interface Ticket {
  /** Turns the handshake into a tunnel, unless its session ended meanwhile. */
  join(link: Link): void
  /** The handshake came to nothing. */
  discard(): void
}

export interface Link {
  readonly client: Socket
  readonly upstream: Socket
  /** What either side had sent behind its handshake. */
  readonly clientHead: Buffer
  readonly upstreamHead: Buffer
  readonly role: Role
  readonly address: string
  readonly requestId: string
}

/** TCP keep-alive begins after so long; the kernel gives up 10 s later, which tells a vanished peer. */
const KEEP_ALIVE_MS = 30_000
/** A peer that takes nothing for so long while we have something for it has vanished. */
const STALLED_MS = 60_000
const SWEEP_EVERY_MS = 15_000
/** After our FIN the other side has so long for its own. */
const LINGER_MS = 500
/** A session that ended is remembered so long, for handshakes that were under way. */
const REMEMBER_ENDED_MS = 60_000
const LONGEST_TIMER_MS = 2_147_483_647

interface Watch {
  readonly members: Set<Closable>
  timer: NodeJS.Timeout | undefined
}

export class Tunnels {
  readonly #metrics: Metrics
  readonly #audit: Audit
  readonly #desktop: string
  readonly #now: () => number
  readonly #bySession = new Map<string, Watch>()
  readonly #open = new Set<Tunnel>()
  readonly #recentlyEnded = new Map<string, CloseReason>()
  readonly #sweep: NodeJS.Timeout
  #closedBytes = { toBrowser: 0, toDesktop: 0 }
  #isDraining = false
  /** Called when a session's time is up while it has tunnels here. */
  onExpired: (sessionId: string) => void = () => {}

  constructor(metrics: Metrics, audit: Audit, desktop: string, now: () => number) {
    this.#metrics = metrics
    this.#audit = audit
    this.#desktop = desktop
    this.#now = now
    this.#sweep = setInterval(() => this.#closeStalled(), SWEEP_EVERY_MS).unref()
  }

  /**
   * Registers a handshake under way, so that the end of its session reaches it too. `abort` is called at most once,
   * perhaps at once: the session may have ended since it was read.
   */
  enter(session: Session, abort: (reason: CloseReason) => void): Ticket {
    const watch = this.#watch(session)
    let isOver = false
    const pending: Closable = {
      close(reason) {
        if (isOver) return
        isOver = true
        abort(reason)
      },
    }
    watch.members.add(pending)
    const leave = (member: Closable): void => this.#leave(session.id, watch, member)
    const ended = this.#isDraining ? 'draining' : this.#recentlyEnded.get(session.id)
    if (ended !== undefined) pending.close(ended)

    return {
      join: (link) => {
        leave(pending)
        if (isOver) return
        isOver = true
        this.#join(session, watch, link)
      },
      discard: () => {
        isOver = true
        leave(pending)
      },
    }
  }

  /** Ends every tunnel of a session, and every handshake that would become one. */
  closeSession(sessionId: string, reason: CloseReason): void {
    this.#recentlyEnded.set(sessionId, reason)
    setTimeout(() => this.#recentlyEnded.delete(sessionId), REMEMBER_ENDED_MS).unref()
    for (const member of this.#bySession.get(sessionId)?.members ?? []) member.close(reason)
  }

  /** Ends them all, and whatever comes after. */
  drain(): void {
    this.#isDraining = true
    for (const { members } of this.#bySession.values()) {
      for (const member of members) member.close('draining')
    }
    clearInterval(this.#sweep)
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

  /** Since the start, open tunnels included. */
  countBytes(): { toBrowser: number; toDesktop: number } {
    const total = { ...this.#closedBytes }
    for (const tunnel of this.#open) {
      total.toBrowser += tunnel.bytesToBrowser
      total.toDesktop += tunnel.bytesToDesktop
    }
    return total
  }

  #watch(session: Session): Watch {
    const known = this.#bySession.get(session.id)
    if (known !== undefined) return known
    const watch: Watch = { members: new Set(), timer: undefined }
    const arm = (): void => {
      const left = session.expiresAt - this.#now()
      if (left <= 0) {
        // Here and now, whatever the store says: it is asked to remember, not whether.
        this.closeSession(session.id, 'expired')
        this.onExpired(session.id)
      } else {
        watch.timer = setTimeout(arm, Math.min(left, LONGEST_TIMER_MS)).unref()
      }
    }
    this.#bySession.set(session.id, watch)
    arm()
    return watch
  }

  #leave(sessionId: string, watch: Watch, member: Closable): void {
    watch.members.delete(member)
    if (watch.members.size > 0) return
    clearTimeout(watch.timer)
    // A later tunnel of the same session may have a watch of its own by now.
    if (this.#bySession.get(sessionId) === watch) this.#bySession.delete(sessionId)
  }

  #join(session: Session, watch: Watch, link: Link): void {
    const startedAt = this.#now()
    const about = {
      request: link.requestId,
      ...subjectOf(session),
      role: link.role,
      address: link.address,
      desktop: this.#desktop,
    }
    const tunnel = new Tunnel(link, (reason) => {
      this.#open.delete(tunnel)
      this.#leave(session.id, watch, tunnel)
      const seconds = (this.#now() - startedAt) / 1_000
      const { bytesToBrowser, bytesToDesktop } = tunnel
      this.#closedBytes.toBrowser += bytesToBrowser
      this.#closedBytes.toDesktop += bytesToDesktop
      this.#metrics.tunnelDuration.observe(seconds)
      this.#metrics.tunnelsClosed.inc({ reason })
      this.#audit.write({
        event: 'tunnel_closed',
        ...about,
        reason,
        seconds,
        bytesToBrowser,
        bytesToDesktop,
      })
    })
    if (this.#bySession.get(session.id) !== watch) this.#bySession.set(session.id, watch)
    watch.members.add(tunnel)
    this.#open.add(tunnel)
    this.#audit.write({ event: 'tunnel_opened', ...about })
    tunnel.start()
  }

  #closeStalled(): void {
    const since = Date.now() - STALLED_MS
    for (const tunnel of this.#open) tunnel.closeIfStalled(since)
  }
}

class Tunnel implements Closable {
  readonly role: Role
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #heads: readonly [client: Buffer, upstream: Buffer]
  readonly #onClosed: (reason: CloseReason) => void
  /** Bytes either socket had read before it was ours. */
  readonly #readBefore: readonly [client: number, upstream: number]
  /** Since when (ms since the epoch) a side takes nothing; 0 while it does. */
  #clientBlockedAt = 0
  #upstreamBlockedAt = 0
  /** The first cause seen, which is the one that counts. */
  #reason: CloseReason | undefined
  #isEnding = false
  #isClosed = false

  constructor(link: Link, onClosed: (reason: CloseReason) => void) {
    this.role = link.role
    this.#client = link.client
    this.#upstream = link.upstream
    this.#heads = [link.clientHead, link.upstreamHead]
    this.#onClosed = onClosed
    this.#readBefore = [
      link.client.bytesRead - link.clientHead.length,
      link.upstream.bytesRead - link.upstreamHead.length,
    ]
  }

  get bytesToBrowser(): number {
    return this.#upstream.bytesRead - this.#readBefore[1]
  }

  get bytesToDesktop(): number {
    return this.#client.bytesRead - this.#readBefore[0]
  }

  start(): void {
    const client = this.#client
    const upstream = this.#upstream
    for (const socket of [client, upstream]) {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
    }
    client.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code === 'ETIMEDOUT' ? 'client-gone' : 'client-closed'
    })
    upstream.on('error', () => (this.#reason ??= 'desktop-gone'))
    client.on('close', () => this.#finish('client-closed'))
    upstream.on('close', () => this.close('desktop-gone'))
    client.on('end', () => this.close('client-closed'))
    upstream.on('end', () => this.close('desktop-gone'))

    client.on('data', (chunk) => {
      if (!upstream.write(chunk)) {
        client.pause()
        this.#upstreamBlockedAt = Date.now()
      }
    })
    upstream.on('drain', () => {
      this.#upstreamBlockedAt = 0
      if (!this.#isEnding) client.resume()
    })
    upstream.on('data', (chunk) => {
      if (!client.write(chunk)) {
        upstream.pause()
        this.#clientBlockedAt = Date.now()
      }
    })
    client.on('drain', () => {
      this.#clientBlockedAt = 0
      if (!this.#isEnding) upstream.resume()
    })

    const [clientHead, upstreamHead] = this.#heads
    if (clientHead.length > 0) upstream.write(clientHead)
    if (upstreamHead.length > 0) client.write(upstreamHead)
    // A side that closed while the handshake was under way has said so already.
    if (client.destroyed) this.#finish('client-closed')
    else if (upstream.destroyed) this.close('desktop-gone')
  }

  /** No byte of the client's passes any more once this returns; what the desktop had said is flushed, then both end. */
  close(reason: CloseReason): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#reason ??= reason
    const client = this.#client
    const upstream = this.#upstream
    client.removeAllListeners('data')
    client.resume()
    upstream.removeAllListeners('data')
    upstream.destroySoon()
    client.end()
    setTimeout(() => this.#finish(reason), LINGER_MS).unref()
    if (client.destroyed) this.#finish(reason)
  }

  closeIfStalled(since: number): void {
    const isStalled = (blockedAt: number): boolean => blockedAt > 0 && blockedAt < since
    if (isStalled(this.#clientBlockedAt)) this.#finish('client-gone')
    else if (isStalled(this.#upstreamBlockedAt)) this.#finish('desktop-gone')
  }

  /** Both sockets always go together. */
  #finish(reason: CloseReason): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reason ??= reason
    this.#onClosed(this.#reason)
    this.#client.destroy()
    this.#upstream.destroy()
  }
}
