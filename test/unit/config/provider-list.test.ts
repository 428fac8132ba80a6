// Several providers: `oidc` as a list.

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeSettings } from '../../../src/config/describe-settings.ts'
import { COMPLETE, problemsFrom, settingsFrom, writeFile } from './loading.ts'

const {
  GATEWAY_OIDC_ISSUER: _,
  GATEWAY_OIDC_CLIENT_ID: __,
  GATEWAY_ALLOW_GROUPS: ___,
  ...ENV
} = COMPLETE

const RULES = 'access: [{ match: { provider: [staff], groups: [ops] }, role: control }]'
const STAFF =
  '{ name: staff, label: Example staff, issuer: https://login.example.com, clientId: desk }'
const PARTNERS =
  '{ preset: gitlab, issuer: https://git.partner.example, clientId: p, clientSecret: hunter2 }'
const yaml = (...providers: string[]): string => `oidc: [${providers.join(', ')}]\n${RULES}`

describe('a list of providers', () => {
  it('gives each its name, its label and its own redirect address', () => {
    expect(settingsFrom(ENV, yaml(STAFF, PARTNERS)).providers).toMatchObject([
      { name: 'staff', label: 'Example staff', callbackPath: '/oauth2/callback/staff' },
      { name: 'gitlab', label: 'GitLab', callbackPath: '/oauth2/callback/gitlab' },
    ])
  })

  it('of one has that address too, so that a second one changes nothing for the first', () => {
    expect(settingsFrom(ENV, yaml(STAFF)).providers).toMatchObject([
      { callbackPath: '/oauth2/callback/staff' },
    ])
  })

  it('reads secrets from files, and shows none', () => {
    const file = writeFile('secret', 'hunter2\n')
    const settings = settingsFrom(
      ENV,
      yaml(STAFF.replace('}', `, clientSecretFile: ${file} }`), PARTNERS),
    )
    expect(settings.providers.map(({ clientSecret }) => clientSecret)).toEqual([
      'hunter2',
      'hunter2',
    ])
    const text = describeSettings(settings)
    expect(text).not.toContain('hunter2')
    const { oidc } = parse(text) as { oidc: { name: string; clientSecret: string }[] }
    expect(oidc).toMatchObject([
      { name: 'staff', clientSecret: '(hidden)' },
      { name: 'gitlab', clientSecret: '(hidden)' },
    ])
  })
})

describe('a problem', () => {
  it.each([
    ['{ name: staff, clientId: desk }', 'oidc[0].issuer: must be set'],
    [
      '{ name: staff, issuer: https://login.example.com, clientId: desk, emailVerified: no }',
      'oidc[0].emailVerified: must be one of required, assumed; got "no"',
    ],
    [
      '{ name: staff, issuer: https://login.example.com, clientId: desk, scope: openid }',
      'gateway.yaml:1: oidc[0].scope: is not a setting; did you mean oidc.scopes?',
    ],
    [
      '{ name: "St aff", issuer: https://login.example.com, clientId: desk }',
      'oidc[0].name: must be lower-case letters, digits and hyphens, at most 32, such as staff; got "St aff"',
    ],
    [
      '{ name: staff, issuer: https://login.example.com, clientId: desk, clientAuth: client_secret_post }',
      'oidc[0].clientAuth: client_secret_post needs oidc[0].clientSecret; set it or choose another method',
    ],
    [
      '{ name: staff, issuer: https://login.example.com, clientId: desk, caFile: /nowhere }',
      'oidc[0].caFile: cannot read /nowhere: there is no such file',
    ],
    [
      '{ name: staff, issuer: https://login.example.com, clientId: desk, clientSecretFile: /nowhere }',
      'oidc[0].clientSecretFile: must name a readable file; /nowhere is not (ENOENT)',
    ],
    [
      '{ name: staff, issuer: https://login.example.com, clientId: desk, clientSecret: [hunter2] }',
      'oidc[0].clientSecret: must be text',
    ],
  ])('of %s says which provider it is of', (provider, sentence) => {
    expect(problemsFrom(ENV, yaml(provider))).toEqual([sentence])
  })

  it('is an empty list', () => {
    expect(problemsFrom(ENV, yaml())).toContain('oidc: must not be an empty list')
  })

  it('is a name that two of them have', () => {
    expect(problemsFrom(ENV, yaml(STAFF, STAFF))).toEqual([
      'oidc[1].name: must be set: another provider in the list is called staff too',
    ])
  })

  it('is a variable that does not say which of them it is for', () => {
    expect(problemsFrom({ ...ENV, GATEWAY_OIDC_CLIENT_ID: 'desk' }, yaml(STAFF))).toEqual([
      'GATEWAY_OIDC_CLIENT_ID (oidc.clientId): must not be given together with a list of providers in the YAML file; write it there',
    ])
  })

  it('is a rule for a provider that is not there', () => {
    expect(problemsFrom(ENV, yaml(PARTNERS))).toEqual([
      'access[0].match.provider: staff is no provider; there is gitlab',
    ])
  })

  it('is a rule for everybody at a provider where anybody can open an account', () => {
    const google = '{ preset: google, clientId: desk }'
    const rules = 'access: [{ match: { provider: [google] }, role: view }]'
    expect(problemsFrom(ENV, `oidc: [${STAFF}, ${google}]\n${rules}`)).toContain(
      'access[0].match.provider: lets in everybody who can open an account at google; add groups, emails, emailDomains or claims',
    )
    const staff = 'access: [{ match: { provider: [staff] }, role: view }]'
    expect(
      problemsFrom(
        {
          ...ENV,
          GATEWAY_DESKTOP_VIEWER_USERNAME: 'v',
          GATEWAY_DESKTOP_VIEWER_PASSWORD: 'viewer-password',
        },
        `oidc: [${STAFF}, ${google}]\n${staff}`,
      ),
    ).toEqual([])
  })
})
