// Asks the provider again about people who are signed in, before their next request or while their stream is open, and
// decides by the rules again. One at a time for each session, on all replicas together (docs/architecture.md, 10).

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SettingsHolder } from '../config/config.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Refresh, RefreshOutcome } from '../oidc/refresh.ts'
import { decide } from '../policy/policy.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Lookup, Session, Vault } from '../session/session.ts'
import type { SessionStore } from '../session/session-store.ts'

/** The provider's deadline and five seconds: a holder that died gives way after so long. */
const LEASE_MS = 15_000
const RENEW_LEASE_MS = 5_000
/** Nobody waits longer for the provider. Its answer is waited for all the same: it may have rotated the token by then. */
const MAX_WAIT_MS = 10_000
/** After a try that came to nothing; also how soon a token that is always about to expire is renewed at most. */
const RETRY_MS = 30_000
const WRITE_RETRY_MS = 1_000

export interface RevalidateParts {
  readonly settings: SettingsHolder
  readonly sessions: Sessions
  readonly store: SessionStore
  readonly refresh: Refresh
  /** A live session goes on, perhaps with other rights than before. */
  readonly onRenewed: (session: Session) => void
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
}

export interface Revalidation {
  /** When the session is due (ms since the epoch); undefined when there is nothing to ask with. */
  dueAt(session: Session): number | undefined
  /** What the session is after the provider was asked, where it was due. Rejects when the store does. */
  revalidate(cookie: string, session: Session): Promise<Lookup>
  /** No asking is under way any more: an answer that the provider has given is written. */
  settled(): Promise<void>
}

export function createRevalidation(parts: RevalidateParts): Revalidation {
  const { settings, sessions, store, refresh, onRenewed, metrics, log, now } = parts
  const replica = randomBytes(8).toString('base64url')
  const underWay = new Map<
    string,
    { readonly asking: Promise<Lookup>; readonly bounded: Promise<Lookup> }
  >()
  /** Sessions whose last try came to nothing, and when the next one may be made. */
  const waiting = new Map<string, number>()

  function dueAt({ id, refreshable, validatedAt, tokensExpireAt }: Session): number | undefined {
    if (!refreshable) return undefined
    const { revalidateEvery } = settings.current.session
    const byToken = Math.max(tokensExpireAt ?? Number.POSITIVE_INFINITY, validatedAt + RETRY_MS)
    return Math.max(Math.min(validatedAt + revalidateEvery, byToken), waiting.get(id) ?? 0)
  }

  function isDue(session: Session): boolean {
    const at = dueAt(session)
    return at !== undefined && at <= now()
  }

  async function revalidate(cookie: string, session: Session): Promise<Lookup> {
    if (!isDue(session)) return { state: 'live', session }
    const known = underWay.get(session.id)
    if (known !== undefined) return known.bounded
    const answered = new AbortController()
    const asking = ask(cookie, session).finally(() => {
      underWay.delete(session.id)
      answered.abort()
    })
    const timeLimit = sleep(MAX_WAIT_MS, undefined, { signal: answered.signal, ref: false })
    const bounded = Promise.race([
      asking,
      timeLimit.then(
        () => graceOrEnd(session),
        () => asking,
      ),
    ])
    underWay.set(session.id, { asking, bounded })
    return bounded
  }

  async function ask(cookie: string, session: Session): Promise<Lookup> {
    // Another replica may hold newer tokens than a restarted store has yet.
    if (sessions.isRecovering) return { state: 'live', session }
    const lease = `refresh ${session.id}`
    const hold = (): Promise<boolean> => store.hold(lease, replica, LEASE_MS)
    // Somebody else is asking: this session is good until they are done. And without the store nobody asks at all, as
    // a refresh token that was used and not written down is a session lost.
    if (!(await hold())) return { state: 'live', session }
    const keeping = setInterval(() => void hold().catch(() => {}), RENEW_LEASE_MS)
    try {
      const current = await sessions.find(cookie)
      if (current.state !== 'live' || !isDue(current.session)) return current
      const vault = await sessions.openVault(cookie)
      if (vault?.refreshToken === undefined) return current
      const outcome = await refresh(current.session, vault)
      metrics.sessionRefreshes.inc({ outcome: outcome.outcome })
      return await conclude(cookie, current.session, outcome)
    } finally {
      clearInterval(keeping)
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
      // Another replica was faster after all, and its tokens are the good ones.
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
    const decision = decide(identity ?? session.identity, settings.current.access)
    // The cause is known: nothing is waited for.
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
    // The provider has forgotten the old tokens: these are written however long it takes.
    onRenewed(renewed)
    if (!(await write(cookie, renewed, vault, session.validatedAt))) return sessions.find(cookie)
    if (identity === undefined) return graceOrEnd(renewed)
    waiting.delete(id)
    return { state: 'live', session: renewed }
  }

  function warn(session: string, cause: unknown): void {
    log.warn({ session, err: cause }, 'the provider could not be asked about a session')
  }

  /** An outage of the provider is no logout, for as long as the operator says. */
  async function graceOrEnd(session: Session): Promise<Lookup> {
    const { revalidateEvery, providerGrace } = settings.current.session
    if (now() - session.validatedAt >= revalidateEvery + providerGrace) {
      return end(session.id, 'provider-lost')
    }
    for (const [id, until] of waiting) if (until <= now()) waiting.delete(id)
    waiting.set(session.id, now() + Math.min(RETRY_MS, Math.max(1_000, revalidateEvery / 5)))
    return { state: 'live', session }
  }

  async function end(
    id: string,
    reason: 'refresh-refused' | 'access-withdrawn' | 'provider-lost',
  ): Promise<Lookup> {
    waiting.delete(id)
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
      void (await Promise.allSettled([...underWay.values()].map(({ asking }) => asking))),
  }
}
