// Shared by the handlers under /oauth2/: their dependencies, and how they answer with a page.

import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { SettingsHolder } from '../config/config.ts'
import type { Authorize } from '../gate/authorize.ts'
import type { Connections } from '../net/connections.ts'
import type { Client } from '../net/forwarded.ts'
import type { Audit } from '../observability/audit.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { ReportFailedLogin } from '../oidc/failure.ts'
import type { BeginLogin } from '../oidc/login.ts'
import type { Providers } from '../oidc/providers.ts'
import type { PresenceBook } from '../session/presence.ts'
import type { Session } from '../session/session.ts'
import { failurePage, type FailureKind, type Page } from '../pages/pages.ts'
import type { Cookies } from '../session/cookie.ts'
import type { ToPublicHost } from '../session/public-host.ts'
import type { LoginStates } from '../session/login-state.ts'
import type { Sessions } from '../session/sessions.ts'

export interface HttpParts {
  readonly settings: SettingsHolder
  readonly connections: Connections
  readonly cookies: Cookies
  readonly sessions: Sessions
  readonly loginStates: LoginStates
  readonly authorize: Authorize
  readonly toPublicHost: ToPublicHost
  readonly beginLogin: BeginLogin
  readonly reportFailedLogin: ReportFailedLogin
  readonly providers: Providers
  readonly presence: PresenceBook
  readonly desktopState: () => Promise<'up' | 'starting' | 'refused'>
  /** Sessions with tunnels on this replica, known without the store. */
  readonly here: () => readonly Session[]
  readonly now: () => number
  readonly clientOf: (request: HttpBindings['incoming']) => Client
  readonly metrics: Metrics
  readonly audit: Audit
  readonly log: Log
}

export interface HttpEnv {
  readonly Bindings: HttpBindings
  readonly Variables: {
    requestId: string
    /** Set if the request fails: by the words of docs/troubleshooting.md. */
    failure?: string
  }
}

export type HttpContext = Context<HttpEnv>

export type Handle = (context: HttpContext) => Response | Promise<Response>

/** Retry-After in seconds for failures that pass by themselves. */
export const RETRY_AFTER_S = 5
const PASSING: ReadonlySet<FailureKind> = new Set([
  'provider-starting',
  'provider-unreachable',
  'store-unavailable',
])

export interface FailureOptions {
  readonly returnTo?: string
  /** Seconds, where they are known. */
  readonly retryAfter?: number
  readonly setCookies?: readonly string[]
}

export function sendFailure(
  context: HttpContext,
  kind: FailureKind,
  { returnTo, retryAfter, setCookies }: FailureOptions = {},
): Response {
  context.set('failure', kind)
  const page = failurePage({
    kind,
    requestId: context.get('requestId'),
    returnTo,
    retryAfter: retryAfter ?? (PASSING.has(kind) ? RETRY_AFTER_S : undefined),
  })
  return sendPage(page, setCookies)
}

export function sendPage(page: Page, setCookies: readonly string[] = []): Response {
  const headers = new Headers(page.headers)
  for (const cookie of setCookies) headers.append('set-cookie', cookie)
  return new Response(page.html, { status: page.status, headers })
}

export function sendTo(location: string, setCookies: readonly string[] = []): Response {
  const headers = new Headers({
    location,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  })
  for (const cookie of setCookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: 302, headers })
}
