// The signature algorithms of a private key.

import type { KeyObject } from 'node:crypto'

const BY_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

/**
 * The JWS algorithms that a private key can sign with (RFC 7518 3.1, RFC 8037 3.1, RFC 9864), the most widely supported
 * first. Empty for a key that no provider accepts.
 */
export function signatureAlgorithms(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return ['RS256', 'PS256', 'RS384', 'PS384', 'RS512', 'PS512']
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  const algorithm = BY_CURVE[details?.namedCurve ?? '']
  return algorithm === undefined ? [] : [algorithm]
}
