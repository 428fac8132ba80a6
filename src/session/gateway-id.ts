// Which gateway a session belongs to. Gateways with one secret and one store stay apart by it: it is in every key of the
// store and in every derived key.

import { createHash } from 'node:crypto'

/** 96 bits of the hash of the public URL, path included; 16 characters of base64url. */
export function gatewayId(publicUrl: URL): string {
  return createHash('sha256').update(publicUrl.href).digest('base64url').slice(0, 16)
}
