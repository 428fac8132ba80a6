// Who asks the desktop.

import { randomBytes } from 'node:crypto'
import type { Desktop } from '../../desktop/desktop.ts'

export interface Asker {
  readonly desktop: Desktop
  /**
   * KasmVNC counts failed logins by this address and bans it for a while after five. So it is one that nobody has: of the prefix
   * for documentation (RFC 3849), and another one each time.
   */
  readonly clientAddress: string
}

export function createAsker(desktop: Desktop): Asker {
  return { desktop, clientAddress: inventedAddress() }
}

function inventedAddress(): string {
  const [one, other] = [randomBytes(2), randomBytes(2)].map((bytes) => bytes.toString('hex'))
  return `2001:db8::${one ?? ''}:${other ?? ''}`
}
