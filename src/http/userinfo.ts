// GET /oauth2/userinfo: tells scripts on the page who is signed in.

import { withRightsBy } from '../policy/policy.ts'
import type { Handle, HttpContext, HttpParts } from './context.ts'

export function createUserinfo({
  settings,
  connections,
  cookies,
  sessions,
  now,
}: HttpParts): Handle {
  return async function userinfo(context: HttpContext): Promise<Response> {
    const cookie = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    context.header('cache-control', 'no-store')
    if (found?.state !== 'live') {
      return context.json({ error: 'unauthenticated', sign_in: '/oauth2/sign_in' }, 401)
    }
    const { identity, expiresAt } = found.session
    const { role } = withRightsBy(settings.current.access, found.session, now())
    connections.keep(context.env.incoming.socket, identity)
    const { sub, email, name, groups } = identity
    const { idleTimeout } = settings.current.session
    const lastInput = idleTimeout === 0 ? 0 : await sessions.lastInput(found.session)
    return context.json({
      sub,
      email: email ?? null,
      name: name ?? null,
      groups,
      role,
      expiresAt: iso(expiresAt),
      idleExpiresAt: idleTimeout === 0 ? null : iso(lastInput + idleTimeout),
    })
  }
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
