// Begins a sign-in: builds the authorization request (OpenID Connect Core 3.1.2.1) with PKCE S256 (RFC 7636) and a nonce, and
// pushes it to the provider if it offers that (RFC 9126).

import * as oidc from 'openid-client'
import type { SettingsHolder } from '../config/config.ts'
import type { Client } from '../net/forwarded.ts'
import type { LoginLimiter } from '../net/limits.ts'
import type { Log } from '../observability/log.ts'
import type { LoginState, LoginStates } from '../session/login-state.ts'
import { failureOf, type LoginFailure, type ReportFailedLogin } from './failure.ts'
import type { RelyingParty } from './relying-party.ts'

/** The redirect address at the provider. */
export const CALLBACK_PATH = '/oauth2/callback'

/** Values of `prompt` that the gateway's own links may request. All else comes from `authorizationParams`. */
export type Prompt = 'select_account' | 'login'

export interface LoginRequest {
  /** A path of this origin, already checked (net/return-to.ts). */
  readonly returnTo: string
  readonly prompt: Prompt | undefined
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
  | { readonly outcome: 'provider-starting' | 'login-loop' }

export interface LoginParts {
  readonly settings: SettingsHolder
  readonly relyingParty: RelyingParty
  readonly loginStates: LoginStates
  readonly limiter: LoginLimiter
  readonly reportFailed: ReportFailedLogin
  /** The person must have authenticated since then (ms since the epoch); undefined: single sign-on is enough. */
  readonly reauthenticateSince: (cookieHeader: string | undefined) => Promise<number | undefined>
  readonly now: () => number
  readonly log: Log
}

/** Reports a sign-in that cannot begin. */
export type BeginLogin = (request: LoginRequest) => Promise<LoginStart>

export function createBeginLogin(parts: LoginParts): BeginLogin {
  const { settings, relyingParty, loginStates, limiter, reportFailed, now, log } = parts
  let hasWarned = false

  return async function beginLogin(request) {
    const start = await begin(request)
    if (start.outcome !== 'redirect') {
      const { requestId, client } = request
      const { kind: reason, cause } =
        start.outcome === 'failed' ? start.failure : { kind: start.outcome, cause: undefined }
      reportFailed({ requestId, address: client.address, reason, cause })
    }
    return start
  }

  async function begin(request: LoginRequest): Promise<LoginStart> {
    const { returnTo, prompt, cookieHeader, client, automatic } = request
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

    const { configuration } = relyingParty
    if (configuration === undefined) return { outcome: 'provider-starting' }

    const codeVerifier = oidc.randomPKCECodeVerifier()
    const nonce = oidc.randomNonce()
    const authenticatedAfter = await parts.reauthenticateSince(cookieHeader)
    const { login, setCookies } = await loginStates.begin(cookieHeader, {
      nonce,
      codeVerifier,
      returnTo,
      authenticatedAfter,
    })
    const { publicUrl, oidc: wanted } = settings.current
    const asked = authenticatedAfter === undefined ? prompt : 'login'
    const maxAge = mostAge(wanted.authorizationParams, login, now())
    const parameters = {
      ...wanted.authorizationParams,
      ...(asked === undefined ? {} : { prompt: supported(asked, configuration) }),
      ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
      redirect_uri: new URL(CALLBACK_PATH, publicUrl).href,
      scope: wanted.scopes,
      state: login.state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    }
    try {
      const pushes =
        configuration.serverMetadata().pushed_authorization_request_endpoint !== undefined
      const location = pushes
        ? await oidc.buildAuthorizationUrlWithPAR(configuration, parameters)
        : oidc.buildAuthorizationUrl(configuration, parameters)
      return { outcome: 'redirect', location: location.href, setCookies }
    } catch (error) {
      return { outcome: 'failed', failure: failureOf(error) }
    }
  }
}

/**
 * `max_age` (OpenID Connect Core 3.1.2.1) in seconds: the configured one, or less if the person must have authenticated since a
 * given time. It also makes the provider send `auth_time`, which is then checked.
 */
export function mostAge(
  params: Readonly<Record<string, string>>,
  { authenticatedAfter }: LoginState,
  now: number,
): number | undefined {
  const wanted = params['max_age'] === undefined ? [] : [Number(params['max_age'])]
  if (authenticatedAfter !== undefined)
    wanted.push(Math.max(0, Math.ceil((now - authenticatedAfter) / 1_000)))
  return wanted.length === 0 ? undefined : Math.min(...wanted)
}

// A provider refuses prompts that it does not list. A new login asks for an account as well.
function supported(prompt: Prompt, configuration: oidc.Configuration): Prompt {
  const listed = configuration.serverMetadata()['prompt_values_supported']
  return Array.isArray(listed) && !listed.includes(prompt) ? 'login' : prompt
}
