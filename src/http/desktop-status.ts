// GET /oauth2/desktop_status: whether the desktop is there, for the page that waits for it. It counts as nobody's input.

import { readCookie } from '../session/cookie.ts'
import type { Handle, HttpContext, HttpParts } from './context.ts'

export function createDesktopStatus({ cookies, sessions, desktopState }: HttpParts): Handle {
  return async function desktopStatus(context: HttpContext): Promise<Response> {
    context.header('cache-control', 'no-store')
    const cookie = readCookie(context.req.header('cookie'), cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    if (found?.state !== 'live') {
      return context.json({ error: 'unauthenticated', sign_in: '/oauth2/sign_in' }, 401)
    }
    return context.json({ state: await desktopState() })
  }
}
