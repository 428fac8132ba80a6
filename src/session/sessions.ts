// Opens, finds, renews and ends sessions. Only this code knows both the cookie and the record (docs/architecture.md, "Sessions
// at rest"). The store key is derived from the cookie one way, so a stolen store signs nobody in.

import type { SettingsHolder } from '../config/config.ts'
import { newSessionCookie } from './cookie.ts'
import { EndBroadcast, type SessionEventEmitter } from './end-broadcast.ts'
import { gatewayId } from './gateway-id.ts'
import { Idleness, TOMBSTONE_MS } from './idleness.ts'
import type { PresenceBook } from './presence.ts'
import { ProviderLogout, type LogoutOrder } from './provider-logout.ts'
import { retryUntil } from './retry.ts'
import { createSessionIndex, type SessionIndex } from './session-index.ts'
import { findSuperseded } from './session-limit.ts'
import { recovering, SessionReader } from './session-reader.ts'
import { sessionId, SessionRecords } from './session-records.ts'
import type { SessionStore } from './session-store.ts'
import type { EndReason, Lookup, Opening, Session, Vault } from './session.ts'
import { StoreRecovery } from './store-recovery.ts'

export class Sessions {
  readonly #settings: SettingsHolder
  readonly #store: SessionStore
  readonly #presence: PresenceBook
  readonly #idleness: Idleness
  readonly #now: () => number
  readonly #index: SessionIndex
  readonly #records: SessionRecords
  readonly #reader: SessionReader
  readonly #providerLogout: ProviderLogout
  readonly #broadcast: EndBroadcast
  readonly #recovery: StoreRecovery
  readonly #ending = new Map<string, Promise<boolean>>()
  /** Ends that the store has not accepted yet. */
  readonly #endingLater = new Set<string>()

