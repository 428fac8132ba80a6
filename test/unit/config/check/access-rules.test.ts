import { describe, expect, it } from 'vitest'

import { COMPLETE, NO_RULES, problemsFrom, settingsFrom, VIEWER } from '../loading.ts'

const ANY = { provider: [], groups: [], emails: [], emailDomains: [], claims: {} }
const ALLOWED = { clipboardIn: 'allow', downloads: 'allow' }

describe('the access lists', () => {
  it('become rules, control before view', () => {
    const env = {
      ...NO_RULES,
      ...VIEWER,
      GATEWAY_VIEW_EMAILS: 'carl@example.com',
      GATEWAY_VIEW_GROUPS: 'guests',
      GATEWAY_ALLOW_ANYONE: 'true',
      GATEWAY_ALLOW_EMAIL_DOMAINS: 'Example.com',
      GATEWAY_ALLOW_EMAILS: 'Anna@Example.com, ben@example.com',
      GATEWAY_ALLOW_GROUPS: 'ops, On Call',
    }
    expect(settingsFrom(env).access).toEqual([
      {
        id: 'allowGroups',
        role: 'control',
        match: { ...ANY, groups: ['ops', 'On Call'] },
        ...ALLOWED,
      },
      {
        id: 'allowEmails',
        role: 'control',
        match: { ...ANY, emails: ['anna@example.com', 'ben@example.com'] },
        ...ALLOWED,
      },
      {
        id: 'allowEmailDomains',
        role: 'control',
        match: { ...ANY, emailDomains: ['example.com'] },
        ...ALLOWED,
      },
      { id: 'allowAnyone', role: 'control', match: undefined, ...ALLOWED },
      { id: 'viewGroups', role: 'view', match: { ...ANY, groups: ['guests'] }, ...ALLOWED },
      {
        id: 'viewEmails',
        role: 'view',
        match: { ...ANY, emails: ['carl@example.com'] },
        ...ALLOWED,
      },
    ])
  })

  it('may contain an entry with a comma when written as a YAML list', () => {
    const yaml = 'allowGroups: ["cn=ops,ou=staff"]\nallowEmails: a@example.com, b@example.com'
    expect(settingsFrom(NO_RULES, yaml).access.map(({ match }) => match)).toEqual([
      { ...ANY, groups: ['cn=ops,ou=staff'] },
      { ...ANY, emails: ['a@example.com', 'b@example.com'] },
    ])
  })

  it.each(['allowGroups: []', 'allowEmails: ","', 'allowAnyone: false', 'access: []'])(
    'are not a rule when they are empty: %s',
    (yaml) => {
      expect(problemsFrom(NO_RULES, yaml)).toEqual([
        'GATEWAY_ALLOW_GROUPS (allowGroups): must say who may sign in; or set GATEWAY_ALLOW_ANYONE (allowAnyone), or write rules in access',
      ])
    },
  )

  it.each([
    ['GATEWAY_ALLOW_EMAILS', 'anna', 'must be an e-mail address with exactly one @; got "anna"'],
    ['GATEWAY_VIEW_EMAILS', 'a@b@c', 'must be an e-mail address with exactly one @; got "a@b@c"'],
    ['GATEWAY_ALLOW_EMAILS', '@example.com', 'exactly one @'],
    ['GATEWAY_ALLOW_EMAILS', 'an na@example.com', 'exactly one @'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', '@example.com', 'must be a domain without the leading @'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', '*.example.com', 'must be a whole domain; list each subdomain'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', '*', 'must be a whole domain'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', 'anna@example.com', 'must be a domain; an address goes into'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', '.example.com', 'must be a domain such as example.com'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', 'example.com.', 'must be a domain such as example.com'],
    ['GATEWAY_ALLOW_EMAIL_DOMAINS', 'example .com', 'must be a domain such as example.com'],
  ])('refuse an entry that could match the wrong people: %s=%s', (name, value, words) => {
    const problems = problemsFrom({ ...COMPLETE, ...VIEWER, [name]: value })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`${name} (`)
    expect(problems[0]).toContain(words)
  })
})

