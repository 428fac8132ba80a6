// GET /oauth2/sign_in: why you are here, and one button.

import { returnTo } from '../net/return-to.ts'
import { signInPage } from '../pages/pages.ts'
import { END_REASONS } from '../session/session.ts'
import { sendPage, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createSignIn({ settings }: HttpParts): Handle {
  return function signIn(context: HttpContext): Response {
    const wanted = context.req.query('reason')
    return sendPage(
      signInPage({
        // Only words of ours are shown: the address bar is anybody's to write.
        reason: END_REASONS.find((reason) => reason === wanted),
        returnTo: returnTo(context.req.query('rd'), settings.current.publicUrl),
      }),
    )
  }
}
