// Watches every session with tunnels on this replica: its lifetime, its idle time-out, its re-validation at the provider, and
// what other replicas and the store say about it. Whatever ends the session, its tunnels learn it from here.

import type { SettingsHolder } from '../config/config.ts'
import type { PresenceBook } from './presence.ts'
import type { EndReason, Lookup, Session } from './session.ts'
import type { Sessions } from './sessions.ts'

const MAX_TIMER_MS = 2_147_483_647
/** How often all watched sessions are read again, in one call. This makes up for lost messages. */
const SWEEP_INTERVAL_MS = 10_000
/** Delay after a failed read of the store. */
const RETRY_MS = 5_000

/** Implemented by gate/revalidate.ts, which asks the provider. */
export interface Revalidation {
  dueAt(session: Session): number | undefined
  revalidate(cookie: string, session: Session): Promise<Lookup>
}

interface Watched {
  session: Session
  /** Opens the vault, so it is kept only while a tunnel exists. */
  readonly cookie: string
  revalidation: NodeJS.Timeout | undefined
  tunnels: number
  expiry: NodeJS.Timeout | undefined
  idle: NodeJS.Timeout | undefined
}

export interface SessionMonitorListener {
  /** The session has ended: close its tunnels at once. May be called more than once for a session. */
  onEnded(sessionId: string, reason: EndReason): void
  /** The session stays live, possibly with another role. Any replica may have decided that. */
  onRenewed(session: Session): void
}

export class SessionMonitor {
  readonly #settings: SettingsHolder
  readonly #sessions: Sessions
  readonly #presence: PresenceBook
  readonly #revalidation: Revalidation
  readonly #now: () => number
  readonly #watched = new Map<string, Watched>()
  readonly #listener: SessionMonitorListener
  readonly #sweepTimer: NodeJS.Timeout
  /** Since when the store does not answer (ms since the epoch). */
  #storeLostAt: number | undefined

  constructor(
    settings: SettingsHolder,
    sessions: Sessions,
    presence: PresenceBook,
    revalidation: Revalidation,
    listener: SessionMonitorListener,
    now: () => number,
  ) {
    this.#settings = settings
    this.#sessions = sessions
    this.#presence = presence
    this.#revalidation = revalidation
    this.#listener = listener
    this.#now = now
    this.#sweepTimer = setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS).unref()
    sessions.events.on('endedAnywhere', (sessionId, reason) => listener.onEnded(sessionId, reason))
    sessions.events.on('recordsLost', (collect) => collect(this.sessions))
    sessions.events.on('endsMissed', () => void this.sweep())
  }

