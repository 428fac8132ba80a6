// GET /oauth2/frontchannel_logout (OpenID Connect Front-Channel Logout 1.0, 2): asked for by a frame on the provider's
// page. No cookie of ours reaches a third-party frame, so the session is found by the provider's own name for it.

import { failurePage } from '../pages/pages.ts'
import { sendPage, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createFrontchannelLogout({ sessions, issuer, now }: HttpParts): Handle {
  return async function frontchannelLogout(context: HttpContext): Promise<Response> {
    const requestId = context.get('requestId')
    const { iss, sid } = context.req.query()
    // Both, always: either alone would let any page end somebody's session by guessing.
    if (iss === undefined || sid === undefined || sid === '' || iss !== issuer()) {
      return sendPage(failurePage({ kind: 'bad-request', requestId }))
    }
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
