// Classifies failed sign-ins for pages, audit and metrics. Decides by error codes of the protocol (RFC 6749 4.1.2.1 and 5.2,
// OpenID Connect Core 3.1.2.6), of the libraries and of the gateway, never by messages.

import * as oidc from 'openid-client'
import type { ClientAuth, SettingsHolder } from '../config/config.ts'
import { codeOf } from '../lib/errors.ts'
import type { Audit } from '../observability/audit.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'

export type LoginFailureKind =
  | 'provider-declined'
  | 'provider-needs-you'
  | 'other-organisation'
  | 'step-up-failed'
  | 'provider-error'
  | 'provider-unreachable'
  | 'provider-misconfigured'
  | 'clock'
  | 'login-invalid'

export interface LoginFailure {
  readonly kind: LoginFailureKind
  /** For the log. May contain the provider's error text, never a token or a code. */
  readonly cause: unknown
}

const BY_PROTOCOL_ERROR: ReadonlyMap<string, LoginFailureKind> = new Map([
  ['access_denied', 'provider-declined'],
  ['login_required', 'provider-needs-you'],
  ['interaction_required', 'provider-needs-you'],
  ['consent_required', 'provider-needs-you'],
  ['account_selection_required', 'provider-needs-you'],
  // OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
  ['unmet_authentication_requirements', 'step-up-failed'],
  ['invalid_client', 'provider-misconfigured'],
  ['unauthorized_client', 'provider-misconfigured'],
  ['invalid_scope', 'provider-misconfigured'],
  ['invalid_request', 'provider-misconfigured'],
  ['unsupported_response_type', 'provider-misconfigured'],
  ['unsupported_grant_type', 'provider-misconfigured'],
  ['invalid_grant', 'login-invalid'],
])

const BY_LIBRARY_CODE: ReadonlyMap<string, LoginFailureKind> = new Map([
  ['OAUTH_JWT_TIMESTAMP_CHECK_FAILED', 'clock'],
  ['OAUTH_TIMEOUT', 'provider-unreachable'],
  ['OAUTH_RESPONSE_IS_NOT_CONFORM', 'provider-error'],
  ['OAUTH_RESPONSE_IS_NOT_JSON', 'provider-error'],
  ['OAUTH_PARSE_ERROR', 'provider-error'],
  // An encrypted ID token, or a token type such as DPoP: the client is registered with features that the gateway lacks.
  ['OAUTH_UNSUPPORTED_OPERATION', 'provider-misconfigured'],
  ['OAUTH_HTTP_REQUEST_FORBIDDEN', 'provider-misconfigured'],
  // Codes of jose, about the provider's key set and unsuitable algorithms.
  ['ERR_JOSE_ALG_NOT_ALLOWED', 'provider-misconfigured'],
  ['ERR_JWKS_TIMEOUT', 'provider-unreachable'],
  ['ERR_JWKS_INVALID', 'provider-error'],
  ['ERR_JOSE_GENERIC', 'provider-error'],
  ['OAUTH_REQUEST_PROTOCOL_FORBIDDEN', 'provider-misconfigured'],
  // Codes of the gateway.
  ['provider-busy', 'provider-error'],
  ['token-refused', 'provider-error'],
  ['OAUTH_MISSING_SERVER_METADATA', 'provider-misconfigured'],
  ['OAUTH_INVALID_SERVER_METADATA', 'provider-misconfigured'],
])

/** Reasons that the person cannot have caused. An alert counts these. */
export const NOT_THE_PERSONS = [
  'provider-misconfigured',
  'provider-unreachable',
  'provider-error',
  'provider-starting',
  'clock',
  'login-loop',
] as const

export interface FailedLogin {
  /** The id that the person's page shows. */
  readonly requestId: string | undefined
  readonly address: string
  /** Undefined if the request does not tell. */
  readonly provider:
    | {
        readonly settings: { readonly name: string }
        /** How this client authenticates; undefined before discovery. */
        readonly clientAuth: ClientAuth | undefined
      }
    | undefined
  /** The reason in the audit and in the metric label. */
  readonly reason: string
  readonly cause?: unknown
}

export interface ReportParts {
  readonly metrics: Metrics
  readonly audit: Audit
  readonly log: Log
}

export type ReportFailedLogin = (failed: FailedLogin) => void

