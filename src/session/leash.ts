// Holds every session that has tunnels on this replica: looks when its time is up, when nobody has done anything for too
// long, and what the other replicas and the store say of it. Whatever ends a session, its tunnels hear of it from here.

import type { SettingsHolder } from '../config/config.ts'
import type { PresenceBook } from './presence.ts'
import type { EndReason, Session } from './session.ts'
import type { Lookup, Sessions } from './sessions.ts'

const LONGEST_TIMER_MS = 2_147_483_647
/** How often the held sessions are read again, all in one call: what a message lost on its way would have said. */
const READ_AGAIN_MS = 10_000
/** After a failed look at who did what where. */
const ASK_AGAIN_MS = 5_000

/** gate/revalidate.ts, which asks the provider. */
export interface Revalidation {
  dueAt(session: Session): number | undefined
  revalidate(cookie: string, session: Session): Promise<Lookup>
}

interface Held {
  session: Session
  /** Kept only while there is a tunnel: it opens the vault. */
  readonly cookie: string
  revalidation: NodeJS.Timeout | undefined
  tunnels: number
  expiry: NodeJS.Timeout | undefined
  idle: NodeJS.Timeout | undefined
}

export interface LeashListener {
  /** Ends the tunnels of a session, at once; told more than once of the same. */
  cut(sessionId: string, reason: EndReason): void
  /** The session goes on, perhaps with other rights, on whatever replica that was decided. */
  renew(session: Session): void
}

export class Leash {
  readonly #settings: SettingsHolder
  readonly #sessions: Sessions
  readonly #presence: PresenceBook
  readonly #revalidation: Revalidation
  readonly #now: () => number
  readonly #held = new Map<string, Held>()
  readonly #listener: LeashListener
  readonly #reading: NodeJS.Timeout
  /** Since when the store has not answered (ms since the epoch). */
  #storeLostAt: number | undefined

  constructor(
    settings: SettingsHolder,
    sessions: Sessions,
    presence: PresenceBook,
    revalidation: Revalidation,
    listener: LeashListener,
    now: () => number,
  ) {
    this.#settings = settings
    this.#sessions = sessions
    this.#presence = presence
    this.#revalidation = revalidation
    this.#listener = listener
    this.#now = now
    this.#reading = setInterval(() => void this.readAgain(), READ_AGAIN_MS).unref()
    sessions.onEnded((sessionId, reason) => listener.cut(sessionId, reason))
    sessions.restoreFrom(() => this.sessions)
    sessions.onMissed(() => void this.readAgain())
  }

