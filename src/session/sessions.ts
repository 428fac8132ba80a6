// Opens, finds and ends sessions. The only code that knows both the cookie and the record (docs/architecture.md,
// "sessions at rest"): the store key is derived from the cookie one way, so a stolen store signs nobody in.

import { deriveKey, createSealer, type Sealer } from '../lib/seal.ts'
import type { SettingsHolder } from '../config/config.ts'
import { newSessionCookie } from './cookie.ts'
import { createSessionIndex, type SessionIndex } from './session-index.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'
import type { EndReason, Envelope, Identity, Session, Vault } from './session.ts'

/** How long an ended session can still say why it ended. */
const TOMBSTONE_MS = 60 * 60_000

export type Lookup =
  | { readonly state: 'live'; readonly session: Session }
  | { readonly state: 'ended'; readonly reason: EndReason }
  | { readonly state: 'none' }

export interface Opening {
  readonly identity: Identity
  readonly role: Session['role']
  readonly rule: string
  readonly address: string
  readonly vault: Vault
}

/** `requestId` names the request that ended it, where one did. */
export type EndedListener = (
  session: Session,
  reason: EndReason,
  requestId: string | undefined,
) => void

export class Sessions {
  readonly #settings: SettingsHolder
  readonly #store: SessionStore
  readonly #now: () => number
  readonly #envelopes: Sealer
  readonly #index: SessionIndex
  readonly #listeners: EndedListener[] = []
  readonly #ending = new Map<string, Promise<boolean>>()

  constructor(settings: SettingsHolder, store: SessionStore, now: () => number) {
    this.#settings = settings
    this.#store = store
    this.#now = now
    this.#envelopes = createSealer(settings.current.session.secrets, 'session envelope')
    this.#index = createSessionIndex(settings.current.session.secrets)
  }

  /** Called once for every session that ends, on this replica, whatever ended it. */
  onEnded(listener: EndedListener): void {
    this.#listeners.push(listener)
  }

  /** A new session with a new cookie: a session id from before the sign-in is never kept (session fixation). */
  async open(opening: Opening): Promise<{ session: Session; cookie: string }> {
    const cookie = newSessionCookie()
    const id = sessionId(cookie)
    const createdAt = this.#now()
    const expiresAt = createdAt + this.#settings.current.session.maxLifetime
    const { identity, role, rule, address } = opening
    const envelope: Envelope = {
      identity,
      role,
      rule,
      createdAt,
      expiresAt,
      address,
      ended: undefined,
    }
    await this.#store.create(id, {
      envelope: await this.#envelopes.seal(envelope),
      vault: await this.#vaultSealer(cookie).seal(opening.vault),
      indexes: this.#index.of(identity),
      generation: 1,
      activeUntil: expiresAt,
      keepUntil: expiresAt + TOMBSTONE_MS,
    })
    return { session: { id, ...envelope }, cookie }
  }

  /** What the cookie's session is now. Rejects only when the store does. */
  async find(cookie: string): Promise<Lookup> {
    const found = await this.#read(sessionId(cookie))
    if (found === undefined) return { state: 'none' }
    const { session } = found
    if (session.ended !== undefined) return { state: 'ended', reason: session.ended.reason }
    if (session.expiresAt <= this.#now()) {
      await this.end(session.id, 'expired')
      return { state: 'ended', reason: 'expired' }
    }
    return { state: 'live', session }
  }

  /** The tokens of the cookie's session, for as long as it lives. */
  async openVault(cookie: string): Promise<Vault | undefined> {
    const [record] = await this.#store.read([sessionId(cookie)])
    if (record?.vault === undefined) return undefined
    return (await this.#vaultSealer(cookie).open(record.vault)) as Vault | undefined
  }

  /** Ends a session and tells the listeners; false when it was not live any more. The first reason stands. */
  end(id: string, reason: EndReason, requestId?: string): Promise<boolean> {
    const underWay = this.#ending.get(id)
    if (underWay !== undefined) return underWay.then(() => false)
    const ending = this.#end(id, reason, requestId).finally(() => this.#ending.delete(id))
    this.#ending.set(id, ending)
    return ending
  }

  async #end(id: string, reason: EndReason, requestId: string | undefined): Promise<boolean> {
    const found = await this.#read(id)
    if (found === undefined || found.session.ended !== undefined) return false
    const { id: _, ...envelope } = found.session
    const { indexes, generation } = found.record
    const at = this.#now()
    const tombstone: SessionRecord = {
      envelope: await this.#envelopes.seal({ ...envelope, ended: { reason, at } }),
      vault: undefined,
      indexes,
      generation: generation + 1,
      activeUntil: 0,
      keepUntil: at + TOMBSTONE_MS,
    }
    // Somebody else's write came in between: it may be an end as well, or only newer tokens.
    if (!(await this.#store.replace(id, tombstone, generation))) {
      return this.#end(id, reason, requestId)
    }
    for (const listener of this.#listeners) listener(found.session, reason, requestId)
    return true
  }

  countActive(): Promise<number> {
    return this.#store.countActive()
  }

  async #read(id: string): Promise<{ record: SessionRecord; session: Session } | undefined> {
    const [record] = await this.#store.read([id])
    if (record === undefined) return undefined
    // A record under a secret that is gone is as good as none: its owner signs in again.
    const envelope = (await this.#envelopes.open(record.envelope)) as Envelope | undefined
    return envelope === undefined ? undefined : { record, session: { id, ...envelope } }
  }

  #vaultSealer(cookie: string): Sealer {
    const [first, ...rest] = this.#settings.current.session.secrets
    const both = (secret: string): Uint8Array => Buffer.from(`${cookie}\0${secret}`)
    return createSealer([both(first), ...rest.map(both)], 'session vault')
  }
}

/** The session's public name: 128 bits, one way from the cookie. */
function sessionId(cookie: string): string {
  return Buffer.from(deriveKey(cookie, 'session lookup', 16)).toString('base64url')
}
