// Takes the secrets of the settings out of a message. Servers may repeat in an error what they were sent.

import type { Settings } from '../config/config.ts'
import { parseStoreAddress } from '../lib/store-address.ts'

/** A shorter text may occur by chance, and to hide it would give it away. */
const MIN_LENGTH = 6

export function hideSecrets(settings: Settings): (message: string) => string {
  const secrets = secretsOf(settings)
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((secret) => secret.length >= MIN_LENGTH)
    .toSorted((one, other) => other.length - one.length)
  return (message) => secrets.reduce((text, secret) => text.replaceAll(secret, '(hidden)'), message)
}

function secretsOf({ adminToken, providers, session, desktop }: Settings): readonly string[] {
  const parsed = parseStoreAddress(session.store)
  const store = parsed.ok && parsed.address.kind === 'redis' ? parsed.address : undefined
  const credentials = [
    ...Object.values(desktop.credentials),
    ...desktop.routes.map((route) => route.credentials),
  ]
  const found = [
    adminToken,
    ...session.secrets,
    store?.credentials?.password,
    store?.sentinelCredentials?.password,
    ...providers.map(({ clientSecret }) => clientSecret),
    ...providers.map(({ proxy }) =>
      decodeURIComponent(URL.parse(proxy?.url ?? '')?.password ?? ''),
    ),
    ...credentials.map((one) => one?.password),
    ...credentials.map(
      (one) => one && Buffer.from(`${one.username}:${one.password}`).toString('base64'),
    ),
  ]
  return found.filter((secret) => secret !== undefined)
}