/** Writes one audit line, one count and one log line for each sign-in that fails before the person is known. */
export function createReportFailedLogin(
  settings: SettingsHolder,
  { metrics, audit, log }: ReportParts,
): ReportFailedLogin {
  return function reportFailedLogin(failed) {
    const { requestId: request, address, reason, cause } = failed
    const provider = failed.provider?.settings.name ?? 'unknown'
    metrics.logins.inc({ provider, outcome: 'failed', reason })
    const desktop = settings.current.desktop.url.host
    audit.write({ event: 'login_refused', request, provider, address, desktop, reason })
    const isOurs = reason === 'provider-misconfigured' || reason === 'clock'
    const advice = adviceOn(cause, failed.provider?.clientAuth)
    log[isOurs ? 'error' : 'info']({ request, provider, reason, cause, advice }, 'login failed')
  }
}

export function failureOf(error: unknown): LoginFailure {
  return { kind: kindOf(error), cause: error }
}

/** What the administrator can change; undefined when the error is clear enough. */
function adviceOn(error: unknown, clientAuth: ClientAuth | undefined): string | undefined {
  if (isClientRefused(error) && clientAuth === 'client_secret_basic') {
    return 'The provider refused the client credentials. Check oidc.clientId and oidc.clientSecret. If they are right, the provider may not decode HTTP Basic credentials: set oidc.clientAuth to client_secret_post.'
  }
  const algorithm = unexpectedAlgorithm(error)
  if (algorithm !== undefined) {
    return `The ID token is signed with ${algorithm}. Set the client's ID token signature algorithm at the provider to one that its discovery document lists, such as RS256.`
  }
  if (codeOf(error) === 'OAUTH_UNSUPPORTED_OPERATION') {
    return 'The provider sent an encrypted ID token or a token type other than Bearer. Switch off token encryption and DPoP for this client at the provider.'
  }
  return undefined
}

function isClientRefused(error: unknown): boolean {
  if (error instanceof oidc.ResponseBodyError) return error.error === 'invalid_client'
  return (
    error instanceof oidc.WWWAuthenticateChallengeError &&
    !error.cause.some(({ scheme }) => scheme === 'bearer')
  )
}

/** Longer than any registered name. The sender chooses the header. */
const MAX_ALGORITHM_LENGTH = 20

/** The `alg` of an ID token whose algorithm the provider does not list. oauth4webapi puts it into the innermost cause. */
function unexpectedAlgorithm(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  if ('header' in error && 'expected' in error && 'reason' in error) {
    const { alg } = error.header as { alg?: unknown }
    return typeof alg === 'string' ? alg.slice(0, MAX_ALGORITHM_LENGTH) : undefined
  }
  return 'cause' in error ? unexpectedAlgorithm(error.cause) : undefined
}

function kindOf(error: unknown): LoginFailureKind {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return BY_PROTOCOL_ERROR.get(error.error) ?? 'provider-error'
  }
  // A 401 with a challenge: the provider refuses the client's credentials or, at userinfo, its own access token.
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    const isOfToken = error.cause.some(({ scheme }) => scheme === 'bearer')
    return isOfToken ? 'provider-error' : 'provider-misconfigured'
  }
  if (isRefusedHere(error)) return 'provider-misconfigured'
  if (brokeOff(error)) return 'provider-unreachable'
  if (isTooLongAgo(error)) return 'provider-needs-you'
  if (unexpectedAlgorithm(error) !== undefined) return 'provider-misconfigured'
  return BY_LIBRARY_CODE.get(codeOf(error) ?? '') ?? 'login-invalid'
}

// The person authenticated at the provider longer ago than `max_age` allows; a new sign-in helps. The library reports this as
// a clock problem, and only the innermost cause shows the difference.
function isTooLongAgo(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if ('claim' in error) return error.claim === 'auth_time'
  return 'cause' in error && isTooLongAgo(error.cause)
}

// A refusal by the gateway itself, wrapped by the library.
function isRefusedHere(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return codeOf(error) === 'provider-refused' || isRefusedHere(error.cause)
}

// undici reports network failures as a TypeError without a code. A failure or a time-out in the middle of a body is a cause
// below the library's parse error.
function brokeOff(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const isNetworkFailure =
    error instanceof TypeError && error.cause !== undefined && codeOf(error) === undefined
  return isNetworkFailure || error.name === 'TimeoutError' || brokeOff(error.cause)
}
