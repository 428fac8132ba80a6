// Whether the provider's keys can verify its ID tokens.

import type { JSONWebKeySet, JWK } from 'jose'
import type { ServerMetadata } from 'openid-client'
import { asymmetricAlgorithms } from '../../oidc/provider-keys.ts'
import type { Findings } from '../finding.ts'
import { show } from './listed.ts'

/** `keys` undefined: they could not be fetched, which is another finding. */
export function checkKeys(
  metadata: ServerMetadata,
  keys: JSONWebKeySet | undefined,
  findings: Findings,
): void {
  const listed = metadata.id_token_signing_alg_values_supported
  const usable = asymmetricAlgorithms(listed)
  if (usable.length === 0) {
    findings.fail(
      'algorithms',
      `The provider signs ID tokens with ${show(listed ?? [])} only; the gateway takes asymmetric algorithms such as RS256 or ES256 only. Give the provider a signing key and choose such an algorithm for this client.`,
    )
  } else findings.ok('algorithms', `ID tokens may be signed with ${usable.join(', ')}.`)

  if (keys === undefined) return
  const signing = keys.keys.filter(({ use = 'sig' }) => use === 'sig')
  const covered = usable.filter((algorithm) => signing.some((key) => canVerify(key, algorithm)))
  const shown = `${signing.length} signing ${signing.length === 1 ? 'key' : 'keys'}`
  if (covered.length > 0) {
    findings.ok('keys', `There are keys for ${covered.join(', ')} (${shown}).`)
  } else {
    findings.fail(
      'keys',
      `The key set has ${shown} and none for ${usable.join(', ') || 'an asymmetric algorithm'}, so no ID token can be verified. Give the provider a signing key.`,
    )
  }
}

const CURVES: Readonly<Record<string, readonly string[]>> = {
  ES256: ['P-256'],
  ES384: ['P-384'],
  ES512: ['P-521'],
  EdDSA: ['Ed25519'],
  Ed25519: ['Ed25519'],
}

/** RFC 7518 6.1, RFC 8037 2. */
function canVerify({ kty, alg, crv }: JWK, algorithm: string): boolean {
  if (alg !== undefined && alg !== algorithm) return false
  const curves = CURVES[algorithm]
  return curves === undefined ? kty === 'RSA' : crv !== undefined && curves.includes(crv)
}
