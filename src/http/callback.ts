// GET /oauth2/callback: the authorization response. The steps run in this order, and the first one that has an answer ends
// the sign-in: the state is compared before the code is redeemed, and the rules decide before a session exists.

import { printable } from '../lib/printable.ts'
import {
  decide,
  hasUnusableEmail,
  needsOf,
  type Decision,
  type RefusalReason,
} from '../policy/policy.ts'
import { deniedPage } from '../pages/denied-page.ts'
import type { FailureKind } from '../pages/pages.ts'
import { subjectOf } from '../observability/audit.ts'
import type { LoginState, TakenLogin } from '../session/login-state.ts'
import type { Identity, Session } from '../session/session.ts'
import type { LoginFinish } from '../oidc/callback.ts'
import type { Provider } from '../oidc/provider.ts'
import {
  sendFailure,
  sendPage,
  sendTo,
  type Handle,
  type HttpContext,
  type HttpParts,
} from './context.ts'
import { createIsSignedIn } from './signed-in.ts'

type SignedIn = Extract<LoginFinish, { outcome: 'signed-in' }>
type Allowed = Extract<Decision, { allowed: true }>

/** A sign-in on its way through the steps. */
interface SignIn {
  readonly context: HttpContext
  readonly requestId: string
  readonly address: string
  readonly cookieHeader: string | undefined
  readonly login: LoginState
  /** `Set-Cookie` values that end the login attempt. */
  readonly done: readonly string[]
}

/** What a failed sign-in reports, and where its page leads. */
interface Failed {
  readonly provider: Provider | undefined
  readonly returnTo: string
  readonly setCookies: readonly string[]
  readonly cause?: unknown
}

const YEAR_S = 365 * 24 * 60 * 60

/** Characters of an invalid address in the log. */
const MAX_LOGGED_EMAIL = 60

const UNUSABLE: Readonly<Record<Exclude<TakenLogin['outcome'], 'taken'>, FailureKind>> = {
  missing: 'login-cookie-missing',
  forged: 'login-invalid',
  expired: 'login-expired',
  used: 'login-used',
}

