// Checks logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6): the provider says that one of its sessions, or
// every session of a person, has ended.

import { errors, jwtVerify, type JWTPayload } from 'jose'
import { codeOf } from '../lib/errors.ts'
import type { LogoutOrder } from '../session/provider-logout.ts'
import { asymmetricAlgorithms } from './provider-keys.ts'
import type { RelyingParty } from './relying-party.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const CLOCK_TOLERANCE_S = 60
/** How long a token without `exp` is valid after its `iat`. */
const MAX_AGE_WITHOUT_EXP_S = 120
/** Values of `typ` that providers use for logout tokens. A token of another type, such as an access token, is refused. */
const TYPES: readonly string[] = ['logout+jwt', 'application/logout+jwt', 'jwt']

export interface LogoutToken extends LogoutOrder {
  readonly jti: string
  readonly exp: number
}

export type LogoutTokenCheck =
  | { readonly outcome: 'valid'; readonly token: LogoutToken }
  /** `problem` is for the provider's log. It names the broken rule and quotes nothing from the token. */
  | { readonly outcome: 'invalid'; readonly problem: string }
  | { readonly outcome: 'keys-unavailable'; readonly cause: unknown }

export type CheckLogoutToken = (token: string) => Promise<LogoutTokenCheck>

export function createCheckLogoutToken(
  relyingParty: RelyingParty,
  clientId: string,
  now: () => number,
): CheckLogoutToken {
  return async function checkLogoutToken(token) {
    const { keys, configuration } = relyingParty
    const metadata = configuration?.serverMetadata()
    if (metadata?.jwks_uri === undefined) {
      return { outcome: 'keys-unavailable', cause: 'the provider has not been discovered yet' }
    }
    const options = {
      issuer: metadata.issuer,
      audience: clientId,
      algorithms: asymmetricAlgorithms(metadata.id_token_signing_alg_values_supported),
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['iat', 'jti', 'events'],
      currentDate: new Date(now()),
    }
    const maySeeNewKeys = !keys.isCoolingDown
    try {
      const verified = await keys.use((set) => jwtVerify(token, set, options))
      const { payload, protectedHeader } = verified
      if (!isLogoutTokenType(protectedHeader.typ)) return invalid('typ')
      return readClaims(payload, now())
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) {
        return { outcome: 'keys-unavailable', cause: error }
      }
      // Possibly a new key of the provider that may not be fetched yet: ask the provider to retry.
      if (error instanceof errors.JWKSNoMatchingKey && !maySeeNewKeys) {
        return { outcome: 'keys-unavailable', cause: error }
      }
      // An unknown key means that the provider answered. A missing answer is a network error without a code of jose.
      if (error instanceof errors.JWTClaimValidationFailed) return invalid(error.claim)
      if (error instanceof errors.JWTExpired) return invalid('exp')
      if (error instanceof errors.JOSEError && codeOf(error) !== 'ERR_JOSE_GENERIC') {
        return invalid('signature')
      }
      return { outcome: 'keys-unavailable', cause: error }
    }
  }
}

// A media type, in any letter case (RFC 7515 4.1.9). The library passes on any JSON type.
function isLogoutTokenType(typ: unknown): boolean {
  return typ === undefined || (typeof typ === 'string' && TYPES.includes(typ.toLowerCase()))
}

function readClaims(payload: JWTPayload, now: number): LogoutTokenCheck {
  const { iss = '', sub, jti, iat = 0, events } = payload
  const { sid, nonce } = payload
  if (iat > now / 1_000 + CLOCK_TOLERANCE_S) return invalid('iat')
  // Ory Hydra, LemonLDAP::NG and authentik before 2025.8 send no `exp`. A fresh `iat` takes its place.
  const exp = payload.exp ?? iat + MAX_AGE_WITHOUT_EXP_S
  if (exp <= now / 1_000 - CLOCK_TOLERANCE_S) return invalid('iat')
  if (typeof jti !== 'string' || jti === '') return invalid('jti')
  const event = isObject(events) ? events[EVENT] : undefined
  if (!isObject(event)) return invalid('events')
  // A token with a nonce is an ID token (Back-Channel Logout 1.0, 2.4).
  if (nonce !== undefined) return invalid('nonce')
  if (sid !== undefined && (typeof sid !== 'string' || sid === '')) return invalid('sid')
  if (sub !== undefined && (typeof sub !== 'string' || sub === '')) return invalid('sub')
  if (sub === undefined && sid === undefined) return invalid('sub')
  return { outcome: 'valid', token: { iss, sub, sid, jti, iat, exp } }
}

function invalid(problem: string): LogoutTokenCheck {
  return { outcome: 'invalid', problem }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
