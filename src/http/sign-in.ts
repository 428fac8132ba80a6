// GET /oauth2/sign_in: why you are here, and one button.

import { returnTo } from '../net/return-to.ts'
import { signInPage } from '../pages/pages.ts'
import { END_REASONS } from '../session/session.ts'
import { sendPage, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createSignIn({ settings, cookies }: HttpParts): Handle {
  return function signIn(context: HttpContext): Response {
    const wanted = context.req.query('reason')
    const logout = cookies.read(context.env.incoming.headers.cookie, cookies.logoutName)
    const page = signInPage({
      // Only words of ours are shown: the address bar is anybody's to write.
      reason: END_REASONS.find((reason) => reason === wanted),
      // Nobody else knows the state (RP-Initiated Logout 1.0, 2): the provider has sent this person back.
      isSignedOutAtProvider: logout !== undefined && logout === context.req.query('state'),
      returnTo: returnTo(context.req.query('rd'), settings.current.publicUrl),
    })
    return sendPage(page, logout === undefined ? [] : [cookies.clear(cookies.logoutName)])
  }
}
