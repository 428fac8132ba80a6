import { describe, expect, it } from 'vitest'
import { claimAt, toIdentity } from '../../../src/oidc/identity.ts'

const options = {
  groupsClaim: 'groups',
  emailVerified: 'required',
  claimNames: new Set<string>(),
} as const
const base = { iss: 'https://id.example.com', sub: 'alice' }

describe('groups', () => {
  it.each([
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    ['a', ['a']],
    [
      ['a', '', null, { x: 1 }, 7],
      ['a', '7'],
    ],
    [undefined, []],
    [{}, []],
    ['staff,desktop-users', ['staff,desktop-users']],
    [{ ops: { '1': 'example.com' }, dev: true, former: null, off: false }, ['ops', 'dev']],
  ])('%j becomes %j', (groups, expected) => {
    expect(toIdentity({ ...base, groups }, options).groups).toEqual(expected)
  })

  it('are found at a dotted path, and under a name that has dots in it', () => {
    const nested = {
      ...base,
      realm_access: { roles: ['ops'] },
      'https://example.com/groups': ['dev'],
    }
    expect(toIdentity(nested, { ...options, groupsClaim: 'realm_access.roles' }).groups).toEqual([
      'ops',
    ])
    expect(
      toIdentity(nested, { ...options, groupsClaim: 'https://example.com/groups' }).groups,
    ).toEqual(['dev'])
  })
})

it('are found below keys that contain dots themselves, the longest key first', () => {
  const claims = {
    ...base,
    resource_access: { 'my.app': { roles: ['ops'] }, my: { app: { roles: ['wrong'] } } },
    'a.b': { c: 1 },
    a: { 'b.c': 2, d: 3 },
  }
  expect(claimAt(claims, 'resource_access.my.app.roles')).toEqual(['ops'])
  expect(claimAt(claims, 'a.b.c')).toBe(1)
  expect(claimAt(claims, 'a.d')).toBe(3)
  expect(claimAt(claims, 'a.b.x')).toBeUndefined()
})

it('never walks into what every object has', () => {
  expect(claimAt(base, 'constructor')).toBeUndefined()
  expect(claimAt(base, '__proto__.x')).toBeUndefined()
  expect(claimAt(base, 'sub.length')).toBeUndefined()
})

describe('an e-mail address counts', () => {
  const email = 'alice@example.com'
  it.each([
    [true, 'required', true],
    ['true', 'required', true],
    [false, 'required', false],
    ['false', 'required', false],
    [undefined, 'required', false],
    [1, 'required', false],
    [undefined, 'assumed', true],
  ] as const)('email_verified %j, setting %s: %s', (verified, emailVerified, counts) => {
    const identity = toIdentity(
      { ...base, email, email_verified: verified },
      { ...options, emailVerified },
    )
    expect(identity.emailCounts).toBe(counts)
  })

  it('only when there is one', () => {
    expect(toIdentity(base, { ...options, emailVerified: 'assumed' }).emailCounts).toBe(false)
  })
})

it('keeps the claims that rules name, as lists of text, and no other', () => {
  const identity = toIdentity(
    { ...base, acr: 'gold', amr: ['pwd', 'otp'], secret: 'x' },
    { ...options, claimNames: new Set(['acr', 'amr', 'absent']) },
  )
  expect(identity.claims).toEqual({ acr: ['gold'], amr: ['pwd', 'otp'], absent: [] })
  expect(JSON.stringify(identity)).not.toContain('secret')
})
