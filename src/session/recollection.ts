// What this replica remembers for a store that may be restarted, and forget: the ends and marks it has written, and each
// session as it was last stored (docs/adr/0008-what-a-restarted-store-forgot.md).

import type { EndReason, Session } from './session.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'

/** As long as the store keeps a tombstone that says why. */
const REMEMBER_END_MS = 60 * 60_000
/** Of ends, and of marks. */
const MOST_REMEMBERED = 5_000
const AGAIN_MS = 500

interface KnownEnd {
  readonly reason: EndReason
  /** Undefined where another replica wrote it, or nobody yet. */
  readonly tombstone: SessionRecord | undefined
  readonly until: number
}

interface KnownMark {
  readonly write: () => Promise<unknown>
  readonly until: number
}

export interface RecollectionParts {
  readonly store: SessionStore
  /** The sessions that are in use here: these are given back. */
  readonly held: () => readonly Session[]
  /** By the marks in the store. */
  readonly isSignedOut: (session: Session) => Promise<boolean>
  /** The store took an end that it had lost. */
  readonly onEndGivenBack: (id: string, reason: EndReason) => Promise<void>
  readonly now: () => number
}

export class Recollection {
  readonly #parts: RecollectionParts
  readonly #records = new WeakMap<Session, SessionRecord>()
  readonly #ends = new Map<string, KnownEnd>()
  readonly #marks = new Map<string, KnownMark>()
  /** What is missing in the store until then (ms since the epoch) may come back. */
  #unsettledUntil = 0
  #givingBack: symbol | undefined

  constructor(parts: RecollectionParts) {
    this.#parts = parts
  }

  /** What this replica knows is not in the store again: nothing there can be trusted. */
  get isGivingBack(): boolean {
    return this.#givingBack !== undefined
  }

  /** What other replicas know may not be in the store again: what is missing there says nothing. */
  get isUnsettled(): boolean {
    return this.isGivingBack || this.#parts.now() < this.#unsettledUntil
  }

  /** The ends of the last hour that are known here. */
  get ends(): ReadonlyMap<string, { readonly reason: EndReason }> {
    return this.#ends
  }

  noteRecord(session: Session, record: SessionRecord): void {
    this.#records.set(session, record)
  }

  noteEnd(id: string, reason: EndReason, tombstone?: SessionRecord): void {
    const now = this.#parts.now()
    remember(this.#ends, id, { reason, tombstone, until: now + REMEMBER_END_MS }, now)
  }

  noteMark(name: string, write: () => Promise<unknown>, ms: number): void {
    const now = this.#parts.now()
    remember(this.#marks, name, { write, until: now + ms }, now)
  }

  /** Tries for `ms` at most. Called anew, it takes the place of what is under way. */
  async giveBack(ms: number): Promise<void> {
    const { now } = this.#parts
    const until = now() + ms
    const givingBack = Symbol('giving back')
    this.#givingBack = givingBack
    this.#unsettledUntil = until
    while (this.#givingBack === givingBack && now() < until) {
      try {
        await this.#tryToGiveBack()
        break
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref())
      }
    }
    if (this.#givingBack === givingBack) this.#givingBack = undefined
  }

  async #tryToGiveBack(): Promise<void> {
    const { store, held, isSignedOut, onEndGivenBack } = this.#parts
    await Promise.all([
      ...[...this.#marks.values()].map(({ write, until }) => until > this.#parts.now() && write()),
      ...[...this.#ends].map(async ([id, { reason, tombstone }]) => {
        if (tombstone === undefined || !(await store.restore(id, tombstone))) return
        await onEndGivenBack(id, reason)
      }),
      ...held().map(async (session) => {
        const record = this.#records.get(session)
        if (record === undefined || this.#ends.has(session.id)) return
        await store.restore(session.id, record)
        // A logout found nothing to end while the session was missing. It marks first and finds then, we the reverse.
        if (await isSignedOut(session)) this.noteEnd(session.id, 'provider-logout')
      }),
    ])
  }
}

/** Drops what has had its time, and the oldest of too many. */
function remember<V extends { readonly until: number }>(
  known: Map<string, V>,
  key: string,
  value: V,
  now: number,
): void {
  known.delete(key)
  known.set(key, value)
  for (const [oldest, { until }] of known) {
    if (until > now && known.size <= MOST_REMEMBERED) break
    known.delete(oldest)
  }
}
