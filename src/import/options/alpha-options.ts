// What only the alpha configuration has. All its other fields stand for options of the command line.

import { becomes, none, type Option } from './option.ts'

const IDENTITY_HEADERS =
  "The gateway builds the desktop's request and adds no identity. For another proxy, `/oauth2/auth` answers with `X-Auth-Request-…` headers."

export const ALPHA_OPTIONS: readonly Option[] = [
  becomes(
    'oidc.authorizationParams',
    'providers.loginURLParameters',
    'list',
    'The first default value of each parameter, such as `hd`.',
    { key: 'providers.loginURLParameters' },
  ),
  none(
    'providers.loginURLParameters.allow',
    'text',
    'A browser may choose `prompt=login` and `prompt=select_account` (`/oauth2/start`), no other parameter. A parameter has one value.',
  ),
  none('providers.id', 'text', 'Only a list of providers needs names (`oidc[].name`).', {
    builtIn: ['*'],
  }),
  none(
    'providers.further',
    'text',
    'oauth2-proxy uses the first provider only, and so does the importer. For more, write a list of providers in `oidc`.',
  ),
  none(
    'providers.additionalClaims',
    'list',
    'A rule may name any claim (`match.claims`) without further settings; no claim is passed on.',
    { key: 'providers.additionalClaims' },
  ),
  none('providers.ADFSConfig.skipScope', 'flag', 'Set `oidc.scopes`.', {
    builtIn: ['false'],
    key: 'providers.ADFSConfig.skipScope',
  }),
  none(
    'server.tls.value',
    'text',
    'A certificate or a key in the configuration or in a variable. Put it into a file, and set `tls.certFile` and `tls.keyFile`.',
    { isSecret: true, restricts: true },
  ),
  none('injectRequestHeaders', 'text', IDENTITY_HEADERS),
  none('injectResponseHeaders', 'text', IDENTITY_HEADERS),
  none(
    'upstreamConfig.proxyRawPath',
    'flag',
    'The gateway decides on one canonical path and forwards that one.',
    { builtIn: ['false'] },
  ),
  none(
    'upstreams.rewriteTarget',
    'text',
    'Paths are not rewritten, except that `desktop.routes[].stripPrefix` removes the path of the route.',
    { key: 'upstreams.rewriteTarget' },
  ),
]
