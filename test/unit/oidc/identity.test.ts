import { describe, expect, it } from 'vitest'
import { addUserinfo, claimAt, toIdentity } from '../../../src/oidc/identity.ts'

const options = {
  provider: 'oidc',
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

  it.each([
    ['comma', 'ops, on call,,dev', ['ops', 'on call', 'dev']],
    ['space', ' ops  on-call ', ['ops', 'on-call']],
    ['comma', ['a,b'], ['a,b']],
  ] as const)(
    'as one text are split at each %s if the operator says so',
    (groupsSeparator, groups, names) => {
      expect(toIdentity({ ...base, groups }, { ...options, groupsSeparator }).groups).toEqual(names)
    },
  )

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

it('keeps names that are texts, and none that are empty', () => {
  const claims = { ...base, sid: 's', name: 'Alice', preferred_username: '', email: 5 }
  expect(toIdentity(claims, options)).toEqual({
    provider: 'oidc',
    ...base,
    sid: 's',
    name: 'Alice',
    preferredUsername: undefined,
    email: undefined,
    emailCounts: false,
    groups: [],
    claims: {},
  })
  expect(toIdentity({ sub: 7, iss: null }, options)).toMatchObject({ sub: '', iss: '' })
})

it('reads booleans and numbers as texts, and nothing of an object', () => {
  const groups = [true, 0, null, undefined, ['x'], { x: 1 }]
  expect(toIdentity({ ...base, groups }, options).groups).toEqual(['true', '0'])
})

describe('userinfo', () => {
  const nested = { ...options, groupsClaim: 'a.b', claimNames: new Set(['acr']) }

  it('adds what the ID token lacks, and changes nothing that it says', () => {
    const idToken = { ...base, name: 'Alice', a: { c: 1 } }
    const userinfo = { sub: 'mallory', name: 'Mallory', a: { b: ['ops'] }, acr: 'gold', phone: '1' }
    const all = addUserinfo(idToken, userinfo, nested)
    expect(all).toMatchObject({ sub: 'alice', name: 'Alice', acr: 'gold', phone: '1' })
    expect(toIdentity(all, nested)).toMatchObject({ groups: ['ops'], claims: { acr: ['gold'] } })
  })

  it('leaves claims alone that the ID token has, though they are empty', () => {
    const all = addUserinfo({ ...base, 'a.b': [] }, { 'a.b': ['ops'] }, nested)
    expect(toIdentity(all, nested).groups).toEqual([])
  })

  const [mine, theirs] = ['alice@example.com', 'mallory@example.com']
  it.each([
    [{ email: mine, email_verified: true }, { email: theirs, email_verified: true }, mine, true],
    [{ email: mine, email_verified: false }, { email: mine, email_verified: true }, mine, false],
    [{ email: mine }, { email: theirs, email_verified: true }, theirs, true],
    [{ email: mine }, { email_verified: true }, mine, false],
    [{ email_verified: true }, { email: theirs }, theirs, false],
    [{}, { email: theirs, email_verified: true }, theirs, true],
    [{ email: mine }, {}, mine, false],
  ])('vouches for no address but its own: %j, %j', (idToken, userinfo, email, counts) => {
    const all = addUserinfo({ ...base, ...idToken }, userinfo, options)
    expect(toIdentity(all, options)).toMatchObject({ email, emailCounts: counts })
  })

  it('is not needed to vouch for an address where none is expected to', () => {
    const assumed = { ...options, emailVerified: 'assumed' } as const
    const all = addUserinfo({ ...base, email: mine }, { email: theirs }, assumed)
    expect(toIdentity(all, assumed)).toMatchObject({ email: mine, emailCounts: true })
  })
})
