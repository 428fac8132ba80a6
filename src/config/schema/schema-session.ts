// `session:` How sessions are sealed and kept, and when they end.

import type * as z from 'zod'

import { duration, flag, line, map } from './leaf.ts'
import { sessionSecrets, sessionStore } from './secret-leaves.ts'
import { byDefault, optional, required } from './setting.ts'
import type { WrittenSettings } from './written-settings.ts'

export const sessionSchema: z.ZodType<WrittenSettings['session']> = map({
  secret: required(sessionSecrets, {
    env: 'GATEWAY_SESSION_SECRET',
    secret: true,
    meaning:
      'At least 32 bytes, from which the session keys are derived. Several (one a line, or a YAML list) rotate: the first seals, all open. With several gateways add the new one last, restart all, then make it the first.',
  }),
  store: byDefault(sessionStore, 'memory', {
    env: 'GATEWAY_SESSION_STORE',
    meaning:
      'Where sessions are kept: `memory`; `sqlite:PATH`, a file for one process alone; `redis://[user:password@]host[:port][/db]`; `redis+sentinel://[user:password@]host[:port],…/master-name[/db]`, with `?sentinelPassword=…` where the sentinels have one. `rediss` in place of `redis` is TLS. Percent-encode what is unusual in names and passwords.',
  }),
  storeCaFile: optional(line, 'system roots', {
    env: 'GATEWAY_SESSION_STORE_CA_FILE',
    meaning: 'PEM certificates trusted for the store.',
  }),
  idleTimeout: byDefault(duration(), '30m', {
    env: 'GATEWAY_SESSION_IDLE_TIMEOUT',
    meaning: 'A session ends after this long without human input; `0` is off.',
  }),
  idleReauth: byDefault(flag, 'true', {
    env: 'GATEWAY_SESSION_IDLE_REAUTH',
    meaning:
      'The login after an idle end asks the provider to authenticate again; otherwise single sign-on lets anyone at the screen back in.',
  }),
  maxLifetime: byDefault(duration(60_000, '1m'), '12h', {
    env: 'GATEWAY_SESSION_MAX_LIFETIME',
    meaning: 'A session ends this long after sign-in, whatever happens; at least `1m`.',
  }),
  revalidateEvery: byDefault(duration(), '5m', {
    env: 'GATEWAY_SESSION_REVALIDATE_EVERY',
    meaning:
      'How often the provider is asked again and the access rules are decided again, open streams included. It takes a refresh token (`oidc.scopes`): who has none is asked about no more, and stays until `maxLifetime` or a logout from the provider.',
  }),
  providerGrace: byDefault(duration(), '1h', {
    env: 'GATEWAY_SESSION_PROVIDER_GRACE',
    meaning:
      'How long sessions outlive an unreachable provider; `0` fails closed. It counts for sessions that are asked about at all (`revalidateEvery`).',
  }),
  storeGrace: byDefault(duration(), '10m', {
    env: 'GATEWAY_SESSION_STORE_GRACE',
    meaning: 'How long open streams outlive an unreachable store; `0` fails closed.',
  }),
})
