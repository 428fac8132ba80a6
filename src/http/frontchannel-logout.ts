// GET /oauth2/frontchannel_logout (OpenID Connect Front-Channel Logout 1.0, 2): loaded in a frame on the provider's page.
// Lax cookies do not reach a third-party frame, so `iss` and `sid` find the session.

import { createAttemptLimiter } from '../net/limits.ts'
import { sendFailure, type Handle, type HttpContext, type HttpParts } from './context.ts'

/** Anybody may call this, and each call writes to the store. */
const LIMIT = { count: 60, windowMs: 60_000 }
const MAX_SID = 255

export function createFrontchannelLogout(parts: HttpParts): Handle {
  const { sessions, providers, clientOf, now } = parts
  const limiter = createAttemptLimiter(() => LIMIT, now)

  return async function frontchannelLogout(context: HttpContext): Promise<Response> {
    const requestId = context.get('requestId')
    const { iss, sid } = context.req.query()
    // Both are required: with one alone, any page could end a session by guessing.
    const isNamed = sid !== undefined && sid !== '' && sid.length <= MAX_SID
    if (iss === undefined || !isNamed || !providers.hasIssuer(iss)) {
      return sendFailure(context, 'bad-request')
    }
    const retryAfter = limiter.attempt(clientOf(context.env.incoming).address)
    if (retryAfter !== undefined) return sendFailure(context, 'login-limit', { retryAfter })
    await sessions.endByProvider(
      { iss, sid, sub: undefined, iat: Math.floor(now() / 1_000) },
      requestId,
    )
    context.header('cache-control', 'no-store')
    context.header(
      'content-security-policy',
      `default-src 'none'; frame-ancestors ${new URL(iss).origin}`,
    )
    context.header('x-content-type-options', 'nosniff')
    return context.html('<!doctype html><html lang="en"><title>Signed out</title></html>')
  }
}
