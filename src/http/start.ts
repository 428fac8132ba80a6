// GET /oauth2/start: an explicit sign-in, from a button of ours or a link of the operator's.

import { returnTo } from '../net/return-to.ts'
import type { Prompt } from '../oidc/authorization-request.ts'
import type { LoginRequest } from '../oidc/login.ts'
import { decide } from '../policy/policy.ts'
import { signInAgainPage } from '../pages/pages.ts'
import {
  sendFailure,
  sendPage,
  sendTo,
  type Handle,
  type HttpContext,
  type HttpParts,
} from './context.ts'
import { createIsSignedIn } from './signed-in.ts'

export function createStart(parts: HttpParts): Handle {
  const { settings, toPublicHost, beginLogin, clientOf, cookies, sessions, now } = parts
  const isSignedIn = createIsSignedIn(parts)

  /** What the session of this browser lacks for the rights that it does not have, and where it is from. */
  async function stepUpOf(
    cookieHeader: string | undefined,
  ): Promise<Pick<LoginRequest, 'provider' | 'stepUp'>> {
    const cookie = cookies.read(cookieHeader, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    if (found?.state !== 'live') return {}
    const { identity } = found.session
    const { stepUp } = decide(identity, settings.current.access, now())
    return { provider: identity.provider, stepUp }
  }

  return async function start(context: HttpContext): Promise<Response> {
    const { url = '', headers } = context.env.incoming
    const first = toPublicHost(headers, url)
    if (first !== undefined) return sendTo(first.location, [first.setCookie])
    const wanted = returnTo(context.req.query('rd'), settings.current.publicUrl)
    // A new sign-in ends the running stream. A link on another site may do that only after a click on a page of ours.
    if (headers['sec-fetch-site'] === 'cross-site' && (await isSignedIn(headers.cookie))) {
      return sendPage(signInAgainPage(wanted))
    }
    const prompt = promptOf(context.req.query('prompt'))
    const isStepUp = context.req.query('step_up') === '1'
    const begun = await beginLogin({
      provider: context.req.query('provider'),
      ...(isStepUp ? await stepUpOf(headers.cookie) : {}),
      requestId: context.get('requestId'),
      returnTo: wanted,
      prompt,
      cookieHeader: headers.cookie,
      client: clientOf(context.env.incoming),
      automatic: false,
    })
    switch (begun.outcome) {
      case 'choose':
        return sendTo(signInPath(wanted, prompt))
      case 'redirect':
        return sendTo(begun.location, begun.setCookies)
      case 'login-limit':
        return sendFailure(context, 'login-limit', {
          returnTo: wanted,
          retryAfter: begun.retryAfter,
        })
      case 'provider-starting':
      case 'login-loop':
        return sendFailure(context, begun.outcome, { returnTo: wanted })
      case 'failed':
        return sendFailure(context, begun.failure.kind, { returnTo: wanted })
    }
  }
}

function signInPath(wanted: string, prompt: Prompt | undefined): string {
  const query = new URLSearchParams({ rd: wanted, ...(prompt === undefined ? {} : { prompt }) })
  return `/oauth2/sign_in?${query.toString()}`
}

export function promptOf(wanted: string | undefined): Prompt | undefined {
  return wanted === 'select_account' || wanted === 'login' ? wanted : undefined
}