  /** Call this when a tunnel of the session opens. Call the returned function when it closes. */
  watch(session: Session, cookie: string): () => void {
    let watched = this.#watched.get(session.id)
    if (watched === undefined) {
      watched = {
        session,
        cookie,
        tunnels: 0,
        expiry: undefined,
        idle: undefined,
        revalidation: undefined,
      }
      this.#watched.set(session.id, watched)
      this.#watchLifetime(watched)
      this.#watchInput(watched, this.#idleAt(watched))
      this.#watchProvider(watched)
    }
    watched.tunnels += 1
    const current = watched
    return () => {
      current.tunnels -= 1
      if (current.tunnels > 0) return
      clearTimeout(current.expiry)
      clearTimeout(current.idle)
      clearTimeout(current.revalidation)
      if (this.#watched.get(session.id) === current) this.#watched.delete(session.id)
    }
  }

  /** The sessions with tunnels here, as they were last read. */
  get sessions(): readonly Session[] {
    return [...this.#watched.values()].map(({ session }) => session)
  }

  /** Reads all watched sessions in one call and ends those that have ended elsewhere. */
  async sweep(): Promise<void> {
    const ids = [...this.#watched.keys()]
    if (ids.length === 0) {
      this.#storeLostAt = undefined
      return
    }
    try {
      const found = await this.#sessions.lookUp(ids)
      this.#storeLostAt = undefined
      for (const [index, id] of ids.entries()) {
        const now = found[index]
        if (now !== undefined) this.#apply(id, now)
      }
    } catch {
      // An outage of the store is not a logout. But nobody can end a session during it, so `storeGrace` bounds it.
      this.#storeLostAt ??= this.#now()
      if (this.#now() - this.#storeLostAt >= this.#settings.current.session.storeGrace) {
        for (const id of ids) this.#listener.onEnded(id, 'store-lost')
      }
    }
  }

  stop(): void {
    clearInterval(this.#sweepTimer)
    for (const { expiry, idle, revalidation } of this.#watched.values()) {
      clearTimeout(revalidation)
      clearTimeout(expiry)
      clearTimeout(idle)
    }
  }

  /** Applies what the store or the provider says about a watched session. */
  #apply(id: string, found: Lookup): void {
    const watched = this.#watched.get(id)
    if (watched === undefined) return
    if (found.state !== 'live') {
      // The store no longer knows the session: it is lost.
      this.#listener.onEnded(id, found.state === 'ended' ? found.reason : 'store-lost')
      return
    }
    watched.session = found.session
    this.#listener.onRenewed(found.session)
  }

  #watchLifetime(watched: Watched): void {
    const left = watched.session.expiresAt - this.#now()
    if (left <= 0) {
      this.#end(watched, 'expired')
      return
    }
    watched.expiry = setTimeout(() => this.#watchLifetime(watched), Math.min(left, MAX_TIMER_MS))
    watched.expiry.unref()
  }

  #watchProvider(watched: Watched): void {
    const at = this.#revalidation.dueAt(watched.session)
    if (at === undefined) return
    const left = Math.max(0, at - this.#now())
    watched.revalidation = setTimeout(
      () => void this.#revalidate(watched),
      Math.min(left, MAX_TIMER_MS),
    )
    watched.revalidation.unref()
  }

  async #revalidate(watched: Watched): Promise<void> {
    // Timers use another clock and may fire a millisecond early. Revalidation would then do nothing, as if another replica
    // were refreshing.
    if ((this.#revalidation.dueAt(watched.session) ?? 0) > this.#now())
      return this.#watchProvider(watched)
    const found = await this.#revalidation
      .revalidate(watched.cookie, watched.session)
      .catch(() => undefined)
    if (this.#watched.get(watched.session.id) !== watched) return
    if (found !== undefined) this.#apply(watched.session.id, found)
    if (found !== undefined && found.state !== 'live') return
    const isStillDue = (this.#revalidation.dueAt(watched.session) ?? 0) <= this.#now()
    if (!isStillDue) return this.#watchProvider(watched)
    // Another replica is refreshing, or the store is unavailable.
    watched.revalidation = setTimeout(() => void this.#revalidate(watched), RETRY_MS)
    watched.revalidation.unref()
  }

  #watchInput(watched: Watched, at: number | undefined): void {
    if (at === undefined) return
    const left = Math.max(0, at - this.#now())
    watched.idle = setTimeout(() => void this.#checkIdle(watched), Math.min(left, MAX_TIMER_MS))
    watched.idle.unref()
  }

  async #checkIdle(watched: Watched): Promise<void> {
    const at = this.#idleAt(watched)
    if (at === undefined || at > this.#now()) return this.#watchInput(watched, at)
    try {
      // The person may be active on another replica.
      const lastInput = await this.#sessions.lastInput(watched.session)
      const idleAt = lastInput + this.#settings.current.session.idleTimeout
      if (this.#watched.get(watched.session.id) !== watched) return
      if (this.#sessions.isRecovering) this.#watchInput(watched, this.#now() + RETRY_MS)
      else if (idleAt <= this.#now()) this.#end(watched, 'idle')
      else this.#watchInput(watched, idleAt)
    } catch {
      this.#watchInput(watched, this.#now() + RETRY_MS)
    }
  }

  /** When this session becomes idle as far as this replica knows; undefined when idle time-outs are off. */
  #idleAt({ session }: Watched): number | undefined {
    const { idleTimeout } = this.#settings.current.session
    if (idleTimeout === 0) return undefined
    return Math.max(session.createdAt, this.#presence.lastInputHere(session.id) ?? 0) + idleTimeout
  }

  // The tunnels end now. The store only has to record the end; its answer does not matter.
  #end({ session }: Watched, reason: EndReason): void {
    this.#listener.onEnded(session.id, reason)
    this.#sessions.end(session.id, reason).catch(() => {})
  }
}
