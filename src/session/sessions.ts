// Opens, finds and ends sessions. The only code that knows both the cookie and the record (docs/architecture.md,
// "sessions at rest"): the store key is derived from the cookie one way, so a stolen store signs nobody in.

import { GatewayError } from '../lib/errors.ts'
import { deriveKey, createSealer, type Sealer } from '../lib/seal.ts'
import type { SettingsHolder } from '../config/config.ts'
import { newSessionCookie } from './cookie.ts'
import type { PresenceBook } from './presence.ts'
import { StoreRecovery } from './store-recovery.ts'
import { createSessionIndex, type SessionIndex } from './session-index.ts'
import type { SessionRecord, SessionStore } from './session-store.ts'
import {
  END_REASONS,
  type EndReason,
  type Envelope,
  type Identity,
  type Session,
  type Vault,
} from './session.ts'

/** How long an ended session can still say why it ended, and an end that the store did not take is tried again. */
const TOMBSTONE_MS = 60 * 60_000
/** How long the provider's word that somebody is signed out holds against a login that was under way. */
const LOGOUT_MARK_MS = 10 * 60_000
/** A token that is good for longer than a day is remembered for a day. */
const MAX_MARK_MS = 24 * 60 * 60_000
const CLOCK_TOLERANCE_MS = 60_000
/** An idle end asks for a new sign-in also after a night, a weekend, a holiday. */
const REMEMBER_IDLE_MS = 14 * 24 * 60 * 60_000
const RETRY_END_MS = 2_000

export type Lookup =
  | { readonly state: 'live'; readonly session: Session }
  /** `at`: milliseconds since the epoch. */
  | { readonly state: 'ended'; readonly reason: EndReason; readonly at: number }
  | { readonly state: 'none' }

export interface Opening {
  readonly identity: Identity
  readonly role: Session['role']
  readonly clipboardIn: Session['clipboardIn']
  readonly rule: string
  readonly address: string
  readonly vault: Vault
  /** When the provider issued the ID token (seconds since the epoch). */
  readonly issuedAt: number
  /** Of the access token, ms since the epoch. */
  readonly tokensExpireAt: number | undefined
}

/** Whom a provider signs out, in its own names; a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4) or less. */
export interface LogoutOrder {
  readonly iss: string
  readonly sub: string | undefined
  readonly sid: string | undefined
  /** Of the token, seconds since the epoch; logins that are not newer are refused. */
  readonly iat: number
  /** Of the token: it counts once, while it is good (`exp`, seconds since the epoch). */
  readonly jti?: string
  readonly exp?: number
}

/** `requestId` names the request that ended it, where one did. */
export type EndedHereListener = (
  session: Session,
  reason: EndReason,
  requestId: string | undefined,
) => void
export type EndedListener = (sessionId: string, reason: EndReason) => void

export class Sessions {
  readonly #settings: SettingsHolder
  readonly #store: SessionStore
  readonly #presence: PresenceBook
  readonly #now: () => number
  readonly #judge: (session: Session) => Session
  readonly #envelopes: Sealer
  readonly #index: SessionIndex
  readonly #endedHere: EndedHereListener[] = []
  readonly #ended: EndedListener[] = []
  readonly #missed: (() => void)[] = []
  readonly #ending = new Map<string, Promise<boolean>>()
  readonly #recovery: StoreRecovery
  #held: () => readonly Session[] = () => []

