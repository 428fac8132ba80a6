// Decides when a session is idle on all replicas, and how long an end is remembered.

import type { SettingsHolder } from '../config/config.ts'
import type { PresenceBook } from './presence.ts'
import type { Session } from './session.ts'

/** How long an ended session can say why it ended, and how long a failed write of an end is repeated. */
export const TOMBSTONE_MS: number = 60 * 60_000
/** An idle end demands a new sign-in even after a night, a weekend or a holiday. */
const REMEMBER_IDLE_MS = 14 * 24 * 60 * 60_000

export class Idleness {
  readonly #settings: SettingsHolder
  readonly #presence: PresenceBook
  readonly #now: () => number

  constructor(settings: SettingsHolder, presence: PresenceBook, now: () => number) {
    this.#settings = settings
    this.#presence = presence
    this.#now = now
  }

  /** How long an idle end is remembered. */
  get memoryMs(): number {
    const { idleTimeout, idleReauth } = this.#settings.current.session
    return idleTimeout > 0 && idleReauth ? REMEMBER_IDLE_MS : TOMBSTONE_MS
  }

  /** Rejects when the store does. */
  async isIdle(session: Session): Promise<boolean> {
    const { idleTimeout } = this.#settings.current.session
    if (idleTimeout === 0) return false
    const isRecent = (time: number): boolean => time + idleTimeout > this.#now()
    const lastInputHere = this.#presence.lastInputHere(session.id) ?? 0
    if (isRecent(Math.max(session.createdAt, lastInputHere))) return false
    return !isRecent(await this.lastInput(session))
  }

  /** Milliseconds since the epoch. Rejects when the store does. */
  async lastInput(session: Session): Promise<number> {
    const [presence] = await this.#presence.read([session.id])
    return Math.max(session.createdAt, presence?.lastInput ?? 0)
  }
}
