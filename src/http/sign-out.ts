// GET and POST /oauth2/sign_out, GET /oauth2/signed_out: asks once, then ends the session and its tunnels, then the provider's session
// (OpenID Connect RP-Initiated Logout 1.0). GET alone never signs out: an image on another site could ask for it.

import { isSameOrigin } from '../net/navigation.ts'
import { signedOutHerePage, signOutPage } from '../pages/pages.ts'
import { randomState } from '../session/cookie.ts'
import {
  sendFailure,
  sendPage,
  sendTo,
  type Handle,
  type HttpContext,
  type HttpParts,
} from './context.ts'

/** Seconds that a person may take at the provider, which may ask for confirmation. */
const AT_PROVIDER_S = 600

export function createSignOut(parts: HttpParts): {
  readonly ask: Handle
  readonly signOut: Handle
  readonly signedOut: Handle
} {
  const { settings, cookies, sessions, loginStates, providers } = parts

  async function ask(context: HttpContext): Promise<Response> {
    const cookie = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    if (found?.state !== 'live') return sendTo('/oauth2/sign_in?reason=signed-out')
    const { name, preferredUsername, email, sub } = found.session.identity
    return sendPage(signOutPage({ who: name ?? preferredUsername ?? email ?? sub }))
  }

  async function signOut(context: HttpContext): Promise<Response> {
    if (!isSameOrigin(context.env.incoming.headers, settings.current.publicUrl.origin)) {
      return sendFailure(context, 'cross-site')
    }
    const cookie = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    // Keep the cookie: it tells the next sign-in that this session ended by idleness (session.idleReauth).
    if (found?.state === 'ended') return sendTo('/oauth2/sign_in?reason=signed-out')
    const forget = [cookies.clear(cookies.sessionName), loginStates.clearRounds()]
    if (cookie === undefined || found?.state !== 'live') {
      return sendTo('/oauth2/sign_in?reason=signed-out', forget)
    }
    // Read before the end, because the end deletes the tokens.
    const vault = await sessions.openVault(cookie)
    await sessions.end(found.session.id, 'signed-out', context.get('requestId'))
    const state = randomState()
    const provider = providers.of(found.session.identity)
    const location = provider?.endSessionUrl(found.session, vault, state)
    if (location === undefined) return sendPage(signedOutHerePage(), forget)
    return sendTo(location, [...forget, cookies.set(cookies.logoutName, state, AT_PROVIDER_S)])
  }

  /** Where the provider sends the browser after its own sign-out (RP-Initiated Logout 1.0, 3). */
  function signedOut(context: HttpContext): Response {
    const state = context.req.query('state')
    const query = new URLSearchParams({
      reason: 'signed-out',
      ...(state === undefined ? {} : { state }),
    })
    return sendTo(`/oauth2/sign_in?${query.toString()}`)
  }

  return { ask, signOut, signedOut }
}
