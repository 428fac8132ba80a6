// The gate: the one place that decides whether a request or an upgrade may pass. It checks the session, then the policy,
// then the path; the first check that fails decides.

import type { Permission, Requirement, Role, SettingsHolder } from '../config/config.ts'
import type { Desktop, Place } from '../desktop/desktop.ts'
import { GatewayError } from '../lib/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { decide, reaches, type RefusalReason } from '../policy/policy.ts'
import type { Providers } from '../oidc/providers.ts'
import type { Cookies } from '../session/cookie.ts'
import type { Revalidation } from './revalidate.ts'
import type { EndReason, Session } from '../session/session.ts'
import type { Sessions } from '../session/sessions.ts'

/** `owner-api`, `downloads`, `route`: the person may use the desktop, but not this part of it. */
export type ForbiddenReason = RefusalReason | 'owner-api' | 'downloads' | 'route'

export type Authorization =
  | {
      readonly outcome: 'granted'
      readonly session: Session
      readonly role: Role
      readonly clipboardIn: Permission
      /** The session cookie. A stream needs it to re-validate the session at the provider. Never log or store it. */
      readonly cookie: string
      /** What the sign-in lacks for other rights. */
      readonly stepUp: Requirement | undefined
      /** Where the path leads. The decision is valid for this place only. */
      readonly place: Place
    }
  | {
      readonly outcome: 'unauthenticated'
      /** Why the session ended, if the cookie names one that did. */
      readonly ended: EndReason | undefined
    }
  | {
      readonly outcome: 'forbidden'
      readonly session: Session
      readonly reason: ForbiddenReason
    }
  | {
      /** The person must sign in again, in another way or anew. */
      readonly outcome: 'step-up'
      readonly session: Session
      readonly stepUp: Requirement
    }
  | { readonly outcome: 'store-unavailable' }

/** `path` is canonical (net/target.ts). Never rejects. */
export type Authorize = (cookieHeader: string | undefined, path: string) => Promise<Authorization>

export interface GateParts {
  readonly settings: SettingsHolder
  readonly cookies: Cookies
  readonly sessions: Sessions
  readonly providers: Pick<Providers, 'of'>
  readonly revalidation: Revalidation
  readonly desktop: Desktop
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function createAuthorize(parts: GateParts): Authorize {
  const { settings, cookies, sessions, providers, revalidation, desktop } = parts
  const { metrics, log, now } = parts

  async function decideRequest(
    cookieHeader: string | undefined,
    path: string,
  ): Promise<Authorization> {
    const cookie = cookies.read(cookieHeader, cookies.sessionName)
    if (cookie === undefined) return { outcome: 'unauthenticated', ended: undefined }
    const stored = await sessions.find(cookie)
    const found =
      stored.state === 'live' ? await revalidation.revalidate(cookie, stored.session) : stored
    if (found.state === 'none') return { outcome: 'unauthenticated', ended: undefined }
    if (found.state === 'ended') return { outcome: 'unauthenticated', ended: found.reason }

    const { session } = found
    if (providers.of(session.identity) === undefined) {
      // Its provider was removed from the settings, so nobody can say that the person still has an account.
      await sessions.end(session.id, 'access-withdrawn')
      return { outcome: 'unauthenticated', ended: 'access-withdrawn' }
    }
    const decision = decide(session.identity, settings.current.access, now())
    if (!decision.allowed && decision.reason === 'step-up') {
      return { outcome: 'step-up', session, stepUp: decision.stepUp }
    }
    if (!decision.allowed) return { outcome: 'forbidden', session, reason: decision.reason }
    const { role, clipboardIn, stepUp } = decision
    const place = desktop.placeOf(path)
    const { kind } = place.upstream
    if (!reaches(role, place.role)) return { outcome: 'forbidden', session, reason: 'route' }
    if (kind.meaningOf(path) === 'owner-api' && role !== 'owner') {
      return { outcome: 'forbidden', session, reason: 'owner-api' }
    }
    if (kind.showsFiles(path) && decision.downloads === 'deny') {
      return { outcome: 'forbidden', session, reason: 'downloads' }
    }
    // With the rights of this moment: those of the record are those of the sign-in.
    const admitted = { ...session, role, clipboardIn }
    return { outcome: 'granted', session: admitted, role, clipboardIn, cookie, stepUp, place }
  }

  return async function authorize(cookieHeader, path) {
    let authorization: Authorization
    try {
      authorization = await decideRequest(cookieHeader, path)
    } catch (error) {
      if (!(error instanceof GatewayError)) log.error({ err: error }, 'the gate failed')
      // Fail closed, but do not sign anybody out: the cookie stays, and the next request tries again.
      authorization = { outcome: 'store-unavailable' }
    }
    metrics.authorizations.inc({ decision: authorization.outcome, reason: reasonOf(authorization) })
    return authorization
  }
}

function reasonOf(authorization: Authorization): string {
  switch (authorization.outcome) {
    case 'granted':
      return authorization.role
    case 'unauthenticated':
      return authorization.ended ?? 'no-session'
    case 'forbidden':
      return authorization.reason
    case 'step-up':
      return 'step-up'
    case 'store-unavailable':
      return 'store'
  }
}
