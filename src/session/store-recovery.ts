// Restores what a restarted store lost. For that, this replica remembers the ends and marks it has written and the last stored
// record of each session (docs/adr/0008-what-a-restarted-store-forgot.md).

import type { EndReason, Session } from './session.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'

/** As long as the store keeps a tombstone. */
const REMEMBER_END_MS = 60 * 60_000
/** Maximum number of remembered ends, and of remembered marks. */
const MAX_REMEMBERED = 5_000
const RETRY_MS = 500

interface KnownEnd {
  readonly reason: EndReason
  /** When this replica learned of the end (ms since the epoch). */
  readonly at: number
  /** Undefined if another replica wrote it, or if no replica has yet. */
  readonly tombstone: SessionRecord | undefined
  readonly until: number
}

export interface StoreRecoveryParts {
  readonly store: SessionStore
  /** The sessions in use on this replica: their records are restored. */
  readonly held: () => readonly Session[]
  /** Decides by the marks in the store. */
  readonly isSignedOut: (session: Session) => Promise<boolean>
  /** The store accepted an end that it had lost. */
  readonly onEndRestored: (id: string, reason: EndReason) => Promise<void>
  readonly now: () => number
}

export class StoreRecovery {
  readonly #parts: StoreRecoveryParts
  readonly #records = new WeakMap<Session, SessionRecord>()
  readonly #ends = new Map<string, KnownEnd>()
  readonly #marks = new Map<string, { readonly number: number; readonly until: number }>()
  /** Until then (ms since the epoch), missing records may still be restored. */
  #recoveringUntil = 0
  #restoring: symbol | undefined

  constructor(parts: StoreRecoveryParts) {
    this.#parts = parts
  }

  /** This replica has not yet restored what it knows: the content of the store cannot be trusted. */
  get isRestoring(): boolean {
    return this.#restoring !== undefined
  }

  /** Other replicas may not yet have restored what they know: a missing record proves nothing. */
  get isRecovering(): boolean {
    return this.isRestoring || this.#parts.now() < this.#recoveringUntil
  }

  /** The ends of the last hour that this replica knows. */
  get ends(): ReadonlyMap<string, { readonly reason: EndReason; readonly at: number }> {
    return this.#ends
  }

  noteRecord(session: Session, record: SessionRecord): void {
    this.#records.set(session, record)
  }

  noteEnd(id: string, reason: EndReason, tombstone?: SessionRecord): void {
    const now = this.#parts.now()
    remember(this.#ends, id, { reason, at: now, tombstone, until: now + REMEMBER_END_MS }, now)
  }

  noteMark(key: string, number: number, ms: number): void {
    const now = this.#parts.now()
    const known = this.#marks.get(key)?.number ?? number
    remember(this.#marks, key, { number: Math.max(number, known), until: now + ms }, now)
  }

  /** Tries for at most `ms`. A new call replaces the one that is running. */
  async restore(ms: number): Promise<void> {
    const { now } = this.#parts
    const until = now() + ms
    const restoring = Symbol('restoring')
    this.#restoring = restoring
    this.#recoveringUntil = until
    while (this.#restoring === restoring && now() < until) {
      try {
        await this.#tryRestore()
        break
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      }
    }
    if (this.#restoring === restoring) this.#restoring = undefined
  }

  async #tryRestore(): Promise<void> {
    const { store, held, isSignedOut, onEndRestored, now } = this.#parts
    await Promise.all([
      ...[...this.#marks].map(([key, { number, until }]) =>
        store.raise(key, number, Math.max(1, until - now())),
      ),
      ...[...this.#ends].map(async ([id, { reason, tombstone }]) => {
        if (tombstone === undefined || !(await store.restore(id, tombstone))) return
        await onEndRestored(id, reason)
      }),
      ...held().map(async (session) => {
        const record = this.#records.get(session)
        if (record === undefined || this.#ends.has(session.id)) return
        await store.restore(session.id, record)
        // A logout may have found nothing to end while the session was missing. A logout marks first and searches then; this
        // code restores first and reads the marks then. So one of the two sees the other.
        if (await isSignedOut(session)) this.noteEnd(session.id, 'provider-logout')
      }),
    ])
  }
}

/** Drops expired entries, and the oldest when there are too many. */
function remember<V extends { readonly until: number }>(
  known: Map<string, V>,
  key: string,
  value: V,
  now: number,
): void {
  known.delete(key)
  known.set(key, value)
  for (const [oldest, { until }] of known) {
    if (until > now && known.size <= MAX_REMEMBERED) break
    known.delete(oldest)
  }
}
