// GET /oauth2/session.js and /oauth2/panel: the script of the panel on the desktop's page, and the state that it shows.
// Neither counts as human input: the script polls by itself.

import { PANEL_SCRIPT, PANEL_VERSION } from '../panel/panel-script.ts'
import { decide } from '../policy/policy.ts'
import type { Handle, HttpContext, HttpParts } from './context.ts'

const ETAG = `"${PANEL_VERSION}"`

/** The script is the same for everybody. Browsers may cache the versioned address for ever. */
export function sendPanelScript(context: HttpContext): Response {
  const isThisVersion = context.req.query('v') === PANEL_VERSION
  context.header('etag', ETAG)
  context.header(
    'cache-control',
    isThisVersion ? 'private, max-age=31536000, immutable' : 'private, no-cache',
  )
  context.header('x-content-type-options', 'nosniff')
  context.header('cross-origin-resource-policy', 'same-origin')
  if (context.req.header('if-none-match') === ETAG) return context.body(null, 304)
  context.header('content-type', 'text/javascript; charset=utf-8')
  return context.body(PANEL_SCRIPT)
}

/**
 * `{state: "live", who, email, role, canStepUp, expiresIn, idleExpiresIn, idleTimeout}`, or `{state: "ended", reason}`. Durations
 * are seconds, so that the browser's clock does not matter; null means no limit. The status is always 200: the answer says
 * why a session ended, and a 401 would leave an error in the desktop's console.
 */
export function createPanelStatus({
  settings,
  connections,
  cookies,
  sessions,
  now,
}: HttpParts): Handle {
  return async function panelStatus(context: HttpContext): Promise<Response> {
    const cookie = cookies.read(context.env.incoming.headers.cookie, cookies.sessionName)
    const found = cookie === undefined ? undefined : await sessions.find(cookie)
    context.header('cache-control', 'no-store')
    if (found?.state !== 'live') {
      return context.json({
        state: 'ended',
        reason: found?.state === 'ended' ? found.reason : null,
      })
    }
    const { identity, expiresAt } = found.session
    const decision = decide(identity, settings.current.access, now())
    connections.keep(context.env.incoming.socket, identity)
    const { sub, email, name, preferredUsername } = identity
    const { idleTimeout } = settings.current.session
    const idleAt =
      idleTimeout === 0 ? undefined : (await sessions.lastInput(found.session)) + idleTimeout
    return context.json({
      state: 'live',
      who: name ?? preferredUsername ?? email ?? sub,
      email: email ?? null,
      role: decision.allowed ? decision.role : found.session.role,
      canStepUp: decision.stepUp !== undefined,
      expiresIn: (expiresAt - now()) / 1_000,
      idleExpiresIn: idleAt === undefined ? null : (idleAt - now()) / 1_000,
      idleTimeout: idleTimeout === 0 ? null : idleTimeout / 1_000,
    })
  }
}
