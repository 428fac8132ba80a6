// Options about the provider and the sign-in.

import { becomes, none, type Option } from './option.ts'

const ENDPOINT = 'Needed only where the address differs from the one in the discovery document.'

export const PROVIDER_OPTIONS: readonly Option[] = [
  becomes(
    ['oidc.preset', 'oidc.kind'],
    'provider',
    'text',
    '`keycloak` and `keycloak-oidc` become the preset `keycloak`; `azure` and `entra-id` become `entra`; `google`, `gitlab` and `github` keep their names; `oidc`, `adfs`, `cidaas` and `login.gov` need the issuer only. The others (`bitbucket`, `digitalocean`, `facebook`, `linkedin`, `nextcloud`, `sourcehut`) are not supported: put Dex or Keycloak in front of them.',
  ),
  becomes(
    'oidc.label',
    'provider-display-name',
    'text',
    'It is shown only when there are several providers.',
  ),
  becomes('oidc.clientId', 'client-id', 'text'),
  becomes(
    'oidc.clientSecretFile',
    'client-secret',
    'text',
    'The importer never prints it. Put it into the file that the settings name.',
    { isSecret: true },
  ),
  becomes('oidc.clientSecretFile', 'client-secret-file', 'text'),
  becomes(
    'oidc.issuer',
    'oidc-issuer-url',
    'text',
    'It has to name one tenant. `https://sts.windows.net/TENANT/` becomes the v2.0 issuer of the tenant.',
  ),
  becomes(
    'oidc.issuer',
    'azure-tenant',
    'text',
    '`common`, `organizations` and `consumers` are refused: they let every tenant in.',
    { restricts: true },
  ),
  becomes('oidc.scopes', 'scope', 'text', '`openid` is added if it is missing.'),
  becomes('oidc.groupsClaim', 'oidc-groups-claim', 'text', '', { builtIn: ['groups'] }),
  none(
    'oidc-email-claim',
    'text',
    'The address is the claim `email`. Let the provider send the address there, or write a rule for your claim with `match.claims`.',
    { builtIn: ['email'], restricts: true },
  ),
  none(
    'user-id-claim',
    'text',
    'A person is always known by issuer and subject, and the address is the claim `email`.',
    { builtIn: ['email'], restricts: true },
  ),
  none(
    'oidc-audience-claim',
    'list',
    'The ID token always has to name the client in `aud` (OpenID Connect Core 3.1.3.7).',
    { builtIn: ['aud'] },
  ),
  none(
    'oidc-extra-audience',
    'list',
    'The gateway accepts only ID tokens for its own client. Only `skip-jwt-bearer-tokens` needs more.',
  ),
  none(
    'oidc-enabled-signing-alg',
    'list',
    'The gateway takes the asymmetric algorithms of the discovery document; it never accepts `none` or `HS256`. Restrict them at the provider.',
    { restricts: true },
  ),
  none(
    'oidc-public-key-file',
    'list',
    "The gateway reads the provider's keys from its JWKS address and has no setting for keys in files. Use `oidc.caFile` to trust only a CA of your own.",
    { restricts: true },
  ),
  none(
    'skip-oidc-discovery',
    'flag',
    'The gateway always reads the discovery document of the issuer. `oidc.endpoints` replaces single addresses in it.',
    { builtIn: ['false'] },
  ),
  becomes('oidc.endpoints.authorization', 'login-url', 'text', ENDPOINT),
  becomes('oidc.endpoints.token', 'redeem-url', 'text', ENDPOINT),
  becomes('oidc.endpoints.userinfo', 'profile-url', 'text', ENDPOINT),
  becomes('oidc.endpoints.jwks', 'oidc-jwks-url', 'text', ENDPOINT),
  none(
    'validate-url',
    'text',
    'The gateway validates the ID token itself, and asks again with the refresh token (`session.revalidateEvery`).',
  ),
  none(
    'backend-logout-url',
    'text',
    "Sign-out redirects the browser to the provider's end-session address (RP-Initiated Logout), which ends the session there.",
  ),
  none(
    'skip-claims-from-profile-url',
    'flag',
    'The gateway asks userinfo only for what a rule needs and the ID token lacks.',
    { builtIn: ['false'] },
  ),
  none(
    'insecure-oidc-skip-issuer-verification',
    'flag',
    'The issuer is always verified. Set `oidc.issuer` to the issuer that the provider sends.',
    { builtIn: ['false'] },
  ),
  none('insecure-oidc-skip-nonce', 'flag', 'The nonce is always verified.', {
    builtIn: ['false'],
  }),
  becomes(
    'oidc.emailVerified',
    'insecure-oidc-allow-unverified-email',
    'flag',
    '`true` becomes `assumed`. Without it, rules for addresses match only if `email_verified` is true; oauth2-proxy also accepts a token without that claim.',
    { builtIn: ['false'] },
  ),
  none('code-challenge-method', 'text', 'PKCE with S256 is always used.', { builtIn: ['S256'] }),
  none('force-code-challenge-method', 'text', 'PKCE with S256 is always used.', {
    builtIn: ['S256'],
  }),
  none(
    'auth-request-response-mode',
    'text',
    'The gateway chooses the response mode itself, because its callback depends on it.',
    { builtIn: ['query'] },
  ),
  becomes('oidc.authorizationParams.acr_values', 'acr-values', 'text'),
  becomes('oidc.authorizationParams.prompt', 'prompt', 'text'),
  none(
    'approval-prompt',
    'text',
    'It is older than OpenID Connect. Set `prompt` in `oidc.authorizationParams`; the preset `google` sets `prompt: consent`.',
  ),
  none(
    'resource',
    'text',
    'The v2.0 endpoints of Entra refuse this parameter. The gateway needs no token for another service.',
  ),
  none(
    'azure-graph-group-field',
    'text',
    'The gateway does not ask Microsoft Graph. Groups are those of the token, as object ids: name the ids in the rules.',
    { builtIn: ['id'] },
  ),
  none(
    'entra-id-federated-token-auth',
    'flag',
    'A federated token is not supported. Register a client secret, or a key for `oidc.clientAuth: private_key_jwt`.',
    { builtIn: ['false'] },
  ),
  becomes(
    ['oidc.clientAuth', 'oidc.privateKeyFile'],
    'jwt-key',
    'text',
    'For login.gov. The importer never prints it. Put it into the file that the settings name.',
    { isSecret: true },
  ),
  becomes(['oidc.clientAuth', 'oidc.privateKeyFile'], 'jwt-key-file', 'text', 'For login.gov.'),
  none('pubjwk-url', 'text', 'The addresses come from the discovery document of the issuer.'),
  becomes(
    'oidc.caFile',
    'provider-ca-file',
    'list',
    'The gateway trusts it in addition to the system roots; oauth2-proxy trusts it alone, unless `use-system-trust-store` is set. Several files have to be joined into one.',
    { restricts: true },
  ),
  none('use-system-trust-store', 'flag', 'The gateway always trusts the system roots too.', {
    builtIn: ['true', 'false'],
  }),
  none(
    'ssl-insecure-skip-verify',
    'flag',
    "The provider's certificate is always verified. Set `oidc.caFile` to its CA.",
    { builtIn: ['false'] },
  ),
  none(
    'skip-provider-button',
    'flag',
    'A first visit always goes to the provider at once. The sign-in page appears after a session has ended, and for a choice between several providers.',
    { builtIn: ['true', 'false'] },
  ),
  none('encode-state', 'flag', 'The gateway makes a random state that needs no encoding.', {
    builtIn: ['false'],
  }),
]
