// Sessions: their secret, their store, their lifetimes.

import { parseDuration } from '../../lib/duration.ts'
import { parseStoreAddress } from '../../lib/store-address.ts'
import type { Draft } from './draft.ts'

const SECRET_FILE = '/run/secrets/session-secret'
const MIN_LIFETIME_MS = 60_000

export function convertSession(draft: Draft): void {
  draft.take('cookie_secret')
  draft.take('cookie_secret_file')
  const how = 'Make a new secret: openssl rand -base64 32 > session-secret'
  draft.put('session.secretFile', SECRET_FILE, how)
  draft.hint(
    'session.secretFile',
    `${how}, and mount it as ${SECRET_FILE}. The cookie secret is not used again.`,
  )
  convertStore(draft)
  convertLifetimes(draft)
}

function convertLifetimes(draft: Draft): void {
  const lifetime = draft.duration('cookie_expire')
  if (lifetime !== undefined) {
    if ((parseDuration(lifetime) ?? 0) < MIN_LIFETIME_MS)
      draft.lose(
        'cookie_expire',
        'A session lasts at least a minute and always ends; the default is 12h (session.maxLifetime).',
        lifetime !== '0',
      )
    else draft.put('session.maxLifetime', lifetime)
  }
  const refresh = draft.duration('cookie_refresh')
  if (refresh === '0') {
    draft.lose(
      'cookie_refresh',
      'Sessions are re-checked every 5 minutes if the provider issues a refresh token (session.revalidateEvery).',
      false,
    )
  } else if (refresh !== undefined) {
    draft.put('session.revalidateEvery', refresh)
  }
}

const WITH_PASSWORD =
  'Set GATEWAY_SESSION_STORE to this address with user name and password (redis://USER:PASSWORD@…; ?sentinelPassword=… for sentinels), from a Secret.'

const REDIS_OPTIONS = [
  'redis_connection_url',
  'redis_username',
  'redis_password',
  'redis_use_sentinel',
  'redis_sentinel_master_name',
  'redis_sentinel_connection_urls',
  'redis_sentinel_password',
  'redis_ca_path',
]

function convertStore(draft: Draft): void {
  const type = draft.text('session_store_type') ?? 'cookie'
  if (type !== 'redis') {
    if (type !== 'cookie')
      draft.lose('session_store_type', 'It is not a kind of store. Set session.store.')
    draft.loseWithoutEffect(REDIS_OPTIONS, 'It has no effect without the session store type redis.')
    draft.put(
      'session.store',
      'memory',
      'Sessions end when the gateway restarts. Else: sqlite:PATH, or Redis.',
    )
    return
  }
  const caFile = draft.text('redis_ca_path')
  if (caFile !== undefined) draft.put('session.storeCaFile', caFile)
  const { address, hasSecret } = draft.flag('redis_use_sentinel') ? sentinels(draft) : redis(draft)
  if (address === undefined || !parseStoreAddress(address).ok) {
    draft.put('session.store', 'memory', 'Set the address of Redis here.')
    draft.miss(
      'session.store',
      'Set it to redis://HOST:PORT, or to redis+sentinel://HOST:PORT,HOST:PORT/MASTER.',
    )
    return
  }
  draft.put('session.store', address, hasSecret ? WITH_PASSWORD : undefined)
  if (hasSecret) draft.hint('session.store', WITH_PASSWORD)
}

interface Store {
  /** Without user name and password. */
  readonly address: string | undefined
  readonly hasSecret: boolean
}

function redis(draft: Draft): Store {
  const url = URL.parse(draft.text('redis_connection_url') ?? '')
  const isGivenApart = takeCredentials(draft)
  if (url === null || !/^rediss?:$/.test(url.protocol))
    return { address: undefined, hasSecret: isGivenApart }
  const hasSecret = isGivenApart || url.username !== '' || url.password !== ''
  return { address: `${url.protocol}//${url.host}${url.pathname.replace(/^\/$/, '')}`, hasSecret }
}

function sentinels(draft: Draft): Store {
  const urls = draft.list('redis_sentinel_connection_urls').map((written) => URL.parse(written))
  const master = draft.text('redis_sentinel_master_name')
  draft.take('redis_connection_url')
  const hasSentinelPassword = draft.take('redis_sentinel_password')
  const hasSecret =
    takeCredentials(draft) ||
    hasSentinelPassword ||
    urls.some((url) => url !== null && (url.username !== '' || url.password !== ''))
  const isTls = urls.some((url) => url?.protocol === 'rediss:')
  const hosts = urls.flatMap((url) => url?.host ?? []).filter((host) => host !== '')
  if (hosts.length === 0 || master === undefined) return { address: undefined, hasSecret }
  const scheme = isTls ? 'rediss+sentinel' : 'redis+sentinel'
  return { address: `${scheme}://${hosts.join(',')}/${encodeURIComponent(master)}`, hasSecret }
}

function takeCredentials(draft: Draft): boolean {
  return [draft.take('redis_username'), draft.take('redis_password')].includes(true)
}
