// Re-validates sessions: refreshes the tokens at the provider, before a request or while a stream is open, and applies the
// rules to the result. At most one refresh per session runs at a time, across all replicas (docs/architecture.md,
// invariant 10).

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SettingsHolder } from '../config/config.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Providers } from '../oidc/providers.ts'
import type { RefreshOutcome } from '../oidc/refresh.ts'
import { decide } from '../policy/policy.ts'
import type { Sessions } from '../session/sessions.ts'
import { isRefreshable, type Lookup, type Session, type Vault } from '../session/session.ts'
import type { SessionStore } from '../session/session-store.ts'

/** The provider's time-out plus five seconds. When the holder dies, another replica can take over after this time. */
const LEASE_MS = 15_000
const RENEW_LEASE_MS = 5_000
/** Requests wait at most this long. The refresh itself goes on: the provider may already have rotated the token. */
const MAX_WAIT_MS = 10_000
/** Delay after a failed refresh, and the minimum interval for tokens that expire at once. */
const RETRY_MS = 30_000
const WRITE_RETRY_MS = 1_000

export interface RevalidateParts {
  readonly settings: SettingsHolder
  readonly sessions: Sessions
  readonly store: SessionStore
  readonly providers: Pick<Providers, 'of'>
  /** Called when a session stays live, possibly with another role. */
  readonly onRenewed: (session: Session) => void
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
}

export interface Revalidation {
  /** When the session is due (ms since the epoch); undefined without a refresh token. */
  dueAt(session: Session): number | undefined
  /** Refreshes the session if it is due and returns its new state. Rejects when the store fails. */
  revalidate(cookie: string, session: Session): Promise<Lookup>
  /** Resolves when no refresh is running and every answer of the provider is stored. */
  settled(): Promise<void>
}

