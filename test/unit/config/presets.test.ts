// What a preset fills in, what wins over it, and what it refuses.

import { describe, expect, it } from 'vitest'
import { PRESET_NAMES, PRESETS } from '../../../src/config/presets.ts'
import type { ProviderSettings } from '../../../src/config/config.ts'
import { COMPLETE, NO_RULES, problemsFrom, settingsFrom } from './loading.ts'

const ISSUERS: Readonly<Record<string, string>> = {
  keycloak: 'https://login.example.com/realms/staff',
  entra: 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
  google: 'https://accounts.google.com',
  okta: 'https://example.okta.com',
  auth0: 'https://example.eu.auth0.com/',
  gitlab: 'https://gitlab.com',
  gitea: 'https://git.example.com/',
  authentik: 'https://login.example.com/application/o/desk/',
  authelia: 'https://login.example.com',
  dex: 'https://dex.example.com/dex',
  hydra: 'https://hydra.example.com/',
}
/** Google sends no groups. */
const BY_EMAIL = { ...NO_RULES, GATEWAY_ALLOW_EMAILS: 'anna@example.com' }

function providerFor(preset: string, more: Readonly<Record<string, string>> = {}, yaml?: string) {
  const env = {
    ...BY_EMAIL,
    GATEWAY_OIDC_ISSUER: ISSUERS[preset],
    GATEWAY_OIDC_PRESET: preset,
    ...more,
  }
  return settingsFrom(env, yaml).providers[0] as ProviderSettings
}

it('every preset has an issuer here', () => {
  expect(Object.keys(ISSUERS).sort()).toEqual([...PRESET_NAMES].sort())
})

it.each([
  ['keycloak', 'openid profile email'],
  ['entra', 'openid profile email offline_access'],
  ['google', 'openid profile email'],
  ['okta', 'openid profile email groups offline_access'],
  ['auth0', 'openid profile email offline_access'],
  ['gitlab', 'openid profile email'],
  ['gitea', 'openid profile email groups'],
  ['authentik', 'openid profile email offline_access'],
  ['authelia', 'openid profile email groups offline_access'],
  ['dex', 'openid profile email groups offline_access'],
  ['hydra', 'openid profile email offline_access'],
])('%s is asked for the scopes %s', (preset, scopes) => {
  expect(providerFor(preset)).toMatchObject({ scopes, name: preset, preset })
})

it('a custom authorization server of Okta is not asked for groups, which it does not know', () => {
  const issuer = 'https://example.okta.com/oauth2/default'
  expect(providerFor('okta', { GATEWAY_OIDC_ISSUER: issuer }).scopes).toBe(
    'openid profile email offline_access',
  )
})

it('only Entra’s addresses count without `email_verified`', () => {
  const assumed = PRESET_NAMES.filter((name) => providerFor(name).emailVerified === 'assumed')
  expect(assumed).toEqual(['entra'])
})

it.each(['google', 'gitlab'])('%s has an issuer of its own', (preset) => {
  const env = { ...BY_EMAIL, GATEWAY_OIDC_ISSUER: undefined, GATEWAY_OIDC_PRESET: preset }
  const [provider] = settingsFrom(env).providers
  expect(provider?.issuer.href).toBe(new URL(ISSUERS[preset] ?? '').href)
})

describe('a setting that is given', () => {
  it('wins', () => {
    const given = { GATEWAY_OIDC_SCOPES: 'openid email', GATEWAY_OIDC_EMAIL_VERIFIED: 'required' }
    expect(providerFor('entra', given)).toMatchObject({
      scopes: 'openid email',
      emailVerified: 'required',
    })
  })

  it('is added to the parameters of the preset, or removes one', () => {
    const yaml = 'oidc: { authorizationParams: { hd: example.com, prompt: "" } }'
    expect(providerFor('google', {}, yaml).authorizationParams).toEqual({
      access_type: 'offline',
      hd: 'example.com',
    })
  })
})

describe('an issuer', () => {
  it.each(PRESET_NAMES.filter((name) => PRESETS[name].issuerForm !== undefined))(
    'that is none of %s’s is refused',
    (preset) => {
      const env = {
        ...BY_EMAIL,
        GATEWAY_OIDC_PRESET: preset,
        GATEWAY_OIDC_ISSUER: 'https://login.example.com/other/path',
      }
      const [problem, ...more] = problemsFrom(env)
      expect(more).toEqual([])
      expect(problem).toContain(`must be an issuer of ${preset}, `)
      expect(problem).toContain('; without GATEWAY_OIDC_PRESET (oidc.preset) every issuer')
    },
  )
})

it('rules by groups are refused at a provider that sends none', () => {
  const env = {
    ...COMPLETE,
    GATEWAY_OIDC_PRESET: 'google',
    GATEWAY_OIDC_ISSUER: ISSUERS['google'],
  }
  expect(problemsFrom(env)).toEqual([
    'GATEWAY_ALLOW_GROUPS (allowGroups): google sends no groups, so nobody would match; use e-mail addresses or domains',
  ])
})

describe('everybody', () => {
  const anyoneAt = (issuer: string, allowAnyone: string, yaml?: string): readonly string[] =>
    problemsFrom(
      { ...NO_RULES, GATEWAY_OIDC_ISSUER: issuer, GATEWAY_ALLOW_ANYONE: allowAnyone },
      yaml,
    )

  it.each([
    ['https://accounts.google.com', 'everyone-at-google'],
    ['https://gitlab.com', 'everyone-at-gitlab'],
    ['https://gitea.com/', 'everyone-at-gitea'],
    ['https://codeberg.org/', 'everyone-at-codeberg'],
  ])('at %s is let in by its own word only', (issuer, word) => {
    expect(anyoneAt(issuer, 'true')).toEqual([
      `GATEWAY_ALLOW_ANYONE (allowAnyone): lets in everybody who can open an account at the provider; if you mean that, set it to ${word}; else name groups, e-mail addresses or domains`,
    ])
    expect(anyoneAt(issuer, word)).toEqual([])
    const { access } = settingsFrom({
      ...NO_RULES,
      GATEWAY_OIDC_ISSUER: issuer,
      GATEWAY_ALLOW_ANYONE: word,
    })
    expect(access).toMatchObject([{ id: 'allowAnyone', role: 'control', match: undefined }])
  })

  it('of one Google organisation is named by `hd`', () => {
    const yaml = 'oidc: { authorizationParams: { hd: example.com } }'
    expect(anyoneAt('https://accounts.google.com', 'true', yaml)).toEqual([])
  })

  it.each(['everyone', 'yes', 'true, everyone-at-google', '1'])('is not %s', (word) => {
    expect(anyoneAt('https://accounts.google.com', word)).toEqual([
      `GATEWAY_ALLOW_ANYONE (allowAnyone): must be true, false or a word such as everyone-at-google; got "${word}"`,
    ])
  })

  it('elsewhere is not called by such a word', () => {
    expect(anyoneAt('https://login.example.com', 'everyone-at-google')).toEqual([
      'GATEWAY_ALLOW_ANYONE (allowAnyone): everyone-at-google belongs to no provider of these settings; write true',
    ])
  })
})
