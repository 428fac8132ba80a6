// `oidc:` The OpenID Provider, and the client that the gateway is registered as.

import type * as z from 'zod'

import { choice, line, map } from './leaf.ts'
import { byDefault, optional, required } from './setting.ts'
import { authorizationParams, scopes } from './sign-in-leaves.ts'
import { issuer } from './web-leaves.ts'
import type { WrittenSettings } from './written-settings.ts'

export const oidcSchema: z.ZodType<WrittenSettings['oidc']> = map({
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
    meaning: 'File with the PEM private key that signs the assertion of `private_key_jwt`.',
  }),
  scopes: byDefault(scopes, 'openid profile email', {
    env: 'GATEWAY_OIDC_SCOPES',
    meaning:
      'Scopes to request, separated by spaces; `openid` is required. Add `offline_access` if the provider issues no refresh token without it (`session.revalidateEvery` needs one). Google refuses that scope: set `access_type: offline` in `oidc.authorizationParams` instead.',
  }),
  authorizationParams: optional(authorizationParams, 'none', {
    env: undefined,
    meaning:
      'Map of parameters added to the authorization request, such as `access_type`, `prompt`, `acr_values`, `hd`, `max_age`. Parameters that the gateway sets itself are refused.',
  }),
  groupsClaim: byDefault(line, 'groups', {
    env: 'GATEWAY_OIDC_GROUPS_CLAIM',
    meaning:
      'Claim that contains the groups. A dotted path such as `realm_access.roles` names a nested claim.',
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
})
