// What `oauth2proxy.provider` makes of the settings for sign-in.

import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { MINIMAL, template } from './support/helm.ts'
import { ofKind, parseObjects } from './support/objects.ts'

interface SignIn {
  readonly issuer: string
  readonly scopes: string
  readonly emailVerified?: string
  readonly authorizationParams?: object
}

async function signInOf(oauth2proxy: object): Promise<SignIn> {
  const { code, stdout, stderr } = await template({ values: [MINIMAL], set: { oauth2proxy } })
  expect(code, stderr).toBe(0)
  const [settings] = ofKind<IConfigMap>(parseObjects(stdout), 'ConfigMap').flatMap(
    ({ data }) => data?.['gateway.yaml'] ?? [],
  )
  return (parse(settings ?? '') as { oidc: SignIn }).oidc
}

it.each([
  ['oidc', 'https://login.example.com', 'openid profile email'],
  ['keycloak', 'https://login.example.com/realms/staff', 'openid profile email'],
  [
    'entra',
    'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
    'openid profile email offline_access',
  ],
  ['okta', 'https://example.okta.com', 'openid profile email groups offline_access'],
  ['okta', 'https://example.okta.com/oauth2/default', 'openid profile email offline_access'],
  ['auth0', 'https://example.eu.auth0.com/', 'openid profile email offline_access'],
  ['gitlab', 'https://gitlab.com', 'openid profile email'],
  ['authentik', 'https://a.example.com/application/o/desk/', 'openid profile email offline_access'],
])('%s at %s is asked for what it knows', async (provider, issuer, scopes) => {
  expect(await signInOf({ provider, issuer })).toMatchObject({ issuer, scopes })
})

it('scopes that are given win', async () => {
  const issuer = 'https://example.okta.com/oauth2/default'
  const scopes = 'openid email'
  expect(await signInOf({ provider: 'okta', issuer, scopes })).toMatchObject({ scopes })
})

it('what is given to Google is added to what it needs', async () => {
  const { issuer, authorizationParams, scopes } = await signInOf({
    provider: 'google',
    issuer: '',
    allowed: { groups: [], emailDomains: ['example.com'] },
    authorizationParams: { hd: 'example.com' },
  })
  expect(issuer).toBe('https://accounts.google.com')
  expect(scopes).not.toContain('offline_access')
  expect(authorizationParams).toEqual({
    access_type: 'offline',
    prompt: 'consent',
    hd: 'example.com',
  })
})
