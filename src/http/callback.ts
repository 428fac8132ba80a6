// GET /oauth2/callback: the authorization response. The state is compared before the code is redeemed, the rules are
// asked before a session exists, and a new session gets a new cookie.

import { printable } from '../lib/printable.ts'
import { decide, hasUnusableEmail } from '../policy/policy.ts'
import { deniedPage, type FailureKind } from '../pages/pages.ts'
import { subjectOf } from '../observability/audit.ts'
import type { LoginState, TakenLogin } from '../session/login-state.ts'
import type { LoginFinish } from '../oidc/callback.ts'
import {
  sendFailure,
  sendPage,
  sendTo,
  type Handle,
  type HttpContext,
  type HttpParts,
} from './context.ts'

type SignedIn = Extract<LoginFinish, { outcome: 'signed-in' }>

/** Characters of an address that is none. */
const MAX_LOGGED_EMAIL = 60

const UNUSABLE: Readonly<Record<Exclude<TakenLogin['outcome'], 'taken'>, FailureKind>> = {
  missing: 'login-cookie-missing',
  forged: 'login-invalid',
  expired: 'login-expired',
  used: 'login-used',
}

export function createCallback(parts: HttpParts): Handle {
  const { settings, cookies, sessions, loginStates, finishLogin, reportFailedLogin } = parts
  const { clientOf, metrics, audit, log } = parts
  let hasWarned = false

  return async function callback(context: HttpContext): Promise<Response> {
    // The library answers HEAD as GET; a link checker must not use a code up.
    if (context.env.incoming.method === 'HEAD') return sendFailure(context, 'method-not-allowed')
    const query = new URL(context.req.url).searchParams
    const cookieHeader = context.env.incoming.headers.cookie
    const state = query.get('state') ?? ''
    const taken = await loginStates.take(cookieHeader, state)
    if (taken.outcome !== 'taken') {
      const wanted = (taken.outcome === 'expired' ? taken.returnTo : undefined) ?? '/'
      // Back button, bookmark, second click: whoever is signed in is where they wanted to be.
      if (taken.outcome !== 'forged' && (await isSignedIn(cookieHeader))) return sendTo(wanted)
      return fail(context, UNUSABLE[taken.outcome], wanted, [])
    }
    const { login } = taken
    const finished = await finishLogin(query, login)
    const done = [loginStates.finish(state)]
    switch (finished.outcome) {
      case 'failed':
        return fail(context, finished.failure.kind, login.returnTo, done, finished.failure.cause)
      case 'provider-starting':
        return fail(context, 'provider-starting', login.returnTo, done)
      case 'signed-in':
        return enter(context, finished, login, done)
    }
  }

  async function enter(
    context: HttpContext,
    { identity, vault, issuedAt, tokensExpireAt }: SignedIn,
    login: LoginState,
    done: readonly string[],
  ): Promise<Response> {
    const requestId = context.get('requestId')
    const { address } = clientOf(context.env.incoming)
    const desktop = settings.current.desktop.url.host
    const { sub, email } = identity
    const rules = settings.current.access
    if (email !== undefined && hasUnusableEmail(identity, rules)) {
      log.warn(
        { request: requestId, email: printable(email, MAX_LOGGED_EMAIL) },
        'the provider gives an e-mail address that no rule can match: it must have one @ and a plain domain; correct it at the provider',
      )
    }
    const decision = decide(identity, rules)
    const old = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    // Whoever signs in leaves the session they had, also when the new account may not enter.
    if (old !== undefined) await endOld(old, requestId)
    if (!decision.allowed) {
      metrics.logins.inc({ outcome: 'refused', reason: decision.reason })
      audit.write({
        event: 'login_refused',
        request: requestId,
        sub,
        email,
        address,
        desktop,
        reason: decision.reason,
      })
      const who = identity.name ?? identity.preferredUsername ?? email ?? sub
      const page = deniedPage({
        who,
        email,
        requestId,
        returnTo: login.returnTo,
        hasSession: false,
      })
      return sendPage(page, [...done, cookies.clear(cookies.sessionName)])
    }
    const { role, clipboardIn, rule } = decision
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
      const reason = 'provider-logout'
      metrics.logins.inc({ outcome: 'refused', reason })
      audit.write({
        event: 'login_refused',
        request: requestId,
        sub,
        email,
        address,
        desktop,
        reason,
      })
      return sendTo(`/oauth2/sign_in?reason=${reason}`, done)
    }
    if (!opened.session.refreshable) warnOfNoRefresh()
    metrics.logins.inc({ outcome: 'ok', reason: rule })
    audit.write({
      event: 'login',
      request: requestId,
      ...subjectOf(opened.session),
      address,
      desktop,
      reason: rule,
    })
    const round = await loginStates.countRound(context.env.incoming.headers.cookie)
    return sendTo(login.returnTo, [...done, round, cookies.set(cookies.sessionName, opened.cookie)])
  }

  /** Once: it is the provider's way, or the scopes', and the next person's sign-in is no different. */
  function warnOfNoRefresh(): void {
    if (hasWarned) return
    hasWarned = true
    log.warn(
      'the provider gave no refresh token: it is asked about nobody again before session.maxLifetime is over, and who loses access meanwhile stays; most providers give one for the scope offline_access (oidc.scopes)',
    )
  }

  async function isSignedIn(cookieHeader: string | undefined): Promise<boolean> {
    const cookie = cookies.read(cookieHeader, cookies.sessionName)
    return cookie !== undefined && (await sessions.find(cookie)).state === 'live'
  }

  async function endOld(cookie: string, requestId: string): Promise<void> {
    const found = await sessions.find(cookie)
    if (found.state === 'live') await sessions.end(found.session.id, 'signed-out', requestId)
  }

  function fail(
    context: HttpContext,
    kind: FailureKind,
    returnTo: string,
    setCookies: readonly string[],
    cause?: unknown,
  ): Response {
    const requestId = context.get('requestId')
    const { address } = clientOf(context.env.incoming)
    reportFailedLogin({ requestId, address, reason: kind, cause })
    return sendFailure(context, kind, { returnTo, setCookies })
  }
}
