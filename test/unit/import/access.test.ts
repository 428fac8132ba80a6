// Who gets in. What cannot be said here is never said more weakly: then there is no rule at all.

import { describe, expect, it } from 'vitest'

import { fileOf, importWith, importWithout, problemsOf, type Imported } from './importing.ts'

const RULES = ['allowAnyone', 'allowGroups', 'allowEmails', 'allowEmailDomains', 'access']

const rulesOf = ({ settings }: Imported): object =>
  Object.fromEntries(Object.entries(settings).filter(([key]) => RULES.includes(key)))

/** Rules of a configuration without groups, and with these lines. */
const rules = (...lines: readonly string[]): object =>
  rulesOf(importWithout(['allowed_groups'], ...lines.filter((line) => line !== '')))

const without = (keys: readonly string[], ...lines: readonly string[]): Imported =>
  importWithout(['allowed_groups', 'email_domains', ...keys], ...lines)

describe('addresses', () => {
  it('become lists', () => {
    expect(rulesOf(without([], 'email_domains = ["Example.com", "example.org"]'))).toEqual({
      allowEmailDomains: ['example.com', 'example.org'],
    })
  })

  it('of every domain become allowAnyone', () => {
    const imported = importWithout(['allowed_groups'])
    expect(rulesOf(imported)).toEqual({ allowAnyone: true })
    expect(imported.exitCode).toBe(0)
    expect(rulesOf(without([], 'email_domains = ["example.com", "*"]'))).toEqual({
      allowAnyone: true,
    })
  })

  it.each([
    ['"google"', 'https://accounts.google.com', 'everyone-at-google'],
    ['"oidc"', 'https://accounts.google.com', 'everyone-at-google'],
    ['"gitlab"', 'https://gitlab.com', 'everyone-at-gitlab'],
    ['"gitlab"', 'https://git.example.com', true],
    ['"oidc"', 'https://gitea.com/', 'everyone-at-gitea'],
    ['"oidc"', 'https://codeberg.org/', 'everyone-at-codeberg'],
  ])('of every domain at a public provider name it: %s %s', (provider, issuer, allowAnyone) => {
    const imported = importWithout(
      ['allowed_groups', 'provider', 'oidc_issuer_url'],
      `provider = ${provider}`,
      `oidc_issuer_url = "${issuer}"`,
    )
    expect(rulesOf(imported)).toEqual({ allowAnyone })
  })

  it('of every domain at GitHub become no rule', () => {
    const imported = importWithout(['allowed_groups', 'provider'], 'provider = "github"')
    expect(rulesOf(imported)).toEqual({})
    expect(imported.exitCode).toBe(2)
  })

  it('that are not given become no rule, even if groups are', () => {
    const imported = importWithout(['email_domains'])
    expect(rulesOf(imported)).toEqual({})
    expect(imported).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('email_domains: '),
    })
    expect(imported.stdout).toContain('# access: Say who may sign in')
  })

  it.each(['.example.com', '*.example.com', 'exa mple', '@example.com'])(
    'of %s are left out and reported',
    (domain) => {
      const some = without([], `email_domains = ["example.org", "${domain}"]`)
      expect(rulesOf(some)).toEqual({ allowEmailDomains: ['example.org'] })
      expect(some.exitCode).toBe(2)
      expect(rulesOf(without([], `email_domains = "${domain}"`))).toEqual({})
    },
  )

  describe('in a file', () => {
    const file = fileOf('# people\nAnna@example.com\nben@example.com, Ben\n\n')

    it('are read', () => {
      const imported = without([], `authenticated_emails_file = "${file}"`)
      expect(rulesOf(imported)).toEqual({ allowEmails: ['anna@example.com', 'ben@example.com'] })
      expect(imported.exitCode).toBe(0)
    })

    it('are alternatives to domains', () => {
      const imported = without(
        [],
        `authenticated_emails_file = "${file}"`,
        'email_domains = "example.org"',
      )
      expect(rulesOf(imported)).toEqual({
        allowEmailDomains: ['example.org'],
        allowEmails: ['anna@example.com', 'ben@example.com'],
      })
    })

    it('that is not here, or has other lines, lead to exit code 2', () => {
      const absent = without([], 'authenticated_emails_file = "/nowhere/emails"')
      expect(rulesOf(absent)).toEqual({})
      expect(absent.exitCode).toBe(2)
      const odd = without(
        [],
        `authenticated_emails_file = "${fileOf('FAKE line\nanna@example.com')}"`,
      )
      expect(rulesOf(odd)).toEqual({ allowEmails: ['anna@example.com'] })
      expect(odd.exitCode).toBe(2)
      expect(odd.stdout + odd.stderr).not.toContain('FAKE')
    })
  })
})

