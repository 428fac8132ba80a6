// Options about the upstreams, and the headers that they get.

import { becomes, none, type Option } from './option.ts'

const BUILT_BY_THE_GATEWAY =
  "The gateway builds the desktop's request itself and adds no identity: KasmVNC reads none. Another proxy gets the identity from `/oauth2/auth`."
const NO_TOKENS = 'The gateway gives its tokens to nobody.'

export const UPSTREAM_OPTIONS: readonly Option[] = [
  becomes(
    ['desktop.url', 'desktop.routes'],
    'upstream',
    'list',
    'The upstream for `/` becomes the desktop; others whose path ends with a slash become routes. `file://`, `unix://`, `static://` and single paths have no counterpart: one gateway serves one desktop.',
  ),
  becomes(
    ['desktop.tls.insecure', 'desktop.routes'],
    'ssl-upstream-insecure-skip-verify',
    'flag',
    'Better: `desktop.tls.fingerprint` or `desktop.tls.caFile`.',
    { builtIn: ['false'] },
  ),
  none('pass-host-header', 'flag', 'The gateway builds the request to the desktop itself.', {
    builtIn: ['true', 'false'],
  }),
  none(
    'proxy-websockets',
    'flag',
    'The desktop is a WebSocket, so this cannot be turned off. A request over it is checked like any other.',
    { builtIn: ['true'], restricts: true },
  ),
  none('flush-interval', 'duration', 'The gateway passes everything on at once.'),
  none(
    'upstream-timeout',
    'duration',
    'Time-outs towards the desktop are built in, and a stream has none.',
  ),
  none('disable-keep-alives', 'flag', 'Each request to the desktop has a connection of its own.', {
    builtIn: ['true'],
  }),
  none(
    'basic-auth-password',
    'text',
    'KasmVNC wants a user of its own instead of the person’s name. Set `desktop.username` and `desktop.passwordFile`.',
    { isSecret: true },
  ),
  none(
    'pass-basic-auth',
    'flag',
    'The gateway sends the Basic credentials of the desktop: `desktop.username`, `desktop.passwordFile`.',
    { builtIn: ['true', 'false'] },
  ),
  none('pass-user-headers', 'flag', BUILT_BY_THE_GATEWAY, { builtIn: ['false'] }),
  none('pass-access-token', 'flag', NO_TOKENS, { builtIn: ['false'] }),
  none('pass-authorization-header', 'flag', NO_TOKENS, { builtIn: ['false'] }),
  none('prefer-email-to-user', 'flag', BUILT_BY_THE_GATEWAY, { builtIn: ['false'] }),
  none(
    'set-xauthrequest',
    'flag',
    '`/oauth2/auth` always answers with the `X-Auth-Request-…` headers, which replace this option.',
    { builtIn: ['true', 'false'] },
  ),
  none('set-authorization-header', 'flag', NO_TOKENS, { builtIn: ['false'] }),
  none('set-basic-auth', 'flag', '`/oauth2/auth` answers with `X-Auth-Request-…` headers only.', {
    builtIn: ['false'],
  }),
  none(
    'skip-auth-strip-headers',
    'flag',
    'No header of a client reaches the desktop, except a short list that the gateway knows.',
    { builtIn: ['true'] },
  ),
]
