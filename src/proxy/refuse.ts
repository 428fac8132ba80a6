// Answers requests that may not pass: a navigation gets a redirect or a page, a script gets JSON, and nobody ends in a redirect
// loop.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SettingsHolder } from '../config/config.ts'
import type { Authorization, ForbiddenReason } from '../gate/authorize.ts'
import type { Client } from '../net/forwarded.ts'
import { isNavigation } from '../net/navigation.ts'
import { newRequestId } from '../net/request-id.ts'
import { returnTo } from '../net/return-to.ts'
import { subjectOf, type Audit } from '../observability/audit.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { BeginLogin, LoginRequest } from '../oidc/login.ts'
import { deniedPage, DENIED_REASONS } from '../pages/denied-page.ts'
import { failurePage, type FailureKind, type Page } from '../pages/pages.ts'
import type { ToPublicHost } from '../session/public-host.ts'

/** Retry-After in seconds, for failures that may pass by themselves. */
const RETRY_AFTER_S = 5
const SIGN_IN_PATH = '/oauth2/sign_in'
const STEP_UP_PATH = '/oauth2/start?step_up=1'

/** Failures for people who may use the desktop, but not this part of it. */
const CLOSED: Readonly<Partial<Record<ForbiddenReason, FailureKind>>> = {
  'owner-api': 'owner-only',
  downloads: 'downloads-denied',
  route: 'route-denied',
}

export type Refused = Exclude<Authorization, { outcome: 'granted' }>

export interface RefuseParts {
  readonly settings: SettingsHolder
  readonly toPublicHost: ToPublicHost
  readonly beginLogin: BeginLogin
  readonly metrics: Metrics
  readonly audit: Audit
  readonly log: Log
}

/** The browser's request, before it is rewritten for the desktop. */
export type Asked = Pick<IncomingMessage, 'method' | 'url' | 'headers'>

export interface Refuse {
  /** Answers a request that the gate refused. */
  unauthorized(
    request: Asked,
    response: ServerResponse,
    refused: Refused,
    client: Client,
  ): Promise<void>
  /** Answers a request that failed after the gate. */
  failed(
    request: Asked,
    response: ServerResponse,
    kind: FailureKind,
    options?: { readonly retryAfter?: number | undefined; readonly cause?: unknown },
  ): void
}

export function createRefuse(parts: RefuseParts): Refuse {
  const { settings, toPublicHost, beginLogin, metrics, audit, log } = parts

  function failed(
    request: Asked,
    response: ServerResponse,
    kind: FailureKind,
    { retryAfter, cause }: { retryAfter?: number | undefined; cause?: unknown } = {},
  ): void {
    const requestId = newRequestId()
    metrics.requestsFailed.inc({ kind })
    log.info(
      { request: requestId, kind, ...(cause === undefined ? {} : { cause }) },
      'request failed',
    )
    const page = failurePage({ kind, requestId, retryAfter, returnTo: wantedPath(request) })
    if (isNavigation(request.method, request.headers)) sendPage(response, page)
    else sendJson(response, page.status, { error: kind, request: requestId }, retryHeader(page))
  }

  async function toSignIn(
    request: Asked,
    response: ServerResponse,
    client: Client,
    about: Pick<LoginRequest, 'provider' | 'stepUp'> = {},
  ): Promise<void> {
    const first = toPublicHost(request.headers, wantedPath(request))
    if (first !== undefined) return redirect(response, first.location, [first.setCookie])
    const requestId = newRequestId()
    const start = await beginLogin({
      ...about,
      requestId,
      returnTo: wantedPath(request),
      prompt: undefined,
      cookieHeader: request.headers.cookie,
      client,
      automatic: true,
    })
    // The failure is already reported. The page shows the same request id.
    const show = (kind: FailureKind, retryAfter?: number): void => {
      metrics.requestsFailed.inc({ kind })
      sendPage(
        response,
        failurePage({ kind, requestId, retryAfter, returnTo: wantedPath(request) }),
      )
    }
    switch (start.outcome) {
      case 'choose': {
        const query = new URLSearchParams({ rd: wantedPath(request) })
        return redirect(response, `${SIGN_IN_PATH}?${query.toString()}`, [])
      }
      case 'redirect':
        return redirect(response, start.location, start.setCookies)
      case 'login-limit':
        return show('login-limit', start.retryAfter)
      case 'failed':
        return show(start.failure.kind, RETRY_AFTER_S)
      case 'provider-starting':
        return show('provider-starting', RETRY_AFTER_S)
      case 'login-loop':
        return show('login-loop')
    }
  }

  function wantedPath(request: Asked): string {
    return returnTo(request.url, settings.current.publicUrl)
  }

  async function unauthorized(
    request: Asked,
    response: ServerResponse,
    refused: Refused,
    client: Client,
  ): Promise<void> {
    const navigates = isNavigation(request.method, request.headers)
    switch (refused.outcome) {
      case 'unauthenticated': {
        if (!navigates) {
          const body = { error: 'unauthenticated', sign_in: SIGN_IN_PATH }
          return sendJson(response, 401, body)
        }
        if (refused.ended === undefined) return toSignIn(request, response, client)
        const query = new URLSearchParams({ reason: refused.ended, rd: wantedPath(request) })
        // Keep the cookie until the next sign-in: it shows that the session ended by idleness, which demands a new authentication.
        return redirect(response, `${SIGN_IN_PATH}?${query.toString()}`, [])
      }
      case 'step-up': {
        const { session, stepUp } = refused
        if (navigates) {
          const { provider } = session.identity
          return toSignIn(request, response, client, { provider, stepUp })
        }
        // The error of RFC 9470.
        const body = { error: 'insufficient_user_authentication', sign_in: STEP_UP_PATH }
        return sendJson(response, 403, body)
      }
      case 'forbidden': {
        const { session, reason } = refused
        const requestId = newRequestId()
        audit.write({
          event: 'access_denied',
          request: requestId,
          ...subjectOf(session),
          address: client.address,
          desktop: settings.current.desktop.url.host,
          reason,
        })
        const { name, preferredUsername, email, sub } = session.identity
        const closed = CLOSED[reason]
        metrics.requestsFailed.inc({ kind: closed ?? reason })
        if (navigates && closed !== undefined) {
          return sendPage(response, failurePage({ kind: closed, requestId }))
        }
        if (navigates) {
          const who = name ?? preferredUsername ?? email ?? sub
          return sendPage(
            response,
            deniedPage({
              who,
              email,
              requestId,
              returnTo: wantedPath(request),
              hasSession: true,
              reason: DENIED_REASONS.find((one) => one === reason) ?? 'no-rule-matches',
            }),
          )
        }
        return sendJson(response, 403, { error: 'forbidden', reason, request: requestId })
      }
      case 'store-unavailable':
        return failed(request, response, 'store-unavailable', { retryAfter: RETRY_AFTER_S })
    }
  }

  return { unauthorized, failed }
}

function sendPage(response: ServerResponse, page: Page): void {
  response.writeHead(page.status, page.headers)
  response.end(page.html)
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(JSON.stringify(body))
}

function redirect(response: ServerResponse, location: string, setCookies: readonly string[]): void {
  response.writeHead(302, {
    location,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'set-cookie': [...setCookies],
  })
  response.end()
}

function retryHeader(page: Page): Readonly<Record<string, string>> {
  const seconds = page.headers['retry-after']
  return seconds === undefined ? {} : { 'retry-after': seconds }
}
