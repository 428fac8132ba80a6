// Opens the store that the setting `session.store` names.

import { GatewayError } from '../lib/errors.ts'
import { parseStoreAddress } from '../lib/store-address.ts'
import { createMemoryStore } from './memory-store.ts'
import type { SessionStore } from './session-store.ts'
import { openSqliteStore } from './sqlite-store.ts'
import { createStoreTrouble } from './store-failure.ts'

export interface SessionStoreOptions {
  /** Which gateway the sessions belong to (gateway-id.ts): several gateways may share a store. */
  readonly gatewayId?: string
  /** PEM certificates trusted besides the system's. */
  readonly caFile?: string | undefined
  readonly now?: () => number
  /** A call failed or the connection broke. The same failure is reported once a minute. */
  readonly onTrouble?: (error: GatewayError) => void
  /** The store answers again. */
  readonly onRecovered?: () => void
}

/**
 * Rejects with a GatewayError `settings-invalid`, in words for the operator, for an address, a CA file or an SQLite
 * file that will not do. A Redis that is away is no reason: the store opens, and its calls fail until it is back.
 */
export async function openSessionStore(
  written: string,
  {
    gatewayId = 'gateway',
    caFile,
    now = Date.now,
    onTrouble = () => {},
    onRecovered = () => {},
  }: SessionStoreOptions = {},
): Promise<SessionStore> {
  const parsed = parseStoreAddress(written)
  if (!parsed.ok) throw new GatewayError('settings-invalid', `session.store: ${parsed.problem}`)
  const { address } = parsed
  const trouble = createStoreTrouble(now, onTrouble)
  switch (address.kind) {
    case 'memory':
      return createMemoryStore(now)
    case 'sqlite':
      return openSqliteStore(address.path, { gatewayId, now, trouble })
    case 'redis': {
      // Loading the Redis client takes longer than all other session code, and most gateways do not need it.
      const { openRedisStore } = await import('./redis-store.ts')
      return openRedisStore(address, { caFile, gatewayId, trouble, onRecovered })
    }
  }
}
