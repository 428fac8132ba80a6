// The admin API: lists sessions and ends them. Ending a session is not a ban: the person may sign in again. It needs the bearer
// token (RFC 6750), which is compared in constant time. Without a configured token the API is off.

import { createHash, timingSafeEqual } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { newRequestId } from '../net/request-id.ts'
import type { Audit } from '../observability/audit.ts'
import type { Log } from '../observability/log.ts'
import type { PresenceBook } from '../session/presence.ts'
import type { Session } from '../session/session.ts'
import type { Sessions } from '../session/sessions.ts'

export interface AdminSessionsParts {
  readonly token: () => string | undefined
  readonly sessions: Sessions
  readonly presence: PresenceBook
  /** Sessions with tunnels on this replica, known without the store. */
  readonly here: () => readonly Session[]
  readonly audit: Audit
  readonly log: Log
}

export function createAdminSessions(parts: AdminSessionsParts): Hono {
  const { token, sessions, presence, here, audit, log } = parts
  const app = new Hono()

  app.use('/admin/*', async function authenticate(context, next) {
    const wanted = token()
    if (wanted === undefined) return context.json({ error: 'no admin token is set' }, 404)
    const given = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
    if (!isSame(given, wanted)) {
      context.header('www-authenticate', 'Bearer')
      return context.json({ error: 'invalid_token' }, 401)
    }
    context.header('cache-control', 'no-store')
    return next()
  })

  app.get('/admin/sessions', async (context) => {
    const live = await sessions.list()
    const known = await presence.read(live.map(({ id }) => id))
    return context.json({
      sessions: live.map(({ id, identity, role, address, createdAt, expiresAt }, index) => ({
        id,
        sub: identity.sub,
        email: identity.email ?? null,
        role,
        address,
        since: iso(createdAt),
        expiresAt: iso(expiresAt),
        lastInput: iso(known[index]?.lastInput ?? createdAt),
        tunnels: known[index]?.tunnels ?? 0,
      })),
    })
  })

  app.delete('/admin/sessions/:id', (context) => {
    const id = context.req.param('id')
    return end(
      context,
      () => Promise.resolve([id]),
      (session) => session.id === id,
    )
  })

  app.delete('/admin/users/:sub/sessions', (context) => {
    const sub = context.req.param('sub')
    const isTheirs = ({ identity }: Session): boolean => identity.sub === sub
    return end(
      context,
      async () => (await sessions.list()).filter(isTheirs).map(({ id }) => id),
      isTheirs,
    )
  })

  app.onError((error, context) => {
    log.warn({ err: error }, 'the admin API could not answer')
    context.header('retry-after', '5')
    return context.json({ error: 'the session store does not answer' }, 503)
  })

  async function end(
    context: Context,
    find: () => Promise<readonly string[]>,
    isMeant: (session: Session) => boolean,
  ): Promise<Response> {
    const request = newRequestId()
    const { method, path } = context.req
    try {
      const ids = await find()
      const ended = await Promise.all(ids.map((id) => sessions.end(id, 'revoked', request)))
      const count = ended.filter(Boolean).length
      audit.write({ event: 'admin_action', request, reason: `${method} ${path}`, ended: count })
      return context.json({ ended: count })
    } catch (error) {
      // The tunnels on this replica end all the same. The rest is repeated until the store accepts it.
      for (const { id } of here().filter(isMeant))
        sessions.end(id, 'revoked', request).catch(() => {})
      audit.write({ event: 'admin_action', request, reason: `${method} ${path}`, ended: 0 })
      log.warn({ request, err: error }, 'sessions were not ended everywhere')
      context.header('retry-after', '5')
      return context.json({ error: 'not ended everywhere' }, 503)
    }
  }

  return app
}

function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
