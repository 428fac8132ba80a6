// The route table of the gateway's own endpoints. No request under /oauth2/ reaches the desktop.

import { Hono } from 'hono'
import { GatewayError } from '../lib/errors.ts'
import { FAILURES } from '../messages/failures.ts'
import { newRequestId } from '../net/request-id.ts'
import { beginAtZero } from '../observability/metrics.ts'
import { createAuthRequest } from './auth-request.ts'
import { createBackchannelLogout } from './backchannel-logout.ts'
import { createCallback } from './callback.ts'
import { sendFailure, type HttpEnv, type HttpParts } from './context.ts'
import { createDesktopStatus } from './desktop-status.ts'
import { createFrontchannelLogout } from './frontchannel-logout.ts'
import { createPanelStatus, sendPanelScript } from './panel-state.ts'
import { createSignIn } from './sign-in.ts'
import { createSignOut } from './sign-out.ts'
import { createStart } from './start.ts'
import { createStay } from './stay.ts'
import { createUserinfo } from './userinfo.ts'

export function createApp(parts: HttpParts): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  const kinds = Object.keys(FAILURES).map((kind) => ({ kind }))
  beginAtZero(parts.metrics.requestsFailed, kinds)
  const { ask, signOut, signedOut } = createSignOut(parts)

  app.use(async function nameRequest(context, next) {
    context.set('requestId', newRequestId())
    await next()
    const kind = context.get('failure')
    if (kind !== undefined) parts.metrics.requestsFailed.inc({ kind })
  })

  app.get('/oauth2/sign_in', createSignIn(parts))
  app.get('/oauth2/start', createStart(parts))
  const callback = createCallback(parts)
  app.get('/oauth2/callback', callback)
  app.get('/oauth2/callback/:provider', callback)
  app.get('/oauth2/sign_out', ask)
  app.post('/oauth2/sign_out', signOut)
  app.get('/oauth2/signed_out', signedOut)
  app.post('/oauth2/backchannel_logout', createBackchannelLogout(parts))
  app.get('/oauth2/frontchannel_logout', createFrontchannelLogout(parts))
  app.post('/oauth2/stay', createStay(parts))
  app.get('/oauth2/userinfo', createUserinfo(parts))
  app.get('/oauth2/session.js', sendPanelScript)
  app.get('/oauth2/panel', createPanelStatus(parts))
  app.get('/oauth2/auth', createAuthRequest(parts))
  app.get('/oauth2/desktop_status', createDesktopStatus(parts))

  app.notFound((context) => sendFailure(context, 'not-found'))
  app.onError((error, context) => {
    const isStore = error instanceof GatewayError && error.code === 'store-unavailable'
    parts.log[isStore ? 'warn' : 'error'](
      { request: context.get('requestId'), err: error },
      'request failed',
    )
    return sendFailure(context, isStore ? 'store-unavailable' : 'internal')
  })
  return app
}
