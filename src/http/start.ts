// GET /oauth2/start: an explicit sign-in, from a button of ours or a link of the operator's.

import { returnTo } from '../net/return-to.ts'
import type { Prompt } from '../oidc/login.ts'
import { failurePage } from '../pages/pages.ts'
import { sendPage, sendTo, type Handle, type HttpContext, type HttpParts } from './context.ts'

export function createStart({ settings, beginLogin, clientOf, log }: HttpParts): Handle {
  return async function start(context: HttpContext): Promise<Response> {
    const wanted = returnTo(context.req.query('rd'), settings.current.publicUrl)
    const begun = await beginLogin({
      returnTo: wanted,
      prompt: promptOf(context.req.query('prompt')),
      cookieHeader: context.req.header('cookie'),
      client: clientOf(context.env.incoming),
      automatic: false,
    })
    const requestId = context.get('requestId')
    const fail = (kind: Parameters<typeof failurePage>[0]['kind'], retryAfter?: number): Response =>
      sendPage(failurePage({ kind, requestId, returnTo: wanted, retryAfter }))
    switch (begun.outcome) {
      case 'redirect':
        return sendTo(begun.location, begun.setCookies)
      case 'login-limit':
        return fail('login-limit', begun.retryAfter)
      case 'provider-starting':
        return fail('provider-starting', 5)
      case 'login-loop':
        return fail('login-loop')
      case 'failed':
        log.warn({ request: requestId, err: begun.failure.cause }, 'login could not begin')
        return fail(begun.failure.kind)
    }
  }
}

function promptOf(wanted: string | undefined): Prompt | undefined {
  return wanted === 'select_account' || wanted === 'login' ? wanted : undefined
}