  /** `judge` gives a session that was read the role that the rules give it now. */
  constructor(
    settings: SettingsHolder,
    store: SessionStore,
    presence: PresenceBook,
    now: () => number,
    judge: (session: Session) => Session,
  ) {
    this.#settings = settings
    this.#store = store
    this.#presence = presence
    this.#idleness = new Idleness(settings, presence, now)
    this.#now = now
    const { publicUrl, session } = settings.current
    const index = createSessionIndex(session.secrets, gatewayId(publicUrl))
    this.#index = index
    const records = new SessionRecords({
      settings,
      store,
      judge,
      onRead: (session, record) => this.#recovery.noteRecord(session, record),
    })
    this.#records = records
    this.#providerLogout = new ProviderLogout({
      store,
      index,
      records,
      recovery: () => this.#recovery,
      end: (id, reason, requestId) => this.end(id, reason, requestId),
      now,
    })
    this.#broadcast = new EndBroadcast(store, (id, reason) => {
      if (!this.#recovery.ends.has(id)) this.#recovery.noteEnd(id, reason)
    })
    this.#recovery = new StoreRecovery({
      store,
      held: () => this.#broadcast.collectHeld().filter(({ id }) => !this.#ending.has(id)),
      isSignedOut: ({ identity, createdAt }) =>
        this.#providerLogout.isSignedOut(identity, Math.floor(createdAt / 1_000)),
      // Another replica may have restored the session before.
      onEndRestored: (id, reason) => this.#broadcast.publish(id, reason),
      now,
    })
    this.#reader = new SessionReader(records, this.#recovery, (id, reason) => {
      if (!this.#endingLater.has(id)) this.end(id, reason).catch(() => {})
    })
    store.onReturned((ms) => void this.#onStoreReturned(ms))
  }

  get events(): SessionEventEmitter {
    return this.#broadcast.events
  }

  /** The store was restarted a moment ago. Other replicas may not have restored their sessions yet. */
  get isRecovering(): boolean {
    return this.#recovery.isRecovering
  }

  /**
   * A new session with a new cookie: a session id from before the sign-in is never kept (session fixation). Undefined
   * when the provider has signed this person out since.
   */
  async open(opening: Opening): Promise<{ session: Session; cookie: string } | undefined> {
    const cookie = newSessionCookie()
    const id = sessionId(cookie)
    const createdAt = this.#now()
    const expiresAt = createdAt + this.#settings.current.session.maxLifetime
    const { identity, role, clipboardIn, rule, address, vault, issuedAt } = opening
    const session: Session = {
      id,
      identity,
      role,
      clipboardIn,
      rule,
      createdAt,
      expiresAt,
      address,
      refreshable: vault.refreshToken !== undefined,
      validatedAt: createdAt,
      tokensExpireAt: opening.tokensExpireAt,
      ended: undefined,
    }
    const record = await this.#records.seal(cookie, session, vault, {
      indexes: this.#index.of(identity),
      generation: 1,
      activeUntil: expiresAt,
      // An unused session is found idle at its next request, however late that request comes.
      keepUntil: expiresAt + this.#idleness.memoryMs,
    })
    await this.#store.create(id, record)
    // Only now can a logout find the session. A logout marks first and searches then, so one of the two sees the other.
    if (await this.#providerLogout.isSignedOut(identity, issuedAt)) {
      await this.end(id, 'provider-logout')
      return undefined
    }
    this.#recovery.noteRecord(session, record)
    const { sessionsPerPerson } = this.#settings.current.limits
    const parts = { store: this.#store, index: this.#index, records: this.#records, now: this.#now }
    const superseded = await findSuperseded(parts, identity, sessionsPerPerson)
    await Promise.all(superseded.map((oldest) => this.end(oldest, 'superseded')))
    return { session, cookie }
  }

  /** What the cookie's session is now. Rejects only when the store does. */
  async find(cookie: string): Promise<Lookup> {
    const found = await this.#reader.read(sessionId(cookie))
    if (found === undefined) return { state: 'none' }
    const { session } = found
    if (session.ended !== undefined) return { state: 'ended', ...session.ended }
    // After a restart of the store, input on other replicas may be missing, so no session counts as idle. Check idleness before
    // expiry: an idle end demands a new sign-in, an expired one does not.
    const isExpired = session.expiresAt <= this.#now()
    const isIdle = !this.isRecovering && (await this.#idleness.isIdle(session))
    const due = isIdle ? 'idle' : isExpired ? 'expired' : undefined
    if (due === undefined) return { state: 'live', session }
    await this.end(session.id, due)
    return { state: 'ended', reason: due, at: this.#now() }
  }

  /** The tokens of the cookie's session while it is live. */
  async openVault(cookie: string): Promise<Vault | undefined> {
    const found = await this.#reader.read(sessionId(cookie))
    return found === undefined ? undefined : this.#records.openVault(cookie, found)
  }

  /**
   * Writes what the provider said anew, with new tokens; false when the session has ended meanwhile, or when somebody
   * has asked later than `since` (ms since the epoch), when this asking began from: the newer tokens win.
   */
  async renew(cookie: string, session: Session, vault: Vault, since: number): Promise<boolean> {
    const { id } = session
    const found = await this.#reader.read(id)
    if (found === undefined || found.session.ended !== undefined) return false
    if (found.session.validatedAt > since) return false
    const { generation, indexes, activeUntil, keepUntil } = found.record
    const clear = { generation: generation + 1, indexes, activeUntil, keepUntil }
    const renewed = await this.#records.seal(cookie, session, vault, clear)
    if (!(await this.#store.replace(id, renewed, generation)))
      return this.renew(cookie, session, vault, since)
    this.#recovery.noteRecord(session, renewed)
    return true
  }

  /** When somebody last did something in this session, on any replica (ms since the epoch). */
  lastInput(session: Session): Promise<number> {
    return this.#idleness.lastInput(session)
  }

  /** Ends a session and tells the listeners; false when it was not live any more. The first reason stands. */
  end(id: string, reason: EndReason, requestId?: string): Promise<boolean> {
    const underWay = this.#ending.get(id)
    if (underWay !== undefined) return underWay.then(() => false)
    const ending = this.#end(id, reason, requestId)
      .catch((error: unknown) => {
        // The session is over on this replica. The others follow when the store accepts the end.
        this.#recovery.noteEnd(id, reason)
        this.events.emit('endedAnywhere', id, reason)
        this.#endLater(id, reason, requestId)
        throw error
      })
      .finally(() => this.#ending.delete(id))
    this.#ending.set(id, ending)
    return ending
  }

  /** ProviderLogout.honour */
  endByProvider(order: LogoutOrder, requestId: string): Promise<number | undefined> {
    return this.#providerLogout.honour(order, requestId)
  }

  /** ProviderLogout.markSeen */
  markSeen(token: Parameters<ProviderLogout['markSeen']>[0]): Promise<void> {
    return this.#providerLogout.markSeen(token)
  }

  /** Every live session, for administrators. */
  async list(): Promise<readonly Session[]> {
    if (this.isRecovering) throw recovering()
    const found = await this.#reader.readMany(await this.#store.list())
    return found.flatMap((session) =>
      session === undefined || session.ended !== undefined || session.expiresAt <= this.#now()
        ? []
        : [session],
    )
  }

  /**
   * What each of these sessions is now, in one call to the store; undefined for what may come back. Nobody is ended by
   * looking.
   */
  async lookUp(ids: readonly string[]): Promise<readonly (Lookup | undefined)[]> {
    const found = await this.#reader.readMany(ids)
    return found.map((session) => {
      if (session === undefined) return this.isRecovering ? undefined : { state: 'none' }
      if (session.ended !== undefined) return { state: 'ended', ...session.ended }
      return { state: 'live', session }
    })
  }

  countActive(): Promise<number> {
    return this.#store.countActive()
  }

  async #end(id: string, reason: EndReason, requestId: string | undefined): Promise<boolean> {
    const found = await this.#reader.readStored(id)
    if (found === undefined || found.session.ended !== undefined) return false
    const { indexes, generation } = found.record
    const at = this.#now()
    const ended = { ...found.session, ended: { reason, at } }
    const tombstone = await this.#records.sealTombstone(ended, {
      indexes,
      generation: generation + 1,
      activeUntil: 0,
      keepUntil: at + (reason === 'idle' ? this.#idleness.memoryMs : TOMBSTONE_MS),
    })
    // Another write came first: an end, or only newer tokens.
    if (!(await this.#store.replace(id, tombstone, generation)))
      return this.#end(id, reason, requestId)
    this.#recovery.noteEnd(id, reason, tombstone)
    this.events.emit('endedAnywhere', id, reason)
    this.events.emit('endedHere', found.session, reason, requestId)
    await this.#broadcast.publish(id, reason)
    return true
  }

  #endLater(id: string, reason: EndReason, requestId?: string): void {
    if (this.#endingLater.has(id)) return
    this.#endingLater.add(id)
    void retryUntil(this.#now() + TOMBSTONE_MS, this.#now, () =>
      this.#end(id, reason, requestId),
    ).finally(() => this.#endingLater.delete(id))
  }

  // docs/adr/0008-what-a-restarted-store-forgot.md
  async #onStoreReturned(ms: number): Promise<void> {
    // Idleness depends on the input at all replicas.
    const flushed = this.#presence.flush().catch(() => {})
    if (ms > 0) await this.#recovery.restore(ms)
    await flushed
    await this.#endAgain()
    this.events.emit('endsMissed')
    // By then every replica has restored what it knew. Sessions that ended here meanwhile must end again.
    if (ms > 0) setTimeout(() => void this.#endAgain(), ms).unref()
  }

  /** Ends again what has ended, even if the store has older data. */
  async #endAgain(): Promise<void> {
    const { ends } = this.#recovery
    const found = await this.#records.readMany([...ends.keys()]).catch(() => [])
    for (const { session } of found.flatMap((one) => one ?? [])) {
      const known = ends.get(session.id)
      if (known !== undefined && session.ended === undefined)
        this.end(session.id, known.reason).catch(() => {})
    }
  }
}
