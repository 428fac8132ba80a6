// Reads sessions and applies what this replica knows beyond the store: whether the store is being restored, and which sessions
// have ended, even if somebody has put back an older record since.

import { GatewayError } from '../lib/errors.ts'
import type { SessionRecords, StoredSession } from './session-records.ts'
import type { EndReason, Session } from './session.ts'
import type { StoreRecovery } from './store-recovery.ts'

export class SessionReader {
  readonly #records: SessionRecords
  readonly #recovery: StoreRecovery
  readonly #onRolledBack: (id: string, reason: EndReason) => void

  /** `onRolledBack` is called when the store has a live record of a session that has ended. */
  constructor(
    records: SessionRecords,
    recovery: StoreRecovery,
    onRolledBack: (id: string, reason: EndReason) => void,
  ) {
    this.#records = records
    this.#recovery = recovery
    this.#onRolledBack = onRolledBack
  }

  async read(id: string): Promise<StoredSession | undefined> {
    const found = await this.readStored(id)
    return found === undefined
      ? undefined
      : { ...found, session: this.#withKnownEnd(found.session) }
  }

  async readMany(ids: readonly string[]): Promise<readonly (Session | undefined)[]> {
    if (this.#recovery.isRestoring) throw recovering()
    const found = await this.#records.readMany(ids)
    return found.map((one) => (one === undefined ? undefined : this.#withKnownEnd(one.session)))
  }

  /** Ignores the ends that this replica knows. */
  async readStored(id: string): Promise<StoredSession | undefined> {
    if (this.#recovery.isRestoring) throw recovering()
    const found = await this.#records.read(id)
    if (found === undefined && this.#recovery.isRecovering) throw recovering()
    return found
  }

  #withKnownEnd(session: Session): Session {
    const known = this.#recovery.ends.get(session.id)
    if (known === undefined || session.ended !== undefined) return session
    this.#onRolledBack(session.id, known.reason)
    return { ...session, ended: { reason: known.reason, at: known.at } }
  }
}

export function recovering(): GatewayError {
  return new GatewayError(
    'store-unavailable',
    'the replicas are restoring what the session store lost',
  )
}
