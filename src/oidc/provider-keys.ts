// The provider's signing keys (OpenID Connect Discovery 1.0, `jwks_uri`): one key set for ID tokens, userinfo and logout
// tokens. A provider may rotate its keys at any moment, under new names or, against the advice of RFC 7517 4.5, under the
// same one. So both an unknown key and an invalid signature fetch the key set again, but at most every 5 s: anybody can send a
// logout token with an invented key name.

import { setTimeout as sleep } from 'node:timers/promises'
import { compactVerify, createRemoteJWKSet, customFetch, errors } from 'jose'
import type { CustomFetch, ServerMetadata } from 'openid-client'
import { GatewayError } from '../lib/errors.ts'

const COOLDOWN_MS = 5_000
/** As for other requests to the provider (relying-party.ts). */
const TIMEOUT_MS = 30_000
/** Asymmetric only. With HMAC, everybody who knows the client secret could sign. */
const ASYMMETRIC = /^(?:RS|PS|ES)(?:256|384|512)$|^EdDSA$|^Ed25519$/

export interface ProviderKeys {
  /**
   * Runs `check`. If it fails because of the key or the signature, fetches the key set and runs it again. Rejects like `check`,
   * with a network failure, or with `provider-refused` if the discovery document names no key set.
   */
  use<T>(check: (keys: KeySet) => Promise<T>, options?: UseOptions): Promise<T>
  /** The key set was fetched less than the cooldown ago: an unknown key may be a new one. */
  readonly isCoolingDown: boolean
}

export interface UseOptions {
  /**
   * Waits up to 5 s for the end of the cooldown. Only for tokens that came directly from the provider: with tokens from others,
   * anybody could keep many requests waiting.
   */
  readonly waits?: boolean
}

export type KeySet = ReturnType<typeof createRemoteJWKSet>

export function createProviderKeys(
  metadata: () => ServerMetadata | undefined,
  fetch: CustomFetch,
): ProviderKeys {
  let known: { readonly uri: string; readonly keys: KeySet } | undefined
  let fetchedAt = 0

  function keySet(uri: string): KeySet {
    if (known?.uri === uri) return known.keys
    const keys = createRemoteJWKSet(new URL(uri), {
      [customFetch]: async (url, { headers, method, redirect, signal }) => {
        fetchedAt = performance.now()
        return fetch(url, {
          headers: Object.fromEntries(headers.entries()),
          method,
          redirect,
          signal,
          body: undefined,
        })
      },
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
    })
    known = { uri, keys }
    return keys
  }

  async function use<T>(
    check: (keys: KeySet) => Promise<T>,
    { waits = false }: UseOptions = {},
  ): Promise<T> {
    const uri = metadata()?.jwks_uri
    if (uri === undefined) {
      throw new GatewayError(
        'provider-refused',
        "the provider's discovery document has no jwks_uri",
      )
    }
    const keys = keySet(uri)
    const usedAt = fetchedAt
    try {
      return await check(keys)
    } catch (error) {
      if (!mayBeRotated(error)) throw error
      const left = fetchedAt + COOLDOWN_MS - performance.now()
      if (left > 0 && fetchedAt === usedAt && !waits) throw error
      if (left > 0 && fetchedAt === usedAt) await sleep(left)
      // Another call may have fetched the key set meanwhile, or may be fetching it now.
      if (fetchedAt === usedAt || keys.reloading) await keys.reload()
      return check(keys)
    }
  }

  return {
    use,
    get isCoolingDown() {
      return known?.keys.coolingDown ?? false
    },
  }
}

/**
 * Checks the signature of an ID token or of a signed userinfo answer that came directly from the provider. openid-client checks
 * the claims and relies on TLS for the signature.
 */
export async function verifySignature(
  keys: ProviderKeys,
  jws: string,
  listedAlgorithms: readonly string[] | undefined,
): Promise<void> {
  const options = { algorithms: asymmetricAlgorithms(listedAlgorithms) }
  await keys.use((set) => compactVerify(jws, set, options), { waits: true })
}

/** The asymmetric algorithms of a list. The default is that of OpenID Connect Discovery 1.0, 3. */
export function asymmetricAlgorithms(listed: readonly string[] = ['RS256']): string[] {
  return listed.filter((algorithm) => ASYMMETRIC.test(algorithm))
}

function mayBeRotated(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWSSignatureVerificationFailed
  )
}
