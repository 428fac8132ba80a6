// What `oauth2proxy.provider` makes of the settings for sign-in, and what the gateway makes of them.

import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { PRESET_NAMES, PRESETS } from '../../src/config/presets.ts'
import { readFileSync } from 'node:fs'
import { MINIMAL, template } from './support/helm.ts'
import { ofKind, parseObjects } from './support/objects.ts'

const ISSUERS: Readonly<Record<string, string>> = {
  keycloak: 'https://login.example.com/realms/staff',
  entra: 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
  okta: 'https://example.okta.com/oauth2/default',
  auth0: 'https://example.eu.auth0.com/',
  authentik: 'https://a.example.com/application/o/desk/',
  github: 'https://git.example.com',
}

async function render(oauth2proxy: object) {
  return template({ values: [MINIMAL], set: { oauth2proxy } })
}

async function signInOf(oauth2proxy: object): Promise<object> {
  const { code, stdout, stderr } = await render(oauth2proxy)
  expect(code, stderr).toBe(0)
  const [settings] = ofKind<IConfigMap>(parseObjects(stdout), 'ConfigMap').flatMap(
    ({ data }) => data?.['gateway.yaml'] ?? [],
  )
  return (parse(settings ?? '') as { oidc: object }).oidc
}

it('the chart knows the presets of the gateway, and no others', () => {
  const known = parse(readFileSync('chart/providers.yaml', 'utf8')) as Record<
    string,
    { shape?: string; issuer?: string; noGroups?: string }
  >
  const { oidc: _, ...presets } = known
  expect(Object.keys(presets).sort()).toEqual([...PRESET_NAMES].sort())
  for (const name of PRESET_NAMES) {
    const { issuerForm, hasNoGroups, settings } = PRESETS[name]
    expect([name, presets[name]?.shape !== undefined]).toEqual([name, issuerForm !== undefined])
    expect([name, presets[name]?.noGroups !== undefined]).toEqual([name, hasNoGroups === true])
    expect([name, presets[name]?.issuer]).toEqual([name, settings({})['issuer']])
  }
})

it.each(PRESET_NAMES.filter((name) => name !== 'google'))(
  '%s is left to the gateway’s preset',
  async (provider) => {
    const issuer = ISSUERS[provider] ?? 'https://login.example.com'
    const signIn = await signInOf({ provider, issuer })
    expect(signIn).toMatchObject({ preset: provider, issuer })
    for (const key of ['scopes', 'groupsClaim', 'emailVerified', 'authorizationParams'])
      expect(signIn).not.toHaveProperty(key)
  },
)

it('oidc is no preset', async () => {
  expect(
    await signInOf({ provider: 'oidc', issuer: 'https://login.example.com' }),
  ).not.toHaveProperty('preset')
})

it('what is given is rendered', async () => {
  const given = {
    scopes: 'openid email',
    groupsClaim: 'roles',
    emailVerified: 'assumed',
    authorizationParams: { acr_values: 'gold' },
  }
  const issuer = 'https://login.example.com'
  expect(await signInOf({ provider: 'oidc', issuer, ...given })).toMatchObject(given)
})

describe('everybody at a provider where anybody can open an account', () => {
  const google = { provider: 'google', issuer: '' }
  const anyone = (value: unknown): object => ({ groups: [], anyone: value })

  it('is refused without its own word', async () => {
    const { code, stderr } = await render({ ...google, allowed: anyone(true) })
    expect(code).not.toBe(0)
    expect(stderr).toContain(
      'oauth2proxy.allowed.anyone: lets in everybody who can open an account',
    )
  })

  it.each([
    [{ ...google, allowed: anyone('everyone-at-google') }],
    [{ ...google, allowed: anyone(true), authorizationParams: { hd: 'example.com' } }],
  ])('is let in by %j', async (values) => {
    expect(await signInOf(values)).toMatchObject({ issuer: 'https://accounts.google.com' })
  })
})

describe('several providers', () => {
  const STAFF = {
    name: 'staff',
    label: 'Example Corp',
    issuer: 'https://login.example.com:8443',
    clientId: 'desk',
    existingSecret: 'staff-client',
    groupsFromGraph: true,
  }
  const GITHUB = {
    preset: 'github',
    clientId: 'gh',
    existingSecret: 'gh',
    existingSecretKey: 'key',
  }
  const SINGLE = { issuer: '', clientId: '', existingSecret: '', provider: 'oidc' }

  it('become the list of the gateway, with a file for each secret and a port for each issuer', async () => {
    const { code, stdout, stderr } = await render({ ...SINGLE, providers: [STAFF, GITHUB] })
    expect(code, stderr).toBe(0)
    const objects = parseObjects(stdout)
    const [settings] = ofKind<IConfigMap>(objects, 'ConfigMap').flatMap(
      ({ data }) => data?.['gateway.yaml'] ?? [],
    )
    expect(parse(settings ?? '')).toMatchObject({
      oidc: [
        {
          name: 'staff',
          label: 'Example Corp',
          issuer: 'https://login.example.com:8443',
          clientId: 'desk',
          clientSecretFile: '/run/secrets/ghostwire/client-secret-staff',
          groupsFromGraph: true,
        },
        { preset: 'github', clientSecretFile: '/run/secrets/ghostwire/client-secret-github' },
      ],
    })
    expect(settings).not.toContain('existingSecret')
    expect(stdout).toContain('client-secret-staff')
    expect(stdout).toMatch(/name: gh\n(.*\n){0,4}.*key: key/)
    expect(stdout).toContain('port: 8443')
  })

  it.each([
    [
      { ...SINGLE, clientId: 'desk', providers: [STAFF] },
      'oauth2proxy.clientId: is of a single provider',
    ],
    [
      { ...SINGLE, providers: [STAFF, STAFF] },
      'oauth2proxy.providers[1].name: must be set: another',
    ],
    [
      { ...SINGLE, providers: [{ ...STAFF, clientId: '' }] },
      'oauth2proxy.providers[0].clientId: must be set',
    ],
    [
      { ...SINGLE, providers: [{ ...STAFF, issuer: '' }] },
      'oauth2proxy.providers[0].issuer: must be set',
    ],
    [
      { ...SINGLE, providers: [{ ...STAFF, name: 'St aff' }] },
      'oauth2proxy.providers[0].name: must be',
    ],
    [{ ...SINGLE, providers: [{ ...STAFF, clientSecret: 'x' }] }, 'put it into a Secret'],
  ])('%# that cannot work are refused', async (oauth2proxy, words) => {
    const { code, stderr } = await render(oauth2proxy)
    expect(code).not.toBe(0)
    expect(stderr).toContain(words)
  })
})