  /** `judge` gives a session that was read the rights that the rules give it now. */
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
    this.#now = now
    this.#judge = judge
    this.#envelopes = createSealer(settings.current.session.secrets, 'session envelope')
    this.#index = createSessionIndex(settings.current.session.secrets)
    this.#recovery = new StoreRecovery({
      store,
      held: () => this.#held().filter(({ id }) => !this.#ending.has(id)),
      isSignedOut: ({ identity, createdAt }) =>
        this.#isSignedOut(identity, Math.floor(createdAt / 1_000)),
      // Another replica may have been quicker to give the session back.
      onEndRestored: (id, reason) => this.#publish(id, reason),
      now,
    })
    store.subscribe(
      (message) => this.#hear(message),
      () => {
        for (const listener of this.#missed) listener()
      },
    )
    store.onReturned((ms) => void this.#onStoreReturned(ms))
  }

  /** Which sessions are given back to a store that lost them: those that are in use here. */
  restoreFrom(held: () => readonly Session[]): void {
    this.#held = held
  }

  /** The store was restarted a moment ago: what other replicas know of a session may not be in it again. */
  get isRecovering(): boolean {
    return this.#recovery.isRecovering
  }

  /** Called once for every session that this replica ends, whatever the cause. */
  onEndedHere(listener: EndedHereListener): void {
    this.#endedHere.push(listener)
  }

  /** Called for every session that ends on any replica; perhaps twice for the same. */
  onEnded(listener: EndedListener): void {
    this.#ended.push(listener)
  }

  /** Called when the ends of the last moments may not have been heard. */
  onMissed(listener: () => void): void {
    this.#missed.push(listener)
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
    const { identity, role, clipboardIn, rule, address } = opening
    const envelope: Envelope = {
      identity,
      role,
      clipboardIn,
      rule,
      createdAt,
      expiresAt,
      address,
      refreshable: opening.vault.refreshToken !== undefined,
      validatedAt: createdAt,
      tokensExpireAt: opening.tokensExpireAt,
      ended: undefined,
    }
    const record: SessionRecord = {
      envelope: await this.#envelopes.seal(envelope),
      vault: await this.#vaultSealer(cookie).seal(opening.vault),
      indexes: this.#index.of(identity),
      generation: 1,
      activeUntil: expiresAt,
      // A session that nobody uses is found idle at its next request, however late that comes.
      keepUntil: expiresAt + this.#idleMemory(),
    }
    await this.#store.create(id, record)
    // After the session is there to be found: a logout marks first and finds then, so that one of us sees the other.
    if (await this.#isSignedOut(identity, opening.issuedAt)) {
      await this.end(id, 'provider-logout')
      return undefined
    }
    const session = { id, ...envelope }
    this.#recovery.noteRecord(session, record)
    return { session, cookie }
  }

  /** What the cookie's session is now. Rejects only when the store does. */
  async find(cookie: string): Promise<Lookup> {
    const found = await this.#read(sessionId(cookie))
    if (found === undefined) return { state: 'none' }
    const { session } = found
    if (session.ended !== undefined) return { state: 'ended', ...session.ended }
    // Idle first: an end that asks for a new sign-in must not pass for one that does not.
    const isExpired = session.expiresAt <= this.#now()
    const due = (await this.#isIdle(session)) ? 'idle' : isExpired ? 'expired' : undefined
    if (due === undefined) return { state: 'live', session }
    await this.end(session.id, due)
    return { state: 'ended', reason: due, at: this.#now() }
  }

  /** The tokens of the cookie's session, for as long as it lives. */
  async openVault(cookie: string): Promise<Vault | undefined> {
    const vault = (await this.#read(sessionId(cookie)))?.record.vault
    if (vault === undefined) return undefined
    return (await this.#vaultSealer(cookie).open(vault)) as Vault | undefined
  }

  /**
   * Writes what the provider said anew, with new tokens; false when the session has ended meanwhile, or when somebody
   * has asked later than `since` (ms since the epoch), when this asking began from: the newer tokens win.
   */
  async renew(cookie: string, session: Session, vault: Vault, since: number): Promise<boolean> {
    const { id, ...envelope } = session
    const found = await this.#read(id)
    if (found === undefined || found.session.ended !== undefined) return false
    if (found.session.validatedAt > since) return false
    const { record } = found
    const renewed: SessionRecord = {
      ...record,
      envelope: await this.#envelopes.seal(envelope),
      vault: await this.#vaultSealer(cookie).seal(vault),
      generation: record.generation + 1,
    }
    if (!(await this.#store.replace(id, renewed, record.generation)))
      return this.renew(cookie, session, vault, since)
    this.#recovery.noteRecord(session, renewed)
    return true
  }

  /** When somebody last did something in this session, on any replica (ms since the epoch). */
  async lastInput(session: Session): Promise<number> {
    const [presence] = await this.#presence.read([session.id])
    return Math.max(session.createdAt, presence?.lastInput ?? 0)
  }

  /** Ends a session and tells the listeners; false when it was not live any more. The first reason stands. */
  end(id: string, reason: EndReason, requestId?: string): Promise<boolean> {
    const underWay = this.#ending.get(id)
    if (underWay !== undefined) return underWay.then(() => false)
    const ending = this.#end(id, reason, requestId)
      .catch((error: unknown) => {
        // Here it is over all the same. Elsewhere it is once the store can take it.
        this.#recovery.noteEnd(id, reason)
        this.#tell(id, reason)
        this.#doLater(() => this.#end(id, reason, requestId), this.#now() + TOMBSTONE_MS)
        throw error
      })
      .finally(() => this.#ending.delete(id))
    this.#ending.set(id, ending)
    return ending
  }

  /**
   * Ends what the provider says is over, and refuses what is about to begin; how many sessions that were, or undefined
   * for a token that was honoured within the last minutes.
   */
  async endByProvider(order: LogoutOrder, requestId: string): Promise<number | undefined> {
    try {
      return await this.#endByProvider(order, requestId)
    } catch (error) {
      // Not every provider comes again when it is asked to.
      const until = this.#now() + LOGOUT_MARK_MS
      this.#doLater(async () => {
        await this.#endByProvider(order, requestId)
        // When it comes again all the same, it may find a newer session.
        const { jti, exp } = order
        if (jti !== undefined && exp !== undefined) await this.markSeen({ jti, exp })
      }, until)
      throw error
    }
  }

  /** A logout token was honoured; for as long as it is good (`exp`, seconds since the epoch) it is not again. */
  async markSeen({ jti, exp }: { readonly jti: string; readonly exp: number }): Promise<void> {
    const left = exp * 1_000 - this.#now() + CLOCK_TOLERANCE_MS
    // A NumericDate need not be whole (RFC 7519 2), and Redis takes whole milliseconds.
    const ms = Math.ceil(Math.min(Math.max(left, LOGOUT_MARK_MS), MAX_MARK_MS))
    await this.#mark(this.#seen(jti), 1, ms)
  }

  /** Every live session there is, for administrators. */
  async list(): Promise<readonly Session[]> {
    if (this.isRecovering) throw recovering()
    const found = await this.#readMany(await this.#store.list())
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
    const found = await this.#readMany(ids)
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
      keepUntil: at + (reason === 'idle' ? this.#idleMemory() : TOMBSTONE_MS),
    }
    // Somebody else's write came in between: it may be an end as well, or only newer tokens.
    if (!(await this.#store.replace(id, tombstone, generation)))
      return this.#end(id, reason, requestId)
    this.#recovery.noteEnd(id, reason, tombstone)
    this.#tell(id, reason)
    for (const listener of this.#endedHere) listener(found.session, reason, requestId)
    await this.#publish(id, reason)
    return true
  }

  async #endByProvider(
    { iss, sub, sid, iat, jti }: LogoutOrder,
    requestId: string,
  ): Promise<number | undefined> {
    if (jti !== undefined && (await this.#store.recall(this.#seen(jti))) !== undefined)
      return undefined
    const bySid = sid === undefined ? [] : this.#index.bySid(iss, sid)
    const indexes = sid === undefined && sub !== undefined ? this.#index.bySub(iss, sub) : bySid
    for (const index of indexes.slice(0, 1)) {
      // Of several logouts the last one decides which logins are older.
      await this.#mark(`logout ${index}`, iat)
    }
    const ids = new Set((await Promise.all(indexes.map((index) => this.#store.find(index)))).flat())
    const ended = await Promise.all(
      [...ids].map((id) => this.end(id, 'provider-logout', requestId)),
    )
    return ended.filter(Boolean).length
  }

  /** The tombstone is there for whoever does not hear this. */
  async #publish(id: string, reason: EndReason): Promise<void> {
    await this.#store.publish(JSON.stringify({ id, reason })).catch(() => {})
  }

  // docs/adr/0008-what-a-restarted-store-forgot.md
  async #onStoreReturned(ms: number): Promise<void> {
    // Idleness is judged by what all replicas say.
    const flushed = this.#presence.flush().catch(() => {})
    if (ms > 0) await this.#recovery.restore(ms)
    await flushed
    await this.#endAgain()
    for (const listener of this.#missed) listener()
    // By then every replica has given back what it knew, also what was ended here meanwhile.
    if (ms > 0) setTimeout(() => void this.#endAgain(), ms).unref()
  }

  /** What ended stays ended, also where the store has older data. One that is away again will be welcomed again. */
  async #endAgain(): Promise<void> {
    const { ends } = this.#recovery
    const found = await this.#readMany([...ends.keys()]).catch(() => [])
    for (const session of found) {
      const known = session === undefined ? undefined : ends.get(session.id)
      if (session?.ended === undefined && session !== undefined && known !== undefined)
        this.end(session.id, known.reason).catch(() => {})
    }
  }

  async #mark(key: string, number: number, ms = LOGOUT_MARK_MS): Promise<void> {
    this.#recovery.noteMark(key, number, ms)
    await this.#store.raise(key, number, ms)
  }

  #doLater(work: () => Promise<unknown>, until: number): void {
    setTimeout(() => {
      work().catch(() => {
        if (this.#now() < until) this.#doLater(work, until)
      })
    }, RETRY_END_MS).unref()
  }

  #tell(id: string, reason: EndReason): void {
    for (const listener of this.#ended) listener(id, reason)
  }

  // Whatever else somebody says on this channel, a later version of ours included, ends nothing here.
  #hear(message: string): void {
    const end = readEnd(message)
    if (end === undefined) return
    if (!this.#recovery.ends.has(end.id)) this.#recovery.noteEnd(end.id, end.reason)
    this.#tell(end.id, end.reason)
  }

  #idleMemory(): number {
    const { idleTimeout, idleReauth } = this.#settings.current.session
    return idleTimeout > 0 && idleReauth ? REMEMBER_IDLE_MS : TOMBSTONE_MS
  }

  async #isIdle(session: Session): Promise<boolean> {
    const { idleTimeout } = this.#settings.current.session
    // What people did on other replicas may not be in the store again.
    if (idleTimeout === 0 || this.isRecovering) return false
    const isRecent = (time: number): boolean => time + idleTimeout > this.#now()
    if (isRecent(Math.max(session.createdAt, this.#presence.lastInputHere(session.id) ?? 0)))
      return false
    return !isRecent(await this.lastInput(session))
  }

  // Hashed, as a provider may put anything there, of any length.
  #seen(jti: string): string {
    return `seen ${this.#index.bySub('jti', jti)[0] ?? ''}`
  }

  async #isSignedOut({ iss, sub, sid }: Identity, issuedAt: number): Promise<boolean> {
    const marks = (indexes: readonly string[]): Promise<(string | undefined)[]> =>
      Promise.all(indexes.map((index) => this.#store.recall(`logout ${index}`)))
    const bySid = sid === undefined ? [] : await marks(this.#index.bySid(iss, sid))
    if (bySid.some((mark) => mark !== undefined)) return true
    const bySub = await marks(this.#index.bySub(iss, sub))
    return bySub.some((mark) => mark !== undefined && issuedAt <= Number(mark))
  }

  async #read(id: string): Promise<{ record: SessionRecord; session: Session } | undefined> {
    if (this.#recovery.isRestoring) throw recovering()
    const [record] = await this.#store.read([id])
    if (record === undefined && this.isRecovering) throw recovering()
    const session = record === undefined ? undefined : await this.#open(id, record)
    return record === undefined || session === undefined ? undefined : { record, session }
  }

  async #readMany(ids: readonly string[]): Promise<readonly (Session | undefined)[]> {
    if (this.#recovery.isRestoring) throw recovering()
    const records = await this.#store.read(ids)
    return Promise.all(
      ids.map(async (id, index) => {
        const record = records[index]
        return record === undefined ? undefined : this.#open(id, record)
      }),
    )
  }

  /** A record under a secret that is gone is as good as none: its owner signs in again. */
  async #open(id: string, record: SessionRecord): Promise<Session | undefined> {
    const envelope = (await this.#envelopes.open(record.envelope)) as Envelope | undefined
    if (envelope === undefined) return undefined
    const session = this.#judge({ id, ...envelope })
    this.#recovery.noteRecord(session, record)
    return session
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

function recovering(): GatewayError {
  return new GatewayError('store-unavailable', 'the session store is being given back what it lost')
}

function readEnd(message: string): { id: string; reason: EndReason } | undefined {
  try {
    const { id, reason } = JSON.parse(message) as { id?: unknown; reason?: unknown }
    const known = END_REASONS.find((one) => one === reason)
    return typeof id === 'string' && known !== undefined ? { id, reason: known } : undefined
  } catch {
    return undefined
  }
}
