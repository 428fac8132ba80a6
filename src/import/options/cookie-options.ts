// Options about cookies and sessions.

import { becomes, none, type Option } from './option.ts'

const OF_ITS_OWN = 'Each sign-in attempt has a cookie of its own, which ends with the attempt.'

export const COOKIE_OPTIONS: readonly Option[] = [
  becomes(
    'session.secretFile',
    'cookie-secret',
    'text',
    'It is not used again: make a new secret of at least 32 bytes (`openssl rand -base64 32`). Everybody signs in once more.',
    { isSecret: true },
  ),
  becomes(
    'session.secretFile',
    'cookie-secret-file',
    'text',
    'It is not used again: make a new secret of at least 32 bytes (`openssl rand -base64 32`). Everybody signs in once more.',
  ),
  becomes(
    'session.maxLifetime',
    'cookie-expire',
    'duration',
    'It counts from the sign-in, whatever happens; oauth2-proxy counts from the last refresh. The default is `12h` instead of 168 h. `0` has no counterpart.',
  ),
  becomes(
    'session.revalidateEvery',
    'cookie-refresh',
    'duration',
    'It needs a refresh token, as in oauth2-proxy. The default is `5m` instead of never.',
  ),
  none(
    'cookie-name',
    'text',
    'The name is `__Host-ghostwire`; on http loopback it contains the port.',
  ),
  none(
    'cookie-domain',
    'list',
    'The cookie is for the host of `publicUrl` alone (`__Host-`), so that no other host can read or plant it. Each gateway has its own sign-in.',
  ),
  none('cookie-path', 'text', 'The cookie is for the whole origin, which is the desktop’s.', {
    builtIn: ['/'],
    restricts: true,
  }),
  none('cookie-secure', 'flag', 'The cookie is always Secure when `publicUrl` is https.', {
    builtIn: ['true'],
  }),
  none('cookie-httponly', 'flag', 'The cookie is always HttpOnly.', { builtIn: ['true'] }),
  none(
    'cookie-samesite',
    'text',
    'The cookie is always SameSite=Lax. In addition, a WebSocket or a change is accepted from the public origin only.',
    { builtIn: ['lax', ''], restricts: ['strict'] },
  ),
  none('cookie-csrf-expire', 'duration', OF_ITS_OWN),
  none('cookie-csrf-per-request', 'flag', OF_ITS_OWN, { builtIn: ['true', 'false'] }),
  none('cookie-csrf-per-request-limit', 'number', 'The gateway bounds these cookies by itself.'),
  none(
    'cookie-csrf-samesite',
    'text',
    'The cookie of a sign-in attempt is SameSite=Lax, since the provider sends the browser back from another site.',
    { builtIn: ['lax', ''], restricts: ['strict'] },
  ),
  becomes(
    'session.store',
    'session-store-type',
    'text',
    '`redis` becomes the address of Redis. `cookie` becomes `memory`: no session is kept in a cookie, because it could not be ended. For restarts use `sqlite:PATH`, for several replicas Redis.',
  ),
  none('session-cookie-minimal', 'flag', 'No session is kept in a cookie.', {
    builtIn: ['true', 'false'],
  }),
  becomes(
    'session.store',
    'redis-connection-url',
    'text',
    'The importer leaves its password out. Set `GATEWAY_SESSION_STORE` to the address with the password, from a Secret.',
  ),
  becomes(
    'session.store',
    'redis-username',
    'text',
    'It goes into the address, before the password.',
  ),
  becomes(
    'session.store',
    'redis-password',
    'text',
    'The importer never prints it. Set `GATEWAY_SESSION_STORE` to the address with the password, from a Secret.',
    { isSecret: true },
  ),
  becomes('session.store', 'redis-use-sentinel', 'flag', 'Becomes `redis+sentinel://…`.', {
    builtIn: ['false'],
  }),
  becomes('session.store', 'redis-sentinel-master-name', 'text'),
  becomes('session.store', 'redis-sentinel-connection-urls', 'list'),
  becomes(
    'session.store',
    'redis-sentinel-password',
    'text',
    'The importer never prints it. It is `?sentinelPassword=…` at the end of the address.',
    { isSecret: true },
  ),
  none(
    'redis-use-cluster',
    'flag',
    'A Redis cluster is not supported. Use one Redis, or several with sentinels.',
    { builtIn: ['false'] },
  ),
  none(
    'redis-cluster-connection-urls',
    'list',
    'A Redis cluster is not supported. Use one Redis, or several with sentinels.',
  ),
  becomes('session.storeCaFile', 'redis-ca-path', 'text'),
  none(
    'redis-insecure-skip-tls-verify',
    'flag',
    'The certificate is always verified. Set `session.storeCaFile` to its CA.',
    { builtIn: ['false'] },
  ),
  none(
    'redis-connection-idle-timeout',
    'number',
    'The gateway keeps its connection and opens a new one when Redis closes it.',
  ),
]