export function createRevalidation(parts: RevalidateParts): Revalidation {
  const { settings, sessions, store, providers, onRenewed, metrics, log, now } = parts
  const replica = randomBytes(8).toString('base64url')
  const running = new Map<
    string,
    { readonly refreshing: Promise<Lookup>; readonly bounded: Promise<Lookup> }
  >()
  /** Sessions whose last refresh failed, with the time of the next attempt (ms since the epoch). */
  const retryAt = new Map<string, number>()

  function dueAt({ id, refreshable, validatedAt, tokensExpireAt }: Session): number | undefined {
    if (!refreshable) return undefined
    const { revalidateEvery } = settings.current.session
    const byToken = Math.max(tokensExpireAt ?? Number.POSITIVE_INFINITY, validatedAt + RETRY_MS)
    return Math.max(Math.min(validatedAt + revalidateEvery, byToken), retryAt.get(id) ?? 0)
  }

  function isDue(session: Session): boolean {
    const at = dueAt(session)
    return at !== undefined && at <= now()
  }

  async function revalidate(cookie: string, session: Session): Promise<Lookup> {
    if (!isDue(session)) return { state: 'live', session }
    const known = running.get(session.id)
    if (known !== undefined) return known.bounded
    const answered = new AbortController()
    const refreshing = refreshOnce(cookie, session).finally(() => {
      running.delete(session.id)
      answered.abort()
    })
    const timeLimit = sleep(MAX_WAIT_MS, undefined, { signal: answered.signal, ref: false })
    const bounded = Promise.race([
      refreshing,
      timeLimit.then(
        () => graceOrEnd(session),
        () => refreshing,
      ),
    ])
    running.set(session.id, { refreshing, bounded })
    return bounded
  }

  async function refreshOnce(cookie: string, session: Session): Promise<Lookup> {
    // After a restart of the store, another replica may hold newer tokens that it has not restored yet.
    if (sessions.isRecovering) return { state: 'live', session }
    const lease = `refresh ${session.id}`
    const hold = (): Promise<boolean> => store.hold(lease, replica, LEASE_MS)
    // Another replica is refreshing: the session stays valid meanwhile. Without the store no replica refreshes, since a
    // used refresh token whose successor is not stored loses the session.
    if (!(await hold())) return { state: 'live', session }
    const leaseTimer = setInterval(() => void hold().catch(() => {}), RENEW_LEASE_MS)
    try {
      const current = await sessions.find(cookie)
      if (current.state !== 'live' || !isDue(current.session)) return current
      const vault = await sessions.openVault(cookie)
      if (vault === undefined || !isRefreshable(vault)) return current
      const provider = providers.of(current.session.identity)
      // The gate ends such a session.
      if (provider === undefined) return current
      const outcome = await provider.refresh(current.session, vault)
      metrics.sessionRefreshes.inc({ provider: provider.settings.name, outcome: outcome.outcome })
      return await conclude(cookie, current.session, outcome)
    } finally {
      clearInterval(leaseTimer)
      await store.release(lease, replica).catch(() => {})
    }
  }

  async function conclude(
    cookie: string,
    session: Session,
    outcome: RefreshOutcome,
  ): Promise<Lookup> {
    const { id } = session
    if (outcome.outcome === 'refused') {
      log.info({ session: id, err: outcome.cause }, 'the provider refused to renew a session')
      const latest = await sessions.find(cookie).catch(() => undefined)
      // Another replica has refreshed meanwhile. Its tokens are the valid ones.
      if (
        latest !== undefined &&
        (latest.state !== 'live' || latest.session.validatedAt > session.validatedAt)
      ) {
        return latest
      }
      return end(id, 'refresh-refused')
    }
    if (outcome.outcome === 'unavailable') {
      warn(id, outcome.cause)
      return graceOrEnd(session)
    }
    const { vault, tokensExpireAt, identity, cause } = outcome
    if (identity === undefined) warn(id, cause)
    const decision = decide(
      identity ?? session.identity,
      settings.current.access,
      session.createdAt,
    )
    // The decision is final: end the session now.
    if (!decision.allowed) return end(id, 'access-withdrawn')
    const renewed: Session = {
      ...session,
      identity: identity ?? session.identity,
      role: decision.role,
      clipboardIn: decision.clipboardIn,
      rule: decision.rule,
      validatedAt: identity === undefined ? session.validatedAt : now(),
      tokensExpireAt,
    }
    // The provider no longer accepts the old tokens, so the new ones must be stored, however long that takes.
    onRenewed(renewed)
    if (!(await write(cookie, renewed, vault, session.validatedAt))) return sessions.find(cookie)
    if (identity === undefined) return graceOrEnd(renewed)
    retryAt.delete(id)
    return { state: 'live', session: renewed }
  }

  function warn(session: string, cause: unknown): void {
    log.warn({ session, err: cause }, 'the provider could not be asked about a session')
  }

  /** An outage of the provider is not a logout: the session stays live within `providerGrace` and ends after it. */
  async function graceOrEnd(session: Session): Promise<Lookup> {
    const { revalidateEvery, providerGrace } = settings.current.session
    if (now() - session.validatedAt >= revalidateEvery + providerGrace) {
      return end(session.id, 'provider-lost')
    }
    for (const [id, until] of retryAt) if (until <= now()) retryAt.delete(id)
    retryAt.set(session.id, now() + Math.min(RETRY_MS, Math.max(1_000, revalidateEvery / 5)))
    return { state: 'live', session }
  }

  async function end(
    id: string,
    reason: 'refresh-refused' | 'access-withdrawn' | 'provider-lost',
  ): Promise<Lookup> {
    retryAt.delete(id)
    await sessions.end(id, reason)
    return { state: 'ended', reason, at: now() }
  }

  async function write(
    cookie: string,
    session: Session,
    vault: Vault,
    since: number,
  ): Promise<boolean> {
    const until = now() + settings.current.session.storeGrace
    for (;;) {
      try {
        return await sessions.renew(cookie, session, vault, since)
      } catch (error) {
        if (now() >= until) throw error
        await new Promise((resolve) => setTimeout(resolve, WRITE_RETRY_MS))
      }
    }
  }

  return {
    dueAt,
    revalidate,
    settled: async () =>
      void (await Promise.allSettled([...running.values()].map(({ refreshing }) => refreshing))),
  }
}
