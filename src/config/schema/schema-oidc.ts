// `oidc:` The OpenID Provider, and the client that the gateway is registered as.

import type * as z from 'zod'

import { choice, line, map } from './leaf.ts'
import { byDefault, optional, required } from './setting.ts'
import { PRESET_NAMES } from '../presets.ts'
import { authorizationParams, graph, providerName, scopes } from './sign-in-leaves.ts'
import { issuer, providerUrl, proxy } from './web-leaves.ts'
import type { WrittenProvider } from './written-settings.ts'

function endpoint(what: string): z.ZodOptional<z.ZodType<URL>> {
  return optional(providerUrl, 'as in the discovery document', {
    env: undefined,
    meaning: `Address of ${what}. It replaces the one in the discovery document; \`oidc.issuer\` stays what tokens name.`,
  })
}

export const oidcSchema: z.ZodType<WrittenProvider> = map({
  preset: optional(choice(...PRESET_NAMES), 'none', {
    env: 'GATEWAY_OIDC_PRESET',
    meaning:
      'Provider whose particular settings are filled in: `keycloak`, `entra`, `google`, `okta`, `auth0`, `gitlab`, `gitea`, `authentik`, `authelia`, `dex` or `hydra` ([providers](providers/README.md)). A setting that you give wins over the preset.',
  }),
  name: optional(providerName, 'the preset, else `oidc`', {
    env: undefined,
    meaning:
      'Name of this provider in rules (`match: {provider: [staff]}`), metrics and the log. In a list of providers it is also the end of the redirect address.',
  }),
  label: optional(line, "the preset's, else the host of the issuer", {
    env: undefined,
    meaning: 'What the sign-in page calls this provider, when there are several.',
  }),
  issuer: required(issuer, {
    env: 'GATEWAY_OIDC_ISSUER',
    meaning:
      'Issuer URL of the OpenID Provider, where discovery starts: https, or http on loopback. It must name one tenant; templated and multi-tenant issuers are refused.',
  }),
  clientId: required(line, {
    env: 'GATEWAY_OIDC_CLIENT_ID',
    meaning: 'Client ID that the gateway is registered with at the provider.',
  }),
  clientSecret: optional(line, 'none', {
    env: 'GATEWAY_OIDC_CLIENT_SECRET',
    secret: true,
    meaning: 'Client secret.',
  }),
  clientAuth: optional(
    choice('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'),
    'by discovery',
    {
      env: 'GATEWAY_OIDC_CLIENT_AUTH',
      meaning:
        'Client authentication method: `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`.',
    },
  ),
  privateKeyFile: optional(line, 'none', {
    env: 'GATEWAY_OIDC_PRIVATE_KEY_FILE',
    meaning:
      'File with the PEM private key that signs the assertion of `private_key_jwt`. If the file also has its certificate, the assertion names it (`x5t#S256`), as Entra requires.',
  }),
  privateKeyId: optional(line, 'none', {
    env: 'GATEWAY_OIDC_PRIVATE_KEY_ID',
    meaning:
      'Key ID (`kid`) in the assertion, for providers that know several keys of this client.',
  }),
  federatedTokenFile: optional(line, 'none', {
    env: 'GATEWAY_OIDC_FEDERATED_TOKEN_FILE',
    meaning:
      'File with a token that is used as the client assertion in place of a secret or key, such as the service account token of Kubernetes (Entra: workload identity federation). It is read again for each request.',
  }),
  scopes: byDefault(scopes, 'openid profile email', {
    env: 'GATEWAY_OIDC_SCOPES',
    meaning:
      'Scopes to request, separated by spaces; `openid` is required. Add `offline_access` if the provider issues no refresh token without it (`session.revalidateEvery` needs one). Google refuses that scope: set `access_type: offline` in `oidc.authorizationParams` instead.',
  }),
  authorizationParams: optional(authorizationParams, 'none', {
    env: undefined,
    meaning:
      'Map of parameters added to the authorization request, such as `access_type`, `prompt`, `acr_values`, `hd`, `max_age`. An empty text removes a parameter of the preset. Parameters that the gateway sets itself are refused. With `hd`, only people of that Google organisation can sign in.',
  }),
  groupsClaim: byDefault(line, 'groups', {
    env: 'GATEWAY_OIDC_GROUPS_CLAIM',
    meaning:
      'Claim that contains the groups. A dotted path such as `realm_access.roles` names a nested claim.',
  }),
  groupsSeparator: optional(choice('comma', 'space'), 'none: a text is one group', {
    env: 'GATEWAY_OIDC_GROUPS_SEPARATOR',
    meaning:
      'Splits a groups claim that is one text: `comma` or `space`. Only for providers whose group names cannot contain that character, because a group "Helpdesk Admins" would otherwise match a rule for "Admins".',
  }),
  groupsFromGraph: byDefault(graph, 'false', {
    env: 'GATEWAY_OIDC_GROUPS_FROM_GRAPH',
    meaning:
      'Entra only: ask Microsoft Graph for the groups of people who are in more groups than fit into a token. `true`, or the origin of Graph. With the preset `entra` the gateway then also asks for the scope `User.Read`.',
  }),
  emailVerified: byDefault(choice('required', 'assumed'), 'required', {
    env: 'GATEWAY_OIDC_EMAIL_VERIFIED',
    meaning:
      'Whether rules for e-mail addresses and domains require the claim `email_verified`. `required`: they match only when it is true. `assumed`: they match without it, for providers that do not send it.',
  }),
  caFile: optional(line, 'system roots', {
    env: 'GATEWAY_OIDC_CA_FILE',
    meaning:
      'File with PEM certificates that are trusted for the provider, in addition to the system roots.',
  }),
  endpoints: map({
    discovery: endpoint(
      'the discovery document, if the issuer itself cannot be reached from the gateway',
    ),
    authorization: endpoint('the page where people sign in, as their browsers reach it'),
    token: endpoint('the token endpoint'),
    userinfo: endpoint('the userinfo endpoint'),
    jwks: endpoint('the signing keys'),
    endSession: endpoint('the sign-out page, as browsers reach it'),
  }).prefault({}),
  proxy: optional(proxy, '`HTTPS_PROXY` and `NO_PROXY`', {
    env: 'GATEWAY_OIDC_PROXY',
    secret: true,
    meaning:
      'Forward proxy for requests to the provider, such as `http://proxy.example.com:3128`, with user name and password if it needs them; `none` for no proxy. Without this setting, the variables `HTTPS_PROXY` and `NO_PROXY` count for issuers with https. The desktop and the store are never reached through a proxy.',
  }),
})
