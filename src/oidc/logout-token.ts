// Logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6): the provider's word that a session of its own, or
// every session of a person, is over.

import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose'
import { codeOf } from '../lib/errors.ts'
import type { LogoutOrder } from '../session/provider-logout.ts'
import type { RelyingParty } from './relying-party.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const CLOCK_TOLERANCE_S = 60
/** The key set is asked for at most so often, however many made-up keys the tokens name. */
const KEYS_COOLDOWN_MS = 5_000
/** Types that some provider gives its logout tokens; anything else (an access token, say) is not one. */
const TYPES: readonly (string | undefined)[] = [
  undefined,
  'logout+jwt',
  'application/logout+jwt',
  'jwt',
]

export interface LogoutToken extends LogoutOrder {
  readonly jti: string
  readonly exp: number
}

export type LogoutTokenCheck =
  | { readonly outcome: 'valid'; readonly token: LogoutToken }
  /** `problem` is for the provider's log: it names the rule that was broken, and nothing of the token. */
  | { readonly outcome: 'invalid'; readonly problem: string }
  | { readonly outcome: 'keys-unavailable'; readonly cause: unknown }

export type CheckLogoutToken = (token: string) => Promise<LogoutTokenCheck>

export function createCheckLogoutToken(
  relyingParty: RelyingParty,
  clientId: string,
  now: () => number,
): CheckLogoutToken {
  let keys:
    | { readonly uri: string; readonly find: ReturnType<typeof createRemoteJWKSet> }
    | undefined

  return async function checkLogoutToken(token) {
    const metadata = relyingParty.configuration?.serverMetadata()
    if (metadata?.jwks_uri === undefined) {
      return { outcome: 'keys-unavailable', cause: 'the provider has not been discovered yet' }
    }
    if (keys?.uri !== metadata.jwks_uri) {
      const find = createRemoteJWKSet(new URL(metadata.jwks_uri), {
        [customFetch]: async (url, { headers, method, redirect, signal }) =>
          relyingParty.fetch(url, {
            headers: Object.fromEntries(headers.entries()),
            method,
            redirect,
            signal,
            body: undefined,
          }),
        timeoutDuration: 5_000,
        cooldownDuration: KEYS_COOLDOWN_MS,
      })
      keys = { uri: metadata.jwks_uri, find }
    }
    const maySeeNewKeys = !keys.find.coolingDown
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys.find, {
        issuer: metadata.issuer,
        audience: clientId,
        algorithms: signatureAlgorithms(metadata.id_token_signing_alg_values_supported),
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['iat', 'exp', 'jti', 'events'],
        currentDate: new Date(now()),
      })
      if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) return invalid('typ')
      return readClaims(payload, now())
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) {
        return { outcome: 'keys-unavailable', cause: error }
      }
      // Perhaps the provider's new key, which may not be asked for just yet: it is told to come again.
      if (error instanceof errors.JWKSNoMatchingKey && !maySeeNewKeys) {
        return { outcome: 'keys-unavailable', cause: error }
      }
      // A key that is not in the set was answered; no answer at all is a network error, which has no code of jose's.
      if (error instanceof errors.JWTClaimValidationFailed) return invalid(error.claim)
      if (error instanceof errors.JWTExpired) return invalid('exp')
      if (error instanceof errors.JOSEError && codeOf(error) !== 'ERR_JOSE_GENERIC') {
        return invalid('signature')
      }
      return { outcome: 'keys-unavailable', cause: error }
    }
  }
}

function readClaims(payload: JWTPayload, now: number): LogoutTokenCheck {
  const { iss = '', sub, jti, iat = 0, exp = 0, events } = payload
  const { sid, nonce } = payload
  if (iat > now / 1_000 + CLOCK_TOLERANCE_S) return invalid('iat')
  if (typeof jti !== 'string' || jti === '') return invalid('jti')
  const event = isObject(events) ? events[EVENT] : undefined
  if (!isObject(event)) return invalid('events')
  // What has a nonce is an ID token, whatever else it says.
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

// As for ID tokens: asymmetric only. A client secret as HMAC key would let every holder of it sign people out.
function signatureAlgorithms(supported: readonly string[] = ['RS256']): string[] {
  return supported.filter((algorithm) => /^(?:RS|PS|ES)\d{3}$|^EdDSA$|^Ed25519$/.test(algorithm))
}
