// GET /oauth2/sign_in: why you are here, and one button. A person who is signed in already is led on.

import { returnTo } from '../net/return-to.ts'
import { alreadySignedInPage, signInPage } from '../pages/pages.ts'
import { readCookie } from '../session/cookie.ts'
import { END_REASONS } from '../session/session.ts'
import { sendPage, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createSignIn({ settings, cookies, sessions }: HttpParts): Handle {
  return async function signIn(context: HttpContext): Promise<Response> {
    const wanted = context.req.query('reason')
    const cookieHeader = context.req.header('cookie')
    const logout = readCookie(cookieHeader, cookies.logoutName)
    const forget = logout === undefined ? [] : [cookies.clear(cookies.logoutName)]
    const to = returnTo(context.req.query('rd'), settings.current.publicUrl)
    if (await isSignedIn(cookieHeader)) return sendPage(alreadySignedInPage(to), forget)
    const page = signInPage({
      // Only words of ours are shown: the address bar is anybody's to write.
      reason: END_REASONS.find((reason) => reason === wanted),
      // Nobody else knows the state (RP-Initiated Logout 1.0, 2): the provider has sent this person back.
      isSignedOutAtProvider: logout !== undefined && logout === context.req.query('state'),
      returnTo: to,
    })
    return sendPage(page, forget)
  }

  async function isSignedIn(cookieHeader: string | undefined): Promise<boolean> {
    const cookie = readCookie(cookieHeader, cookies.sessionName)
    if (cookie === undefined) return false
    // The page needs no store: during an outage it offers the sign-in as before.
    const found = await sessions.find(cookie).catch(() => undefined)
    return found?.state === 'live'
  }
}
