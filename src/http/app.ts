// The gateway's own endpoints, as a table. Everything under /oauth2/ is ours; nothing of it reaches the desktop.

import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { GatewayError } from '../lib/errors.ts'
import { newRequestId } from '../net/request-id.ts'
import { failurePage } from '../pages/pages.ts'
import { createAuthRequest } from './auth-request.ts'
import { createCallback } from './callback.ts'
import { sendPage, type HttpEnv, type HttpParts } from './context.ts'
import { createSignIn } from './sign-in.ts'
import { createSignOut } from './sign-out.ts'
import { createStart } from './start.ts'
import { createUserinfo } from './userinfo.ts'

/** No form of ours is larger. */
const MOST_BODY_BYTES = 16_384

export function createApp(parts: HttpParts): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  const { ask, signOut } = createSignOut(parts)

  app.use(async function nameRequest(context, next) {
    context.set('requestId', newRequestId())
    await next()
  })
  app.use(
    bodyLimit({
      maxSize: MOST_BODY_BYTES,
      onError: (context) =>
        sendPage(failurePage({ kind: 'bad-request', requestId: context.get('requestId') })),
    }),
  )

  app.get('/oauth2/sign_in', createSignIn(parts))
  app.get('/oauth2/start', createStart(parts))
  app.get('/oauth2/callback', createCallback(parts))
  app.get('/oauth2/sign_out', ask)
  app.post('/oauth2/sign_out', signOut)
  app.get('/oauth2/userinfo', createUserinfo(parts))
  app.get('/oauth2/auth', createAuthRequest(parts))

  app.notFound((context) =>
    sendPage(failurePage({ kind: 'not-found', requestId: context.get('requestId') })),
  )
  app.onError((error, context) => {
    const requestId = context.get('requestId')
    const isStore = error instanceof GatewayError && error.code === 'store-unavailable'
    parts.log[isStore ? 'warn' : 'error']({ request: requestId, err: error }, 'request failed')
    const kind = isStore ? 'store-unavailable' : 'internal'
    return sendPage(failurePage({ kind, requestId, ...(isStore ? { retryAfter: 5 } : {}) }))
  })
  return app
}
