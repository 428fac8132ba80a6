// POST /oauth2/stay: the person confirms that they are still there. It counts as human input, like a key or a click.

import { isSameOrigin } from '../net/navigation.ts'
import { sendFailure, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createStay({
  settings,
  connections,
  cookies,
  sessions,
  presence,
}: HttpParts): Handle {
  return async function stay(context: HttpContext): Promise<Response> {
    if (!isSameOrigin(context.env.incoming.headers, settings.current.publicUrl.origin)) {
      return sendFailure(context, 'cross-site')
    }
    context.header('cache-control', 'no-store')
    const cookie = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    if (found?.state !== 'live') {
      return context.json({ error: 'unauthenticated', sign_in: '/oauth2/sign_in' }, 401)
    }
    connections.keep(context.env.incoming.socket, found.session.identity)
    presence.noteInput(found.session.id)
    return context.body(null, 204)
  }
}
