// Options about the listeners, the proxies in front, and probes.

import { becomes, none, type Option } from './option.ts'

const ADMIN_WITHOUT_TLS =
  'The admin listener speaks plain HTTP. Bind it to loopback or allow only the scraper by a network policy.'

export const SERVER_OPTIONS: readonly Option[] = [
  becomes(
    'publicUrl',
    'redirect-url',
    'text',
    'Its origin becomes `publicUrl`; the redirect address is always `/oauth2/callback` there. Plain http is accepted on loopback only.',
  ),
  none(
    'relative-redirect-url',
    'flag',
    'The redirect address is absolute. A navigation to another host is sent to `publicUrl` first.',
    { builtIn: ['false'] },
  ),
  none(
    'proxy-prefix',
    'text',
    "The gateway's own paths are always below `/oauth2/`. Change the redirect address at the provider and the snippets of the ingress.",
    { builtIn: ['/oauth2'] },
  ),
  becomes(
    'listen',
    'http-address',
    'text',
    'The importer keeps the default of oauth2-proxy, `127.0.0.1:4180`. A Unix socket or a file descriptor has no counterpart.',
  ),
  becomes(
    'listen',
    'https-address',
    'text',
    'It counts only with a certificate. The gateway has one public listener: HTTPS with a certificate, else HTTP.',
  ),
  becomes('tls.certFile', 'tls-cert-file', 'text'),
  becomes('tls.keyFile', 'tls-key-file', 'text'),
  none(
    'tls-min-version',
    'text',
    'The gateway accepts TLS 1.2 and later. Start it with `NODE_OPTIONS=--tls-min-v1.3`, or let the ingress end TLS.',
    { builtIn: ['TLS1.2'], restricts: true },
  ),
  none(
    'tls-cipher-suite',
    'list',
    'There is no setting. Start the gateway with `NODE_OPTIONS=--tls-cipher-list=…` (names of OpenSSL), or let the ingress end TLS.',
    { restricts: true },
  ),
  becomes(
    'adminListen',
    'metrics-address',
    'text',
    'The admin listener has the metrics, health and the admin API.',
  ),
  none('metrics-secure-address', 'text', ADMIN_WITHOUT_TLS, { restricts: true }),
  none('metrics-tls-cert-file', 'text', ADMIN_WITHOUT_TLS, { restricts: true }),
  none('metrics-tls-key-file', 'text', ADMIN_WITHOUT_TLS, { restricts: true }),
  becomes(
    'trustedProxies',
    'reverse-proxy',
    'flag',
    'The gateway trusts only proxies that `trustedProxies` names. Without `trusted-proxy-ip` oauth2-proxy trusts everybody, so name your proxies.',
    { builtIn: ['false'] },
  ),
  becomes(
    'trustedProxies',
    'trusted-proxy-ip',
    'list',
    'Only `X-Forwarded-For` is read. Networks that contain every address are left out.',
  ),
  none(
    'real-client-ip-header',
    'text',
    'The gateway reads `X-Forwarded-For` only, from the right. Let the proxy send it.',
    { builtIn: ['X-Forwarded-For'] },
  ),
  none(
    'force-https',
    'flag',
    'Let the ingress redirect to https. `publicUrl` is https, and cookies are Secure.',
    { builtIn: ['false'], restricts: true },
  ),
  none(
    'whitelist-domain',
    'list',
    'After a sign-in the gateway returns to a path of its own origin only.',
  ),
  none('allow-query-semicolons', 'flag', 'Semicolons in a query go to the desktop as they are.', {
    builtIn: ['true', 'false'],
  }),
  none(
    'force-json-errors',
    'flag',
    'A navigation gets a page and everything else JSON; there is no setting.',
    { builtIn: ['false'] },
  ),
  none('signature-key', 'text', 'The desktop verifies no signature on requests.', {
    isSecret: true,
    restricts: true,
  }),
  none('ping-path', 'text', 'Health is on the admin listener: `/healthz`. Point the probe there.'),
  none('ping-user-agent', 'text', 'Health is on the admin listener: `/healthz`.'),
  none(
    'ready-path',
    'text',
    'Readiness is on the admin listener: `/readyz`. Point the probe there.',
  ),
  none('gcp-healthchecks', 'flag', 'Point the health check at `/readyz` on the admin listener.', {
    builtIn: ['false'],
  }),
  none('config', 'text', 'Give that file to the importer too, as a further FILE.', {
    restricts: true,
  }),
  none('alpha-config', 'text', 'Give that file to the importer too, as a further FILE.', {
    restricts: true,
  }),
  none('config-test', 'flag', '`--check-config` checks the settings.', {
    builtIn: ['true', 'false'],
  }),
  none('convert-config-to-alpha', 'flag', 'There is one form of the settings only.', {
    builtIn: ['true', 'false'],
  }),
  none('version', 'flag', '`--version` prints the version.', { builtIn: ['true', 'false'] }),
]
