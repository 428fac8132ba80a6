// Refreshes tokens and identity at the provider (RFC 6749 6, OpenID Connect Core 12). Only `invalid_grant` is a refusal. An error
// of a provider that is down, busy or misconfigured says nothing about the person.

import * as oidc from 'openid-client'
import type { SettingsHolder } from '../config/config.ts'
import type { Identity, Session, Vault } from '../session/session.ts'
import { identify } from './claims.ts'
import { isOfHostedDomain } from './hosted-domain.ts'
import { verifySignature } from './provider-keys.ts'
import type { RelyingParty } from './relying-party.ts'

export type RefreshOutcome =
  | {
      readonly outcome: 'refreshed'
      readonly vault: Vault
      /** Expiry of the access token, ms since the epoch; undefined if the provider does not say. */
      readonly tokensExpireAt: number | undefined
      /** Undefined: the tokens are new, but the identity could not be fetched because of `cause`. */
      readonly identity: Identity | undefined
      readonly cause?: unknown
    }
  | { readonly outcome: 'refused'; readonly cause: unknown }
  | { readonly outcome: 'unavailable'; readonly cause: unknown }

export type Refresh = (session: Session, vault: Vault) => Promise<RefreshOutcome>

export function createRefresh(
  settings: SettingsHolder,
  relyingParty: RelyingParty,
  now: () => number,
): Refresh {
  return async function refresh({ identity: old }, { refreshToken, idToken }) {
    const { configuration } = relyingParty
    if (configuration === undefined || refreshToken === undefined) {
      return { outcome: 'unavailable', cause: 'the provider has not been discovered' }
    }
    let rotated: string | undefined
    let tokens
    try {
      tokens = await relyingParty.captureBody(
        () => oidc.refreshTokenGrant(configuration, refreshToken),
        (body) => (rotated = refreshTokenIn(body)),
      )
      const { id_token_signing_alg_values_supported: listed } = configuration.serverMetadata()
      if (tokens.id_token !== undefined)
        await verifySignature(relyingParty.keys, tokens.id_token, listed)
    } catch (cause) {
      // The answer could not be verified, for example because the keys are unavailable. The old token is used up all the same.
      if (rotated !== undefined) {
        const vault = { idToken, refreshToken: rotated }
        return {
          outcome: 'refreshed',
          vault,
          tokensExpireAt: undefined,
          identity: undefined,
          cause,
        }
      }
      const isRefused = cause instanceof oidc.ResponseBodyError && cause.error === 'invalid_grant'
      return { outcome: isRefused ? 'refused' : 'unavailable', cause }
    }
    const expiresIn = tokens.expiresIn()
    const renewed = {
      outcome: 'refreshed' as const,
      vault: {
        // A provider may send no new token. Then the old one stays valid.
        idToken: tokens.id_token ?? idToken,
        refreshToken: tokens.refresh_token ?? refreshToken,
      },
      tokensExpireAt: expiresIn === undefined ? undefined : now() + expiresIn * 1_000,
    }
    const claims = tokens.claims()
    // `sub` must not change (Core 12.2).
    if (claims !== undefined && claims.sub !== old.sub) {
      return { outcome: 'refused', cause: 'the refreshed ID token names somebody else' }
    }
    if (claims !== undefined && !isOfHostedDomain(relyingParty.provider, claims)) {
      return { outcome: 'refused', cause: 'the account has left the organisation (hd)' }
    }
    // Without an ID token and without a userinfo endpoint, the known identity stays in force.
    if (claims === undefined && configuration.serverMetadata().userinfo_endpoint === undefined) {
      return { ...renewed, identity: old }
    }
    try {
      const known = {
        ...signInFacts(old),
        ...claims,
        iss: old.iss,
        sub: old.sub,
        sid: old.sid,
      }
      const fresh = await identify(settings.current, relyingParty, known, tokens.access_token)
      // Pages and audit show the names. Keep them if the provider does not repeat them.
      const names = {
        name: fresh.name ?? old.name,
        preferredUsername: fresh.preferredUsername ?? old.preferredUsername,
      }
      return { ...renewed, identity: { ...fresh, ...names } }
    } catch (cause) {
      return { ...renewed, identity: undefined, cause }
    }
  }
}

/**
 * How the person signed in (OpenID Connect Core 2). A refresh is no new sign-in, and many providers leave these claims out
 * of its ID token (Core 12.2 requires none of them), so the values of the sign-in stay in force.
 */
const SIGN_IN_CLAIMS = ['acr', 'amr', 'auth_time']

function signInFacts({ claims }: Identity): Record<string, readonly string[]> {
  return Object.fromEntries(
    SIGN_IN_CLAIMS.flatMap((name) => {
      const known = claims[name] ?? []
      return known.length === 0 ? [] : [[name, known]]
    }),
  )
}

function refreshTokenIn(body: string): string | undefined {
  try {
    const { refresh_token: token } = (JSON.parse(body) ?? {}) as { refresh_token?: unknown }
    return typeof token === 'string' && token !== '' ? token : undefined
  } catch {
    return undefined
  }
}
