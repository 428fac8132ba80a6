// GET /oauth2/desktop_status: tells the waiting page whether the desktop is up. It does not count as human input.

import type { Handle, HttpContext, HttpParts } from './context.ts'

export function createDesktopStatus({ cookies, sessions, desktopState }: HttpParts): Handle {
  return async function desktopStatus(context: HttpContext): Promise<Response> {
    context.header('cache-control', 'no-store')
    const cookie = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    if (found?.state !== 'live') {
      return context.json({ error: 'unauthenticated', sign_in: '/oauth2/sign_in' }, 401)
    }
    return context.json({ state: await desktopState() })
  }
}
