// Finishes a sign-in: checks the authorization response (RFC 6749 4.1.2, RFC 9207), redeems the code, checks the ID token
// (OpenID Connect Core 3.1.3.7) and collects the claims that the rules need.

import * as oidc from 'openid-client'
import type { SettingsHolder } from '../config/config.ts'
import type { LoginState } from '../session/login-state.ts'
import type { Identity, Vault } from '../session/session.ts'
import { identify } from './claims.ts'
import { failureOf, type LoginFailure } from './failure.ts'
import { mostAge } from './authorization-request.ts'
import { isOfHostedDomain } from './hosted-domain.ts'
import { verifySignature } from './provider-keys.ts'
import type { RelyingParty } from './relying-party.ts'

/** How many seconds an ID token's `iat` may be ahead of the gateway's clock. */
const MAX_AHEAD_S = 60
/** Response parameters of the implicit flow, the hybrid flow and JARM. */
const FOREIGN_PARAMETERS = ['id_token', 'access_token', 'token', 'response']

export type LoginFinish =
  | {
      readonly outcome: 'signed-in'
      readonly identity: Identity
      readonly vault: Vault
      /** `iat` of the ID token, seconds since the epoch. */
      readonly issuedAt: number
      /** Expiry of the access token, ms since the epoch; undefined if the provider does not say. */
      readonly tokensExpireAt: number | undefined
    }
  | { readonly outcome: 'failed'; readonly failure: LoginFailure }
  | { readonly outcome: 'provider-starting' }

/** `query` is the authorization response. The caller has already compared its `state` with `login.state`. */
export type FinishLogin = (query: URLSearchParams, login: LoginState) => Promise<LoginFinish>

export function createFinishLogin(
  settings: SettingsHolder,
  relyingParty: RelyingParty,
  now: () => number,
): FinishLogin {
  return async function finishLogin(query, login) {
    const { configuration } = relyingParty
    if (configuration === undefined) return { outcome: 'provider-starting' }
    // The redirect address as registered at the provider, whatever Host the request carries.
    const response = new URL(relyingParty.provider.callbackPath, settings.current.publicUrl)
    response.search = query.toString()
    // RFC 6749 4.1.2: a response of the code flow has none of these. A forged link must not redeem a code.
    if (FOREIGN_PARAMETERS.some((name) => query.has(name))) {
      const cause = 'the authorization response is not one of the code flow'
      return { outcome: 'failed', failure: { kind: 'login-invalid', cause } }
    }
    const maxAge = mostAge(relyingParty.provider.authorizationParams, login, now())
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, response, {
        expectedState: login.state,
        expectedNonce: login.nonce,
        pkceCodeVerifier: login.codeVerifier,
        idTokenExpected: true,
        ...(maxAge === undefined ? {} : { maxAge }),
      })
      const { id_token_signing_alg_values_supported: listed } = configuration.serverMetadata()
      await verifySignature(relyingParty.keys, tokens.id_token as string, listed)
      const idToken = tokens.claims() as oidc.IDToken
      if (idToken.iat > now() / 1_000 + MAX_AHEAD_S) {
        return {
          outcome: 'failed',
          failure: { kind: 'clock', cause: `iat ${idToken.iat} is ahead` },
        }
      }
      // With an empty `sub`, different people would be one person to the rules and to logout.
      if (idToken.sub === '') {
        return { outcome: 'failed', failure: { kind: 'login-invalid', cause: 'sub is empty' } }
      }
      if (!isOfHostedDomain(relyingParty.provider, idToken)) {
        const cause = `hd is ${JSON.stringify(idToken['hd'])}`
        return { outcome: 'failed', failure: { kind: 'other-organisation', cause } }
      }
      const expiresIn = tokens.expiresIn()
      return {
        outcome: 'signed-in',
        identity: await identify(settings.current, relyingParty, idToken, tokens.access_token),
        vault: { idToken: tokens.id_token, refreshToken: tokens.refresh_token },
        issuedAt: idToken.iat,
        tokensExpireAt: expiresIn === undefined ? undefined : now() + expiresIn * 1_000,
      }
    } catch (error) {
      return { outcome: 'failed', failure: failureOf(error) }
    }
  }
}
