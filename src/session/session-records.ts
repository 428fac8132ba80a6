// Turns sessions into records for the store, and back. A record is valid only for the session, the state and the gateway that
// it was sealed for. If somebody with write access copies, swaps or changes it, it reads as no record
// (docs/adr/0009-records-bound-to-what-they-are-for.md).

import { createHash } from 'node:crypto'
import type { SettingsHolder } from '../config/config.ts'
import { createSealer, deriveKey, type Sealer } from '../lib/seal.ts'
import { gatewayId } from './gateway-id.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'
import type { Envelope, Session, Vault } from './session.ts'

/** The part of a record that the store reads. It is not sealed, but the record opens only with exactly this part. */
export type ClearPart = Omit<SessionRecord, 'envelope' | 'vault'>

export interface StoredSession {
  readonly record: SessionRecord
  readonly session: Session
}

export interface SessionRecordsParts {
  readonly settings: SettingsHolder
  readonly store: SessionStore
  /** Gives a session that was read the role that the rules give it now. */
  readonly judge: (session: Session) => Session
  /** Called with each session that is read, and its record. */
  readonly onRead: (session: Session, record: SessionRecord) => void
}

export class SessionRecords {
  readonly #parts: SessionRecordsParts
  readonly #envelopes: Sealer
  readonly #gateway: string

  constructor(parts: SessionRecordsParts) {
    this.#parts = parts
    const { publicUrl, session } = parts.settings.current
    this.#gateway = gatewayId(publicUrl)
    this.#envelopes = createSealer(session.secrets, `session envelope of ${this.#gateway}`)
  }

  /** The record of a live session. The vault opens with its cookie. */
  async seal(
    cookie: string,
    { id, ...envelope }: Session,
    vault: Vault,
    clear: ClearPart,
  ): Promise<SessionRecord> {
    const binding = bindingOf(id, clear)
    return {
      ...clear,
      envelope: await this.#envelopes.seal(envelope, binding),
      vault: await this.#vaultSealer(cookie).seal(vault, binding),
    }
  }

  /** The record of a session that has ended. */
  async sealTombstone({ id, ...envelope }: Session, clear: ClearPart): Promise<SessionRecord> {
    const sealed = await this.#envelopes.seal(envelope, bindingOf(id, clear))
    return { ...clear, envelope: sealed, vault: undefined }
  }

  async read(id: string): Promise<StoredSession | undefined> {
    const [found] = await this.readMany([id])
    return found
  }

  /**
   * What is stored under each id, in one call to the store. Undefined where there is nothing that this gateway sealed for
   * that session, and where `isWanted` says no.
   */
  async readMany(
    ids: readonly string[],
    isWanted: (record: SessionRecord) => boolean = () => true,
  ): Promise<readonly (StoredSession | undefined)[]> {
    const records = await this.#parts.store.read(ids)
    return Promise.all(
      ids.map(async (id, index) => {
        const record = records[index]
        return record === undefined || !isWanted(record) ? undefined : this.#open(id, record)
      }),
    )
  }

  async openVault(cookie: string, { session, record }: StoredSession): Promise<Vault | undefined> {
    if (record.vault === undefined) return undefined
    const binding = bindingOf(session.id, record)
    return (await this.#vaultSealer(cookie).open(record.vault, binding)) as Vault | undefined
  }

  async #open(id: string, record: SessionRecord): Promise<StoredSession | undefined> {
    const envelope = await this.#envelopes.open(record.envelope, bindingOf(id, record))
    if (envelope === undefined) return undefined
    const session = this.#parts.judge({ id, ...(envelope as Envelope) })
    this.#parts.onRead(session, record)
    return { record, session }
  }

  #vaultSealer(cookie: string): Sealer {
    const [first, ...rest] = this.#parts.settings.current.session.secrets
    const both = (secret: string): Uint8Array => Buffer.from(`${cookie}\0${secret}`)
    return createSealer([both(first), ...rest.map(both)], `session vault of ${this.#gateway}`)
  }
}

/** The session's public name: 128 bits, one way from the cookie. */
export function sessionId(cookie: string): string {
  return Buffer.from(deriveKey(cookie, 'session lookup', 16)).toString('base64url')
}

/** The keys depend on the gateway; this context binds the record to all else. */
function bindingOf(id: string, clear: ClearPart): string {
  const { generation, activeUntil, keepUntil, indexes } = clear
  const parts = [id, generation, activeUntil, keepUntil, [...indexes].sort()]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