  /** A tunnel of this session opens; the answer lets go of it. */
  hold(session: Session, cookie: string): () => void {
    let held = this.#held.get(session.id)
    if (held === undefined) {
      held = {
        session,
        cookie,
        tunnels: 0,
        expiry: undefined,
        idle: undefined,
        revalidation: undefined,
      }
      this.#held.set(session.id, held)
      this.#watchLifetime(held)
      this.#watchInput(held, this.#idleAt(held))
      this.#watchProvider(held)
    }
    held.tunnels += 1
    const holding = held
    return () => {
      holding.tunnels -= 1
      if (holding.tunnels > 0) return
      clearTimeout(holding.expiry)
      clearTimeout(holding.idle)
      clearTimeout(holding.revalidation)
      if (this.#held.get(session.id) === holding) this.#held.delete(session.id)
    }
  }

  /** The sessions with tunnels here, as they were last read. */
  get sessions(): readonly Session[] {
    return [...this.#held.values()].map(({ session }) => session)
  }

  /** Reads every held session in one call, and cuts off what has ended elsewhere. */
  async readAgain(): Promise<void> {
    const ids = [...this.#held.keys()]
    if (ids.length === 0) {
      this.#storeLostAt = undefined
      return
    }
    try {
      const found = await this.#sessions.lookUp(ids)
      this.#storeLostAt = undefined
      for (const [index, id] of ids.entries()) {
        const now = found[index]
        if (now !== undefined) this.#take(id, now)
      }
    } catch {
      // An outage of the store is no logout. But how long may a person stay whom nobody could end meanwhile?
      this.#storeLostAt ??= this.#now()
      if (this.#now() - this.#storeLostAt >= this.#settings.current.session.storeGrace) {
        for (const id of ids) this.#listener.cut(id, 'store-lost')
      }
    }
  }

  stop(): void {
    clearInterval(this.#reading)
    for (const { expiry, idle, revalidation } of this.#held.values()) {
      clearTimeout(revalidation)
      clearTimeout(expiry)
      clearTimeout(idle)
    }
  }

  /** What the store or the provider says of a held session now. */
  #take(id: string, found: Lookup): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    if (found.state !== 'live') {
      // A session that the store knows nothing of any more is lost.
      this.#listener.cut(id, found.state === 'ended' ? found.reason : 'store-lost')
      return
    }
    held.session = found.session
    this.#listener.renew(found.session)
  }

  #watchLifetime(held: Held): void {
    const left = held.session.expiresAt - this.#now()
    if (left <= 0) {
      this.#end(held, 'expired')
      return
    }
    held.expiry = setTimeout(() => this.#watchLifetime(held), Math.min(left, LONGEST_TIMER_MS))
    held.expiry.unref()
  }

  #watchProvider(held: Held): void {
    const at = this.#revalidation.dueAt(held.session)
    if (at === undefined) return
    const left = Math.max(0, at - this.#now())
    held.revalidation = setTimeout(
      () => void this.#askProvider(held),
      Math.min(left, LONGEST_TIMER_MS),
    )
    held.revalidation.unref()
  }

  async #askProvider(held: Held): Promise<void> {
    // A timer counts by another clock and may be a millisecond early: nothing would be asked, and it would look as if
    // somebody else were asking.
    if ((this.#revalidation.dueAt(held.session) ?? 0) > this.#now())
      return this.#watchProvider(held)
    const found = await this.#revalidation
      .revalidate(held.cookie, held.session)
      .catch(() => undefined)
    if (this.#held.get(held.session.id) !== held) return
    if (found !== undefined) this.#take(held.session.id, found)
    if (found !== undefined && found.state !== 'live') return
    const isStillDue = (this.#revalidation.dueAt(held.session) ?? 0) <= this.#now()
    if (!isStillDue) return this.#watchProvider(held)
    // Somebody else is asking, or the store is away.
    held.revalidation = setTimeout(() => void this.#askProvider(held), ASK_AGAIN_MS)
    held.revalidation.unref()
  }

  #watchInput(held: Held, at: number | undefined): void {
    if (at === undefined) return
    const left = Math.max(0, at - this.#now())
    held.idle = setTimeout(() => void this.#judgeInput(held), Math.min(left, LONGEST_TIMER_MS))
    held.idle.unref()
  }

  async #judgeInput(held: Held): Promise<void> {
    const at = this.#idleAt(held)
    if (at === undefined || at > this.#now()) return this.#watchInput(held, at)
    try {
      // Perhaps this person is at work on another replica.
      const lastInput = await this.#sessions.lastInput(held.session)
      const idleAt = lastInput + this.#settings.current.session.idleTimeout
      if (this.#held.get(held.session.id) !== held) return
      if (this.#sessions.isUnsettled) this.#watchInput(held, this.#now() + ASK_AGAIN_MS)
      else if (idleAt <= this.#now()) this.#end(held, 'idle')
      else this.#watchInput(held, idleAt)
    } catch {
      this.#watchInput(held, this.#now() + ASK_AGAIN_MS)
    }
  }

  /** When this session is idle as far as this replica knows; undefined when that is off. */
  #idleAt({ session }: Held): number | undefined {
    const { idleTimeout } = this.#settings.current.session
    if (idleTimeout === 0) return undefined
    return Math.max(session.createdAt, this.#presence.lastInputHere(session.id) ?? 0) + idleTimeout
  }

  // Here and now, whatever the store says: it is asked to remember, not whether.
  #end({ session }: Held, reason: EndReason): void {
    this.#listener.cut(session.id, reason)
    this.#sessions.end(session.id, reason).catch(() => {})
  }
}
