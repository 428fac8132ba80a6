// `session:` How sessions are sealed and stored, and when they end.

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
      'Secret from which the session keys are derived, at least 32 bytes. To rotate it, give several (one per line, or a YAML list): new data is sealed with the first, and all of them can open older data. With several gateways, add the new secret last, restart all gateways, then move it to the first place.',
  }),
  store: byDefault(sessionStore, 'memory', {
    env: 'GATEWAY_SESSION_STORE',
    meaning:
      'Where sessions are stored: `memory`; `sqlite:PATH`, a file for one process; `redis://[user:password@]host[:port][/db]`; or `redis+sentinel://[user:password@]host[:port],…/master-name[/db]`, with `?sentinelPassword=…` if the sentinels have a password. Use `rediss` instead of `redis` for TLS. Percent-encode special characters in user names and passwords.',
  }),
  storeCaFile: optional(line, 'system roots', {
    env: 'GATEWAY_SESSION_STORE_CA_FILE',
    meaning: 'File with the PEM certificates that are trusted for the store.',
  }),
  idleTimeout: byDefault(duration(), '30m', {
    env: 'GATEWAY_SESSION_IDLE_TIMEOUT',
    meaning: 'A session ends after this time without human input; `0` turns this off.',
  }),
  idleReauth: byDefault(flag, 'true', {
    env: 'GATEWAY_SESSION_IDLE_REAUTH',
    meaning:
      'After an idle end, the next sign-in asks the provider to authenticate the person again. Without this, single sign-on may let in anyone who sits at the screen.',
  }),
  maxLifetime: byDefault(duration(60_000, '1m'), '12h', {
    env: 'GATEWAY_SESSION_MAX_LIFETIME',
    meaning: 'A session ends this long after sign-in, even while in use; at least `1m`.',
  }),
  revalidateEvery: byDefault(duration(), '5m', {
    env: 'GATEWAY_SESSION_REVALIDATE_EVERY',
    meaning:
      'How often a session is re-checked: the gateway asks the provider again and evaluates the access rules again, also while a stream is open. This needs a refresh token (`oidc.scopes`). Without one a session is never re-checked; it lasts until `maxLifetime` or a logout from the provider.',
  }),
  providerGrace: byDefault(duration(), '1h', {
    env: 'GATEWAY_SESSION_PROVIDER_GRACE',
    meaning:
      'How long sessions continue while the provider is unreachable; `0` ends them at the next re-check. Applies only to sessions that are re-checked (`session.revalidateEvery`).',
  }),
  storeGrace: byDefault(duration(), '10m', {
    env: 'GATEWAY_SESSION_STORE_GRACE',
    meaning:
      'How long open streams continue while the store is unreachable; `0` closes them as soon as the outage is noticed.',
  }),
})