describe('the rules in YAML', () => {
  it('keep their order and are numbered from 0', () => {
    const yaml = `
clipboardIn: allow
access:
  - match: { groups: [ops], claims: { acr: [high, 3], amr: mfa } }
    role: control
  - match: { emails: [Anna@Example.com], emailDomains: EXAMPLE.com }
    role: view
    downloads: allow
`
    expect(settingsFrom({ ...NO_RULES, ...VIEWER }, yaml).access).toEqual([
      {
        id: 'access[0]',
        role: 'control',
        match: { ...ANY, groups: ['ops'], claims: { acr: ['high', '3'], amr: ['mfa'] } },
        ...ALLOWED,
      },
      {
        id: 'access[1]',
        role: 'view',
        match: { ...ANY, emails: ['anna@example.com'], emailDomains: ['example.com'] },
        ...ALLOWED,
      },
    ])
  })

  it.each([
    '{ role: control }',
    '{ match: {}, role: control }',
    '{ match: { groups: [], claims: {} }, role: control }',
  ])('must not have an empty match: %s', (rule) => {
    expect(problemsFrom(NO_RULES, `access: [${rule}]`)).toEqual([
      'access[0].match: must not be empty: an empty match matches nobody; to let in any signed-in person, use GATEWAY_ALLOW_ANYONE (allowAnyone) instead of access',
    ])
  })

  it.each([
    ['{ match: { groups: [ops] } }', 'access[0].role: must be one of control, view, owner'],
    [
      '{ match: { groups: [ops] }, role: admin }',
      'access[0].role: must be one of control, view, owner; got "admin"',
    ],
    [
      '{ match: { groups: [1] }, role: control }',
      'access[0].match.groups[0]: must be text; put it in quotes; got 1',
    ],
    [
      '{ match: { claims: { acr: [] } }, role: control }',
      'access[0].match.claims.acr: must name at least one value; got a list',
    ],
    [
      '{ match: { claims: { acr: { a: b } } }, role: control }',
      'access[0].match.claims.acr: must be a list of values; got a map',
    ],
    ['{ match: ops, role: control }', 'access[0].match: must be a map of settings; got "ops"'],
    [
      '{ match: { groups: [ops] }, role: control, downloads: no }',
      'access[0].downloads: must be one of allow, deny; got "no"',
    ],
    ['ops', 'access[0]: must be a map of settings; got "ops"'],
  ])('are checked key by key: %s', (rule, problem) => {
    expect(problemsFrom(NO_RULES, `access: [${rule}]`)).toEqual([problem])
  })

  it('keep their index when an earlier rule is invalid', () => {
    const yaml =
      'access: [{ match: { emails: [x] }, role: control }, { match: { groups: [g] }, role: owner }]'
    expect(problemsFrom(NO_RULES, yaml)).toEqual([
      'access[0].match.emails[0]: must be an e-mail address with exactly one @; got "x"',
      "access[1].role: role owner needs a desktop user who may use KasmVNC's API: set GATEWAY_DESKTOP_OWNER_USERNAME (desktop.owner.username) and GATEWAY_DESKTOP_OWNER_PASSWORD (desktop.owner.password), or choose control",
    ])
  })

  it('cannot be combined with the lists', () => {
    const yaml =
      'viewGroups: [guests]\nallowAnyone: false\naccess: [{ match: { groups: [ops] }, role: control }]'
    const words = 'must not be given together with access; write it as a rule in access'
    expect(problemsFrom({ ...COMPLETE, ...VIEWER }, yaml)).toEqual([
      `GATEWAY_ALLOW_GROUPS (allowGroups): ${words}`,
      `GATEWAY_ALLOW_ANYONE (allowAnyone): ${words}`,
      `GATEWAY_VIEW_GROUPS (viewGroups): ${words}`,
    ])
  })
})
