// POST /oauth2/backchannel_logout (OpenID Connect Back-Channel Logout 1.0, 2.5 and 2.8): the provider ends sessions here.

import { readBody } from '../net/request-body.ts'
import type { Handle, HttpContext, HttpParts } from './context.ts'

/** A logout token is a few hundred bytes of claims plus a signature. */
const MAX_BODY_BYTES = 16_384

export function createBackchannelLogout({ providers, sessions, here, log }: HttpParts): Handle {
  return async function backchannelLogout(context: HttpContext): Promise<Response> {
    context.header('cache-control', 'no-store')
    const requestId = context.get('requestId')
    const refuse = (problem: string): Response => {
      log.warn({ request: requestId, problem }, 'logout token refused')
      return context.json({ error: 'invalid_request', error_description: problem }, 400)
    }
    const retry = (cause: unknown): Response => {
      log.warn(
        { request: requestId, err: cause },
        'logout token could not be processed yet; the provider is asked to retry',
      )
      context.header('retry-after', '5')
      return context.json({ error: 'temporarily_unavailable' }, 503)
    }

    const token = await readToken(context)
    if (token === undefined) return refuse('logout_token is missing')
    const checked = await providers.checkLogoutToken(token)
    if (checked.outcome === 'invalid') return refuse(checked.problem)
    if (checked.outcome === 'keys-unavailable') return retry(checked.cause)
    const { iss, sub, sid } = checked.token
    try {
      const ended = await sessions.endByProvider(checked.token, requestId)
      if (ended === undefined) return refuse('jti')
      // Last, so that the provider can send a token again that could not be processed.
      await sessions.markSeen(checked.token)
      log.info({ request: requestId, ended }, 'the provider ended sessions by back-channel logout')
      return context.body(null, 200)
    } catch (error) {
      // End the sessions with streams on this replica all the same. The provider retries for the others.
      for (const { id, identity } of here()) {
        const isMatch = sid === undefined ? identity.sub === sub : identity.sid === sid
        if (isMatch && identity.iss === iss)
          sessions.end(id, 'provider-logout', requestId).catch(() => {})
      }
      return retry(error)
    }
  }
}

/** Reads the whole body: the connection can be reused only after that. */
async function readToken(context: HttpContext): Promise<string | undefined> {
  const type = context.req.header('content-type') ?? ''
  if (!type.toLowerCase().startsWith('application/x-www-form-urlencoded')) return undefined
  const body = await readBody(context.env.incoming, MAX_BODY_BYTES)
  if (typeof body === 'string') return undefined
  const token = new URLSearchParams(body.toString()).get('logout_token')
  return token === null || token === '' ? undefined : token
}
