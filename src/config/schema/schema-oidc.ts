// `oidc:` The OpenID Provider and the client the gateway is there.

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
      'Issuer of the OpenID Provider, where discovery starts; https, or http on loopback. It names one tenant: templated and multi-tenant issuers are refused.',
  }),
  clientId: required(line, {
    env: 'GATEWAY_OIDC_CLIENT_ID',
    meaning: 'Client the gateway is registered as at the provider.',
  }),
  clientSecret: optional(line, 'none', {
    env: 'GATEWAY_OIDC_CLIENT_SECRET',
    secret: true,
    meaning: 'Secret of that client.',
  }),
  clientAuth: optional(
    choice('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'),
    'by discovery',
    {
      env: 'GATEWAY_OIDC_CLIENT_AUTH',
      meaning:
        'How the client proves itself: `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`.',
    },
  ),
  privateKeyFile: optional(line, 'none', {
    env: 'GATEWAY_OIDC_PRIVATE_KEY_FILE',
    meaning: 'PEM private key that signs the assertion of `private_key_jwt`.',
  }),
  scopes: byDefault(scopes, 'openid profile email', {
    env: 'GATEWAY_OIDC_SCOPES',
    meaning:
      'Scopes to ask for, separated by spaces, `openid` among them. Add `offline_access` where the provider gives no refresh token without it (`session.revalidateEvery` needs one); Google refuses it and wants `access_type: offline` in `oidc.authorizationParams`.',
  }),
  authorizationParams: optional(authorizationParams, 'none', {
    env: undefined,
    meaning:
      'Map added to the authorization request, such as `access_type`, `prompt`, `acr_values`, `hd`, `max_age`. Parameters the gateway sets itself are refused.',
  }),
  groupsClaim: byDefault(line, 'groups', {
    env: 'GATEWAY_OIDC_GROUPS_CLAIM',
    meaning: 'Claim that holds the groups; a dotted path reaches into nested claims.',
  }),
  emailVerified: byDefault(choice('required', 'assumed'), 'required', {
    env: 'GATEWAY_OIDC_EMAIL_VERIFIED',
    meaning:
      'E-mail rules count an address only when `email_verified` is true (`required`), or always (`assumed`, for providers that send no such claim).',
  }),
  caFile: optional(line, 'system roots', {
    env: 'GATEWAY_OIDC_CA_FILE',
    meaning: 'PEM certificates trusted for the provider beside the system roots.',
  }),
})
