// Checks the session store that the settings name.

import type { Settings } from '../../config/config.ts'
import { parseStoreAddress } from '../../lib/store-address.ts'
import { Findings, type Finding } from '../finding.ts'
import { checkSqlite } from './sqlite.ts'

export async function checkStore({ session }: Settings): Promise<readonly Finding[]> {
  const findings = new Findings('store')
  const parsed = parseStoreAddress(session.store)
  // load.ts refuses an invalid address.
  if (!parsed.ok) throw new Error(`session.store ${parsed.problem}`)
  const { address } = parsed
  switch (address.kind) {
    case 'memory':
      findings.ok(
        'kind',
        'Sessions are in the memory of the process: a restart signs everybody out, and there can be one replica only. For restarts set session.store to sqlite:PATH, for several replicas to a Redis.',
      )
      break
    case 'sqlite':
      checkSqlite(address.path, findings)
      break
    case 'redis': {
      // The client of Redis takes long to load.
      const { checkRedis } = await import('./redis.ts')
      await checkRedis(address, session.storeCaFile, findings)
      break
    }
  }
  return findings.all
}
