// GET /oauth2/sign_in: a page that says why you are here, with one button. A person who is already signed in is led on.

import { returnTo } from '../net/return-to.ts'
import { alreadySignedInPage, signInPage, type ProviderChoice } from '../pages/pages.ts'
import { END_REASONS } from '../session/session.ts'
import { sendPage, type Handle, type HttpContext, type HttpParts } from './context.ts'
import { createIsSignedIn } from './signed-in.ts'
import { promptOf } from './start.ts'

export function createSignIn(parts: HttpParts): Handle {
  const { settings, cookies, providers } = parts
  const isSignedIn = createIsSignedIn(parts)

  /** The last one first. With one provider there is no choice to offer. */
  function providersFor(last: string | undefined): readonly ProviderChoice[] {
    if (providers.all.length === 1) return []
    const choices = providers.all.map(({ settings: { name, label } }) => ({
      name,
      label,
      isLast: name === last,
    }))
    return choices.toSorted((a, b) => Number(b.isLast) - Number(a.isLast))
  }

  return async function signIn(context: HttpContext): Promise<Response> {
    const wanted = context.req.query('reason')
    const cookieHeader = context.env.incoming.headers.cookie
    const logout = cookies.read(cookieHeader, cookies.logoutName)
    const forget = logout === undefined ? [] : [cookies.clear(cookies.logoutName)]
    const to = returnTo(context.req.query('rd'), settings.current.publicUrl)
    // The page needs no store: during an outage it offers the sign-in as before.
    const hasSession = await isSignedIn(cookieHeader).catch(() => false)
    if (hasSession) return sendPage(alreadySignedInPage(to), forget)
    const page = signInPage({
      // Show only known reasons: anybody can write into the address bar.
      reason: END_REASONS.find((reason) => reason === wanted),
      // Only the provider can send the person back with this state (RP-Initiated Logout 1.0, 2).
      isSignedOutAtProvider: logout !== undefined && logout === context.req.query('state'),
      returnTo: to,
      prompt: promptOf(context.req.query('prompt')),
      providers: providersFor(cookies.read(cookieHeader, cookies.providerName)),
    })
    return sendPage(page, forget)
  }
}