describe('groups', () => {
  it('become a list if every address is allowed', () => {
    expect(rules('allowed_groups = "ops,support"')).toEqual({ allowGroups: ['ops', 'support'] })
  })

  it('with an empty name let nobody in, here too', () => {
    const imported = importWith('allowed_groups = [""]')
    expect(rulesOf(imported)).toEqual({ allowGroups: [''] })
    expect(problemsOf(imported.stdout)).toEqual([expect.stringContaining('allowGroups')])
    expect(rules('allowed_groups = ""')).toEqual({ allowAnyone: true })
  })

  it('are required in addition to the addresses', () => {
    const emails = fileOf('anna@example.com')
    const imported = without(
      [],
      'email_domains = "example.com"',
      `authenticated_emails_file = "${emails}"`,
      'allowed_groups = "ops"',
    )
    expect(rulesOf(imported)).toEqual({
      access: [
        { match: { emailDomains: ['example.com'], groups: ['ops'] }, role: 'control' },
        { match: { emails: ['anna@example.com'], groups: ['ops'] }, role: 'control' },
      ],
    })
  })

  it('and roles of Keycloak are alternatives, also when they are written as groups', () => {
    const lines = [
      'provider = "keycloak-oidc"',
      'allowed_groups = ["ops", "role:admin", "role:desk:user"]',
    ]
    const imported = importWithout(
      ['provider', 'allowed_groups'],
      ...lines,
      'allowed_roles = "auditor"',
    )
    expect(rulesOf(imported)).toEqual({
      access: [
        { match: { groups: ['ops'] }, role: 'control' },
        { match: { claims: { 'realm_access.roles': ['admin'] } }, role: 'control' },
        { match: { claims: { 'resource_access.desk.roles': ['user'] } }, role: 'control' },
        { match: { claims: { 'realm_access.roles': ['auditor'] } }, role: 'control' },
      ],
    })
  })

  const provider = (type: string, ...lines: readonly string[]): Imported =>
    importWithout(['provider', 'allowed_groups'], `provider = "${type}"`, ...lines)

  it('have an option of their own for some providers, which wins over the general one', () => {
    expect(rulesOf(provider('keycloak', 'keycloak_groups = "a"'))).toEqual({ allowGroups: ['a'] })
    const gitlab = provider('gitlab', 'gitlab_groups = "a"', 'allowed_groups = "b"')
    expect(rulesOf(gitlab)).toEqual({ allowGroups: ['a'] })
    expect(gitlab.stderr).toContain('allowed_groups: oauth2-proxy ignores it')
  })

  it.each([
    ['github_org = "acme"', ['acme']],
    ['github_org = "acme"\ngithub_team = "a, b"', ['acme:a', 'acme:b']],
    ['github_team = "acme:a,other:b"', ['acme:a', 'other:b']],
  ])('of GitHub are organisations and teams: %s', (lines, allowGroups) => {
    expect(rulesOf(provider('github', lines))).toEqual({ allowGroups })
  })

  it.each([
    ['google', 'google_groups = "desk@example.com"'],
    ['google', 'google_group = "desk@example.com"'],
    ['google', 'allowed_groups = "desk@example.com"'],
    ['github', 'github_repo = "acme/desk"'],
    ['github', 'github_org = "acme"\ngithub_repo = "acme/desk"'],
    ['github', 'github_users = "anna"'],
    ['github', 'github_team = "desk"'],
    ['github', 'github_org = "acme"\nallowed_groups = "other"'],
    ['gitlab', 'gitlab_projects = "acme/desk"'],
    ['bitbucket', 'bitbucket_team = "acme"'],
    ['cidaas', 'allowed_groups = "desk:user"'],
  ])(
    'that cannot be carried over become no rule, rather than a weaker one: %s %s',
    (type, lines) => {
      const imported = provider(type, lines)
      expect(rulesOf(imported)).toEqual({})
      expect(imported.exitCode).toBe(2)
    },
  )

  it.each(['github_users = "anna"', 'github_team = "desk"', 'github_repo = "acme/desk"'])(
    'that cannot be carried over are not replaced by the addresses: %s',
    (line) => {
      const imported = without(
        ['provider'],
        'provider = "github"',
        'email_domains = "example.com"',
        line,
      )
      expect(rulesOf(imported)).toEqual({})
      expect(imported.exitCode).toBe(2)
    },
  )

  it('of another provider restrict nobody in oauth2-proxy either, and are reported', () => {
    const imported = provider('oidc', 'github_org = "acme"')
    expect(rulesOf(imported)).toEqual({ allowAnyone: true })
    expect(imported.stderr).toContain('github_org: It has no effect with the provider oidc')
  })
})

it('reminds of providers that verify no address, where rules name addresses', () => {
  const hint = 'oidc.emailVerified: '
  expect(without([], 'email_domains = "example.com"').stderr).toContain(hint)
  expect(importWith().stderr).not.toContain(hint)
  const assumed = without(
    [],
    'email_domains = "example.com"',
    'insecure_oidc_allow_unverified_email = true',
  )
  expect(assumed.stderr).not.toContain(hint)
  expect(assumed.settings).toMatchObject({ oidc: { emailVerified: 'assumed' } })
})
