import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { COMPLETE, load, SECRET, writeFile } from './loading.ts'

interface Preset {
  readonly shape?: string
  readonly scopes?: string
  readonly authorizationParams?: Readonly<Record<string, string>>
  readonly emailVerified?: string
}

interface Written {
  readonly oidc: Preset & { readonly issuer: string }
}

const page = readFileSync('docs/providers.md', 'utf8')
const presets = parse(readFileSync('chart/providers.yaml', 'utf8')) as Record<string, Preset>

/** Heading → the provider's name in the chart. */
const NAMES: Readonly<Record<string, string>> = {
  Keycloak: 'keycloak',
  'Microsoft Entra ID': 'entra',
  Google: 'google',
  Okta: 'okta',
  Auth0: 'auth0',
  GitLab: 'gitlab',
  authentik: 'authentik',
}

const examples = [...page.matchAll(/^## ([^\n]+)\n\n```yaml\n(.*?)^```$/gms)].map(
  ([, title = '', yaml = '']) => ({ title, yaml }),
)

it('docs/providers.md has every provider that the chart knows', () => {
  expect(examples.map(({ title }) => NAMES[title])).toEqual(
    Object.keys(presets).filter((name) => !['oidc', 'github'].includes(name)),
  )
})

describe.each(examples)('its settings for $title', ({ title, yaml }) => {
  it('load without problems or warnings', () => {
    const file = writeFile('secret', SECRET)
    const { GATEWAY_OIDC_ISSUER: _, GATEWAY_OIDC_CLIENT_ID: __, ...env } = COMPLETE
    const result = load(env, yaml.replaceAll(/\/run\/secrets\/\S+/g, file))
    expect(result).toMatchObject({ ok: true, warnings: [] })
  })

  it('equal the settings that the chart renders', () => {
    const { oidc } = parse(yaml) as Written
    const {
      shape = '',
      scopes,
      authorizationParams,
      emailVerified,
    } = presets[NAMES[title] ?? ''] ?? {}
    expect(oidc.issuer).toMatch(new RegExp(shape))
    expect(oidc.scopes).toBe(scopes)
    expect(oidc.emailVerified).toBe(emailVerified)
    expect(oidc.authorizationParams ?? {}).toMatchObject(authorizationParams ?? {})
  })
})
