// Begins a sign-in: applies the limits, remembers the attempt in the browser, and sends it to a provider.

import { randomBytes } from 'node:crypto'
import type { Requirement, SettingsHolder } from '../config/config.ts'
import type { Client } from '../net/forwarded.ts'
import type { LoginLimiter } from '../net/limits.ts'
import type { Log } from '../observability/log.ts'
import type { LoginStates } from '../session/login-state.ts'
import { failureOf, type LoginFailure, type ReportFailedLogin } from './failure.ts'
import type { Prompt } from './authorization-request.ts'
import type { Providers } from './providers.ts'

export interface LoginRequest {
  /** Name of the provider. Without one, the person chooses if there are several. */
  readonly provider?: string | undefined
  /** A path of this origin, already checked (net/return-to.ts). */
  readonly returnTo: string
  readonly prompt: Prompt | undefined
  /** What the provider has to confirm about the sign-in. */
  readonly stepUp?: Requirement | undefined
  readonly cookieHeader: string | undefined
  readonly client: Client
  /** The id on the page that says why the sign-in could not begin. */
  readonly requestId?: string
  /** The gateway redirects by itself, without a button. Only such sign-ins can loop. */
  readonly automatic: boolean
}

export type LoginStart =
  | {
      readonly outcome: 'redirect'
      readonly location: string
      readonly setCookies: readonly string[]
    }
  | { readonly outcome: 'login-limit'; readonly retryAfter: number }
  | { readonly outcome: 'failed'; readonly failure: LoginFailure }
  /** There are several providers, and none was named. */
  | { readonly outcome: 'choose' }
  | { readonly outcome: 'provider-starting' | 'login-loop' }

export interface LoginParts {
  readonly settings: SettingsHolder
  readonly providers: Providers
  readonly loginStates: LoginStates
  readonly limiter: LoginLimiter
  readonly reportFailed: ReportFailedLogin
  /** The person must have authenticated since then (ms since the epoch); undefined: single sign-on is enough. */
  readonly reauthenticateSince: (cookieHeader: string | undefined) => Promise<number | undefined>
  readonly log: Log
}

/** Reports a sign-in that cannot begin. */
export type BeginLogin = (request: LoginRequest) => Promise<LoginStart>

export function createBeginLogin(parts: LoginParts): BeginLogin {
  const { settings, providers, loginStates, limiter, reportFailed, log } = parts
  let hasWarned = false

  return async function beginLogin(request) {
    const start = await begin(request)
    if (start.outcome !== 'redirect' && start.outcome !== 'choose') {
      const { requestId, client } = request
      const { kind: reason, cause } =
        start.outcome === 'failed' ? start.failure : { kind: start.outcome, cause: undefined }
      const provider = providers.chosen(request.provider)
      reportFailed({ requestId, address: client.address, provider, reason, cause })
    }
    return start
  }

  async function begin(request: LoginRequest): Promise<LoginStart> {
    const { returnTo, prompt, cookieHeader, client, automatic } = request
    const provider = providers.chosen(request.provider)
    if (provider === undefined) return { outcome: 'choose' }
    if (automatic && (await loginStates.isLooping(cookieHeader))) return { outcome: 'login-loop' }

    if (client.behindUndeclaredProxy && !hasWarned) {
      log.warn(
        { peer: client.address },
        'a peer sends X-Forwarded-For but is not in GATEWAY_TRUSTED_PROXIES: login attempts through it count together, against ten times GATEWAY_LOGIN_LIMIT',
      )
      hasWarned = true
    }
    const retryAfter = limiter.attempt(client)
    if (retryAfter !== undefined) return { outcome: 'login-limit', retryAfter }

    if (!provider.isReady) return { outcome: 'provider-starting' }

    const authenticatedAfter = await parts.reauthenticateSince(cookieHeader)
    const { login, setCookies } = await loginStates.begin(cookieHeader, {
      provider: provider.settings.name,
      nonce: randomToken(),
      codeVerifier: randomToken(),
      returnTo,
      authenticatedAfter,
      ...(request.stepUp === undefined ? {} : { stepUp: request.stepUp }),
    })
    const redirectUri = new URL(provider.settings.callbackPath, settings.current.publicUrl).href
    try {
      const location = await provider.authorizationUrl({ login, prompt, redirectUri })
      return { outcome: 'redirect', location: location.href, setCookies }
    } catch (error) {
      return { outcome: 'failed', failure: failureOf(error) }
    }
  }
}

/** 256 random bits: a nonce (OpenID Connect Core 15.5.2), or a code verifier (RFC 7636 7.1). */
function randomToken(): string {
  return randomBytes(32).toString('base64url')
}
