// What a private key signs with.

import type { KeyObject } from 'node:crypto'

const BY_CURVE: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

/** The JWS algorithm (RFC 7518 3.1, RFC 8037 3.1) of a private key's signatures; undefined: none that a provider takes. */
export function signatureAlgorithm(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return 'RS256'
  if (type === 'ed25519') return 'EdDSA'
  return BY_CURVE[details?.namedCurve ?? '']
}