export function createCallback(parts: HttpParts): Handle {
  const { settings, cookies, sessions, loginStates, providers, reportFailedLogin } = parts
  const { beginLogin, clientOf, metrics, audit, log, now } = parts
  const isSignedIn = createIsSignedIn(parts)
  let hasWarnedOfNoRefresh = false

  return async function callback(context: HttpContext): Promise<Response> {
    // The library answers HEAD like GET. A link checker must not use up a code.
    if (context.env.incoming.method === 'HEAD') return sendFailure(context, 'method-not-allowed')
    const query = new URL(context.req.url).searchParams
    const taken = await takeLoginAttempt(context, query)
    if (taken instanceof Response) return taken
    const finished = await redeemCode(taken, query)
    if (finished instanceof Response) return finished
    const { identity } = finished
    warnOfUnusableEmail(taken, identity)
    warnOfOmittedGroups(taken, identity)
    const decision = decide(identity, settings.current.access, now())
    const steppingUp = await stepUp(taken, identity, decision)
    if (steppingUp !== undefined) return steppingUp
    const overlapping = await leaveOldSession(taken, identity, decision)
    if (overlapping !== undefined) return overlapping
    if (!decision.allowed) return refuse(taken, identity, decision.reason as RefusalReason)
    return openSession(taken, finished, decision)
  }

  /** Compares the state with this browser's login attempts. An attempt counts once. */
  async function takeLoginAttempt(
    context: HttpContext,
    query: URLSearchParams,
  ): Promise<SignIn | Response> {
    const cookieHeader = context.env.incoming.headers.cookie
    const state = query.get('state') ?? ''
    const taken = await loginStates.take(cookieHeader, state)
    if (taken.outcome === 'taken') {
      return {
        context,
        requestId: context.get('requestId'),
        address: clientOf(context.env.incoming).address,
        cookieHeader,
        login: taken.login,
        done: [loginStates.finish(state)],
      }
    }
    const wanted = (taken.outcome === 'expired' ? taken.returnTo : undefined) ?? '/'
    // Back button, bookmark, second click: somebody who is signed in is already where they wanted to be.
    if (taken.outcome !== 'forged' && (await isSignedIn(cookieHeader))) return sendTo(wanted)
    return fail(context, UNUSABLE[taken.outcome], {
      provider: undefined,
      returnTo: wanted,
      setCookies: [],
    })
  }

  /** Redeems the code and checks the ID token. */
  async function redeemCode(
    { context, login, done }: SignIn,
    query: URLSearchParams,
  ): Promise<SignedIn | Response> {
    const provider = providers.named(login.provider)
    const about = { provider, returnTo: login.returnTo, setCookies: done }
    // A response that another provider sent (mix-up, RFC 9700 4.4). Its code must not reach this provider.
    if (provider === undefined || provider.settings.callbackPath !== context.req.path) {
      const cause = 'the response came to the redirect address of another provider'
      return fail(context, 'login-invalid', { ...about, cause })
    }
    const finished = await provider.finishLogin(query, login)
    switch (finished.outcome) {
      case 'failed':
        return fail(context, finished.failure.kind, { ...about, cause: finished.failure.cause })
      case 'provider-starting':
        return fail(context, 'provider-starting', about)
      case 'signed-in':
        return finished
    }
  }

  function warnOfUnusableEmail({ requestId: request }: SignIn, identity: Identity): void {
    if (identity.email === undefined || !hasUnusableEmail(identity, settings.current.access)) return
    log.warn(
      { request, email: printable(identity.email, MAX_LOGGED_EMAIL) },
      'the provider gives an e-mail address that no rule can match: it must have one @ and a plain domain; correct it at the provider',
    )
  }

  function warnOfOmittedGroups({ requestId: request }: SignIn, identity: Identity): void {
    if (identity.groupsOmitted !== 'too-many') return
    if (!needsOf(settings.current.access).groups) return
    log.warn(
      { request, provider: identity.provider, sub: identity.sub },
      'the provider sends a link in place of the groups, because there are too many: send only groups that are assigned to the application, or use application roles with oidc.groupsClaim, or set oidc.groupsFromGraph',
    )
  }

  /** Ends the session that this browser had, even if the new account may not enter. */
  async function leaveOldSession(
    { requestId, cookieHeader, login, done }: SignIn,
    identity: Identity,
    { allowed }: Decision,
  ): Promise<Response | undefined> {
    const cookie = cookies.read(cookieHeader, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    if (found?.state !== 'live') return undefined
    // Another tab of this browser was faster. Ending its session would sign that tab out.
    if (allowed && isSessionOfOverlap(found.session, identity, login))
      return sendTo(login.returnTo, done)
    await sessions.end(found.session.id, 'signed-out', requestId)
    return undefined
  }

  /**
   * The rules require more of the sign-in: the provider is asked for it, once. A provider that confirms less gets a page, so
   * that nobody goes round in circles. The session that the browser had stays.
   */
  async function stepUp(
    signIn: SignIn,
    { provider: name }: Identity,
    decision: Decision,
  ): Promise<Response | undefined> {
    const { context, requestId, cookieHeader, login, done } = signIn
    if (decision.stepUp === undefined) return undefined
    const provider = providers.named(name)
    if (login.stepUp !== undefined) {
      const about = { provider, returnTo: login.returnTo, setCookies: done }
      return fail(context, 'step-up-failed', about)
    }
    if (decision.allowed) return undefined
    const begun = await beginLogin({
      provider: name,
      stepUp: decision.stepUp,
      returnTo: login.returnTo,
      prompt: undefined,
      cookieHeader,
      client: clientOf(context.env.incoming),
      requestId,
      automatic: true,
    })
    if (begun.outcome === 'redirect') return sendTo(begun.location, [...done, ...begun.setCookies])
    const kind =
      begun.outcome === 'failed'
        ? begun.failure.kind
        : begun.outcome === 'choose'
          ? 'login-invalid'
          : begun.outcome
    return sendFailure(context, kind, { returnTo: login.returnTo, setCookies: done })
  }

  /** No rule matches: the person gets a page and no session. */
  function refuse(signIn: SignIn, identity: Identity, reason: RefusalReason): Response {
    reportRefused(signIn, identity, reason)
    signIn.context.set('failure', reason)
    const { sub, email, name, preferredUsername } = identity
    const page = deniedPage({
      who: name ?? preferredUsername ?? email ?? sub,
      email,
      requestId: signIn.requestId,
      returnTo: signIn.login.returnTo,
      hasSession: false,
      reason,
    })
    return sendPage(page, [...signIn.done, cookies.clear(cookies.sessionName)])
  }

  async function openSession(
    signIn: SignIn,
    { identity, vault, issuedAt, tokensExpireAt }: SignedIn,
    { role, clipboardIn, rule }: Allowed,
  ): Promise<Response> {
    const { requestId, address, cookieHeader, login, done } = signIn
    const opened = await sessions.open({
      identity,
      role,
      clipboardIn,
      rule,
      address,
      vault,
      issuedAt,
      tokensExpireAt,
    })
    if (opened === undefined) {
      // The provider signed this person out while they were on their way back.
      reportRefused(signIn, identity, 'provider-logout')
      return sendTo('/oauth2/sign_in?reason=provider-logout', done)
    }
    if (!opened.session.refreshable) warnOfNoRefresh()
    const { provider } = identity
    metrics.logins.inc({ provider, outcome: 'ok', reason: rule })
    audit.write({
      event: 'login',
      request: requestId,
      provider,
      ...subjectOf(opened.session),
      address,
      desktop: settings.current.desktop.url.host,
      reason: rule,
    })
    const round = await loginStates.countRound(cookieHeader)
    const setCookies = [...done, round, cookies.set(cookies.sessionName, opened.cookie)]
    // The sign-in page offers the last provider first.
    if (providers.all.length > 1)
      setCookies.push(cookies.set(cookies.providerName, provider, YEAR_S))
    return sendTo(login.returnTo, setCookies)
  }

  function reportRefused(
    { requestId: request, address }: SignIn,
    { provider, sub, email }: Identity,
    reason: string,
  ): void {
    metrics.logins.inc({ provider, outcome: 'refused', reason })
    const desktop = settings.current.desktop.url.host
    audit.write({ event: 'login_refused', request, provider, sub, email, address, desktop, reason })
  }

  /** Warns once: the cause is the provider or the scopes, so the next sign-in is no different. */
  function warnOfNoRefresh(): void {
    if (hasWarnedOfNoRefresh) return
    hasWarnedOfNoRefresh = true
    log.warn(
      'the provider gave no refresh token: sessions are not re-validated, so people who lose access stay until session.maxLifetime; most providers give a refresh token for the scope offline_access (oidc.scopes)',
    )
  }

  function fail(
    context: HttpContext,
    kind: FailureKind,
    { provider, returnTo, setCookies, cause }: Failed,
  ): Response {
    const requestId = context.get('requestId')
    const { address } = clientOf(context.env.incoming)
    reportFailedLogin({ requestId, address, provider, reason: kind, cause })
    return sendFailure(context, kind, { returnTo, setCookies })
  }
}

/**
 * A session of the same person that this browser did not have when the sign-in began: another tab has opened it since. Times
 * cannot tell that, because a tab can begin a sign-in after the other tab's session was opened and before the browser has its
 * cookie.
 */
function isSessionOfOverlap(session: Session, identity: Identity, login: LoginState): boolean {
  return (
    session.identity.iss === identity.iss &&
    session.identity.sub === identity.sub &&
    session.id !== login.sessionBefore
  )
}
