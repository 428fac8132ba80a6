// GET /oauth2/auth: the gate's decision for another proxy (nginx auth_request, Traefik ForwardAuth). It decides when a
// stream opens. The gateway cannot end a stream that the other proxy holds.

import { RETRY_AFTER_S, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createAuthRequest({ settings, authorize }: HttpParts): Handle {
  return async function authRequest(context: HttpContext): Promise<Response> {
    context.header('cache-control', 'no-store')
    const { headers } = context.env.incoming
    const { origin } = settings.current.publicUrl
    // The subrequest of an upgrade carries the browser's Origin. A page of another site must not get a stream.
    if (headers.upgrade !== undefined || headers['sec-websocket-key'] !== undefined) {
      if (headers.origin !== origin) return context.body(null, 403)
    }
    // The original URI is not read, since a client could forge it. The gate decides for the front page.
    const authorization = await authorize(headers.cookie, '/')
    switch (authorization.outcome) {
      case 'granted': {
        const { email, sub, groups, preferredUsername } = authorization.session.identity
        const set = (name: string, values: readonly (string | undefined)[]): void => {
          const text = values.flatMap((value) => (value === undefined ? [] : [headerValue(value)]))
          if (text.length > 0) context.header(`X-Auth-Request-${name}`, text.join(','))
        }
        set('User', [sub])
        set('Email', [email])
        set('Groups', groups)
        set('Preferred-Username', [preferredUsername])
        return context.body(null, 202)
      }
      case 'unauthenticated':
      // The other proxy sends the person to /oauth2/start, which asks the provider for more.
      case 'step-up':
        return context.body(null, 401)
      case 'forbidden':
        return context.body(null, 403)
      case 'store-unavailable':
        context.header('retry-after', String(RETRY_AFTER_S))
        return context.body(null, 503)
    }
  }
}

// Header values are ASCII. Commas separate groups, so commas and percent signs within a value are encoded.
function headerValue(value: string): string {
  return value.replaceAll(/[^ -~]|[%,]/gu, (character) => encodeURIComponent(character))
}
