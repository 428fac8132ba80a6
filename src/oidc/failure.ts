// Why a login failed, in the words of the pages, the audit and the metrics. Told apart by the protocol's error codes
// (RFC 6749 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6) and the library's, never by message.

import * as oidc from 'openid-client'
import { codeOf } from '../lib/errors.ts'

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

const BY_PROTOCOL_ERROR: Readonly<Record<string, LoginFailureKind>> = {
  access_denied: 'provider-declined',
  login_required: 'provider-needs-you',
  interaction_required: 'provider-needs-you',
  consent_required: 'provider-needs-you',
  account_selection_required: 'provider-needs-you',
  invalid_client: 'provider-misconfigured',
  unauthorized_client: 'provider-misconfigured',
  invalid_scope: 'provider-misconfigured',
  invalid_request: 'provider-misconfigured',
  unsupported_response_type: 'provider-misconfigured',
  unsupported_grant_type: 'provider-misconfigured',
  invalid_grant: 'login-invalid',
}

const BY_LIBRARY_CODE: Readonly<Record<string, LoginFailureKind>> = {
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: 'clock',
  OAUTH_TIMEOUT: 'provider-unreachable',
  OAUTH_RESPONSE_IS_NOT_CONFORM: 'provider-error',
  OAUTH_RESPONSE_IS_NOT_JSON: 'provider-error',
  OAUTH_PARSE_ERROR: 'provider-error',
  OAUTH_MISSING_SERVER_METADATA: 'provider-misconfigured',
  OAUTH_INVALID_SERVER_METADATA: 'provider-misconfigured',
}

export function failureOf(error: unknown): LoginFailure {
  return { kind: kindOf(error), cause: error }
}

function kindOf(error: unknown): LoginFailureKind {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return BY_PROTOCOL_ERROR[error.error] ?? 'provider-error'
  }
  // A 401 with a challenge and no body: the provider does not accept the client's credentials.
  if (error instanceof oidc.WWWAuthenticateChallengeError) return 'provider-misconfigured'
  if (brokeOff(error)) return 'provider-unreachable'
  return BY_LIBRARY_CODE[codeOf(error) ?? ''] ?? 'login-invalid'
}

// undici reports every network failure as a TypeError without a code of its own. One in the middle of a body, or a
// deadline there, stands below the library's "could not be parsed".
function brokeOff(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const isNetworkFailure =
    error instanceof TypeError && error.cause !== undefined && codeOf(error) === undefined
  return isNetworkFailure || error.name === 'TimeoutError' || brokeOff(error.cause)
}
