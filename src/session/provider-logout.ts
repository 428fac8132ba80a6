// Handles logout by the provider (OpenID Connect Back-Channel Logout 1.0, Front-Channel Logout 1.0): ends sessions, refuses
// sign-ins that began before, and remembers logout tokens that were honoured.

import { retryUntil } from './retry.ts'
import type { SessionIndex } from './session-index.ts'
import type { SessionRecords } from './session-records.ts'
import type { SessionStore } from './session-store.ts'
import type { EndReason, Identity, Session } from './session.ts'
import type { StoreRecovery } from './store-recovery.ts'

/** How long a logout refuses sign-ins that were already under way. */
const LOGOUT_MARK_MS = 10 * 60_000
/** A token that is valid for longer than a day is remembered for a day. */
const MAX_MARK_MS = 24 * 60 * 60_000
const CLOCK_TOLERANCE_MS = 60_000

/** Which sessions end, in the provider's names: a logout token (Back-Channel Logout 1.0, 2.4) or a part of one. */
export interface LogoutOrder {
  readonly iss: string
  readonly sub: string | undefined
  readonly sid: string | undefined
  /** `iat` of the token, seconds since the epoch. Sign-ins that are not newer are refused. */
  readonly iat: number
  /** The token counts once while it is valid (`exp`, seconds since the epoch). */
  readonly jti?: string
  readonly exp?: number
}

export interface ProviderLogoutParts {
  readonly store: SessionStore
  readonly index: SessionIndex
  readonly records: SessionRecords
  readonly recovery: () => StoreRecovery
  readonly end: (id: string, reason: EndReason, requestId: string) => Promise<boolean>
  readonly now: () => number
}

export class ProviderLogout {
  readonly #parts: ProviderLogoutParts

  constructor(parts: ProviderLogoutParts) {
    this.#parts = parts
  }

  /**
   * Ends what the provider says is over, and refuses what is about to begin. How many sessions ended, or undefined for a
   * token that was honoured before.
   */
  async honour(order: LogoutOrder, requestId: string): Promise<number | undefined> {
    try {
      return await this.#honour(order, requestId)
    } catch (error) {
      // Not every provider sends a token again when asked to.
      const { now } = this.#parts
      void retryUntil(now() + LOGOUT_MARK_MS, now, async () => {
        await this.#honour(order, requestId)
        // If the provider does send it again, it must not end a newer session.
        const { iss, jti, exp } = order
        if (jti !== undefined && exp !== undefined) await this.markSeen({ iss, jti, exp })
      })
      throw error
    }
  }

  /** Notes that a token was honoured. It does not count again while it is valid (`exp`, seconds since the epoch). */
  async markSeen({
    iss,
    jti,
    exp,
  }: Pick<LogoutOrder, 'iss'> & { readonly jti: string; readonly exp: number }): Promise<void> {
    const left = exp * 1_000 - this.#parts.now() + CLOCK_TOLERANCE_MS
    // A NumericDate may have a fraction (RFC 7519 2); Redis takes whole milliseconds.
    const ms = Math.ceil(Math.min(Math.max(left, LOGOUT_MARK_MS), MAX_MARK_MS))
    await this.#mark(this.#seen(iss, jti), 1, ms)
  }

  /** `issuedAt`: of the ID token, seconds since the epoch. */
  async isSignedOut({ iss, sub, sid }: Identity, issuedAt: number): Promise<boolean> {
    const { index, store } = this.#parts
    const marks = (hashes: readonly string[]): Promise<(string | undefined)[]> =>
      Promise.all(hashes.map((hash) => store.recall(`logout ${hash}`)))
    const bySid = sid === undefined ? [] : await marks(index.bySid(iss, sid))
    if (bySid.some((mark) => mark !== undefined)) return true
    const bySub = await marks(index.bySub(iss, sub))
    return bySub.some((mark) => mark !== undefined && issuedAt <= Number(mark))
  }

  async #honour(order: LogoutOrder, requestId: string): Promise<number | undefined> {
    const { store, index, records, end } = this.#parts
    const { iss, sub, sid, iat, jti } = order
    if (jti !== undefined && (await store.recall(this.#seen(iss, jti))) !== undefined)
      return undefined
    const bySid = sid === undefined ? [] : index.bySid(iss, sid)
    const hashes = sid === undefined && sub !== undefined ? index.bySub(iss, sub) : bySid
    for (const hash of hashes.slice(0, 1)) {
      // Of several logouts the last one decides which sign-ins are older.
      await this.#mark(`logout ${hash}`, iat)
    }
    const ids = new Set((await Promise.all(hashes.map((hash) => store.find(hash)))).flat())
    const found = await records.readMany([...ids])
    // An index is only a hint: a session of somebody else that was put under it does not end.
    const meant = found.flatMap((one) =>
      one !== undefined && isMeant(one.session, order) ? [one.session.id] : [],
    )
    const ended = await Promise.all(meant.map((id) => end(id, 'provider-logout', requestId)))
    return ended.filter(Boolean).length
  }

  async #mark(key: string, number: number, ms = LOGOUT_MARK_MS): Promise<void> {
    this.#parts.recovery().noteMark(key, number, ms)
    await this.#parts.store.raise(key, number, ms)
  }

  // Hashed, since a provider may put anything into it, of any length.
  #seen(iss: string, jti: string): string {
    return `seen ${this.#parts.index.bySub(`jti ${iss}`, jti)[0] ?? ''}`
  }
}

function isMeant({ identity }: Session, { iss, sub, sid }: LogoutOrder): boolean {
  if (identity.iss !== iss) return false
  return sid === undefined ? identity.sub === sub : identity.sid === sid
}
