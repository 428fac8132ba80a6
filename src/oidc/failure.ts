// Why a login failed, in the words of the pages, the audit and the metrics. Told apart by the protocol's error codes
// (RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6), the library's and our own, never by message.

import * as oidc from 'openid-client'
import type { SettingsHolder } from '../config/config.ts'
import { codeOf } from '../lib/errors.ts'
import type { Audit } from '../observability/audit.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'

export type LoginFailureKind =
  | 'provider-declined'
  | 'provider-needs-you'
  | 'provider-error'
  | 'provider-unreachable'
  | 'provider-misconfigured'
  | 'clock'
  | 'login-invalid'

export interface LoginFailure {
  readonly kind: LoginFailureKind
  /** For the log; may hold the provider's own words, never a token or a code. */
  readonly cause: unknown
}

const BY_PROTOCOL_ERROR: ReadonlyMap<string, LoginFailureKind> = new Map([
  ['access_denied', 'provider-declined'],
  ['login_required', 'provider-needs-you'],
  ['interaction_required', 'provider-needs-you'],
  ['consent_required', 'provider-needs-you'],
  ['account_selection_required', 'provider-needs-you'],
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
  ['OAUTH_HTTP_REQUEST_FORBIDDEN', 'provider-misconfigured'],
  ['OAUTH_REQUEST_PROTOCOL_FORBIDDEN', 'provider-misconfigured'],
  ['OAUTH_MISSING_SERVER_METADATA', 'provider-misconfigured'],
  ['OAUTH_INVALID_SERVER_METADATA', 'provider-misconfigured'],
])

export interface FailedLogin {
  /** As on the page that the person sees. */
  readonly requestId: string | undefined
  readonly address: string
  /** Why, in the word of the audit and of the metric label. */
  readonly reason: string
  readonly cause?: unknown
}

export type ReportFailedLogin = (failed: FailedLogin) => void

/** One audit line, one count and one log line for each login that ended, or never began, without a person's name. */
export function createReportFailedLogin(
  settings: SettingsHolder,
  { metrics, audit, log }: { readonly metrics: Metrics; readonly audit: Audit; readonly log: Log },
): ReportFailedLogin {
  return function reportFailedLogin({ requestId: request, address, reason, cause }) {
    metrics.logins.inc({ outcome: 'failed', reason })
    const desktop = settings.current.desktop.url.host
    audit.write({ event: 'login_refused', request, address, desktop, reason })
    const isOurs = reason === 'provider-misconfigured' || reason === 'clock'
    log[isOurs ? 'error' : 'info']({ request, reason, cause }, 'login failed')
  }
}

export function failureOf(error: unknown): LoginFailure {
  return { kind: kindOf(error), cause: error }
}

function kindOf(error: unknown): LoginFailureKind {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return BY_PROTOCOL_ERROR.get(error.error) ?? 'provider-error'
  }
  // A 401 with a challenge: the provider does not accept the client's credentials, or, at userinfo, its own token.
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    const isOfToken = error.cause.some(({ scheme }) => scheme === 'bearer')
    return isOfToken ? 'provider-error' : 'provider-misconfigured'
  }
  if (isRefusedHere(error)) return 'provider-misconfigured'
  if (brokeOff(error)) return 'provider-unreachable'
  if (isTooLongAgo(error)) return 'provider-needs-you'
  return BY_LIBRARY_CODE.get(codeOf(error) ?? '') ?? 'login-invalid'
}

// The person proved themselves at the provider longer ago than `max_age` allows. The library counts that among the wrong
// clocks and tells them apart in the innermost cause; doing it once more mends it.
function isTooLongAgo(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if ('claim' in error) return error.claim === 'auth_time'
  return 'cause' in error && isTooLongAgo(error.cause)
}

// What relying-party.ts throws, as the library wraps it.
function isRefusedHere(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return codeOf(error) === 'provider-refused' || isRefusedHere(error.cause)
}

// undici reports every network failure as a TypeError without a code of its own. One in the middle of a body, or a
// deadline there, stands below the library's "could not be parsed".
function brokeOff(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const isNetworkFailure =
    error instanceof TypeError && error.cause !== undefined && codeOf(error) === undefined
  return isNetworkFailure || error.name === 'TimeoutError' || brokeOff(error.cause)
}
