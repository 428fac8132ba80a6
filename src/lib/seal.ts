// Authenticated encryption of small JSON values: JWE compact, `dir` + A256GCM (RFC 7516, RFC 7518 5.3).
// Keys come from secrets by HKDF (RFC 5869), one per purpose, so that a value sealed for one never opens as another.

import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, errors } from 'jose'

export interface Sealer {
  /** `boundTo` names what the value belongs to: it opens for the same name and no other. */
  seal(value: unknown, boundTo?: string): Promise<string>
  /** The value, or undefined for anything that none of the secrets sealed for this purpose and this name. */
  open(sealed: string, boundTo?: string): Promise<unknown>
}

/** 32 bytes of key material for one purpose. */
export function deriveKey(secret: string | Uint8Array, purpose: string, length = 32): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `ghostwire ${purpose}`, length))
}

/** The first secret seals, all of them open. The key's fingerprint travels as `kid`, so rotation costs no trial. */
export function createSealer(
  secrets: readonly [string, ...string[]] | readonly [Uint8Array, ...Uint8Array[]],
  purpose: string,
): Sealer {
  const keys = new Map<string, KeyObject>()
  for (const secret of secrets) {
    const key = deriveKey(secret, purpose)
    keys.set(createHash('sha256').update(key).digest('base64url').slice(0, 8), createSecretKey(key))
  }
  const [kid, sealingKey] = [...keys][0] as [string, KeyObject]
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()

  return {
    async seal(value, boundTo) {
      const binding = boundTo === undefined ? {} : { bound: boundTo }
      return (
        new CompactEncrypt(encoder.encode(JSON.stringify(value)))
          // The protected header is the additional authenticated data (RFC 7516 5.1, step 14).
          .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid, ...binding })
          .encrypt(sealingKey)
      )
    },
    async open(sealed, boundTo) {
      try {
        const { plaintext } = await compactDecrypt(
          sealed,
          (header) => {
            const key = keys.get(header.kid ?? '')
            if (key === undefined || header['bound'] !== boundTo)
              throw new errors.JWEDecryptionFailed('sealed for something else')
            return key
          },
          { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
        )
        return JSON.parse(decoder.decode(plaintext)) as unknown
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof SyntaxError) return undefined
        throw error
      }
    },
  }
}
