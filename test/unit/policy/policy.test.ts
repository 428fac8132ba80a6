import { describe, expect, it } from 'vitest'
import type { AccessRule, RuleMatch } from '../../../src/config/config.ts'
import {
  claimsNamedBy,
  decide as decideAt,
  needsOf,
  reaches,
  withRightsBy,
} from '../../../src/policy/policy.ts'
import type { Identity, Session } from '../../../src/session/session.ts'

const NOW = Date.UTC(2026, 0, 1)
const decide = (identity: Identity, rules: readonly AccessRule[]) => decideAt(identity, rules, NOW)

const nobody: Identity = {
  provider: 'oidc',
  iss: 'https://id.example.com',
  sub: 'x',
  sid: undefined,
  email: undefined,
  emailCounts: false,
  name: undefined,
  preferredUsername: undefined,
  groups: [],
  claims: {},
}
const alice: Identity = {
  ...nobody,
  email: 'Alice@Example.com',
  emailCounts: true,
  groups: ['ops', 'all'],
}

function rule(match: Partial<RuleMatch> | undefined, more: Partial<AccessRule> = {}): AccessRule {
  const empty = { provider: [], groups: [], emails: [], emailDomains: [], claims: {} }
  return {
    id: 'r',
    match: match === undefined ? undefined : { ...empty, ...match },
    role: 'control',
    require: undefined,
    clipboardIn: 'allow',
    downloads: 'allow',
    ...more,
  }
}

it('refuses whoever no rule matches, and everybody without a rule', () => {
  expect(decide(alice, [])).toEqual({ allowed: false, reason: 'no-rule-matches' })
  expect(decide(alice, [rule({ groups: ['dev'] })])).toEqual({
    allowed: false,
    reason: 'no-rule-matches',
  })
  expect(decide(nobody, [rule({})])).toEqual({ allowed: false, reason: 'no-rule-matches' })
})

it('takes the first rule that matches', () => {
  const rules = [
    rule({ groups: ['dev'] }, { id: 'a' }),
    rule({ groups: ['all'] }, { id: 'b', role: 'view', downloads: 'deny' }),
    rule({ groups: ['ops'] }, { id: 'c' }),
  ]
  expect(decide(alice, rules)).toEqual({
    allowed: true,
    role: 'view',
    clipboardIn: 'allow',
    downloads: 'deny',
    rule: 'b',
  })
})

it('lets anyone in only where a rule says so', () => {
  expect(decide(nobody, [rule(undefined)])).toMatchObject({ allowed: true })
})

it('needs every part of a match, and one entry of each', () => {
  const match = { groups: ['ops', 'dev'], claims: { acr: ['gold'] } }
  expect(decide(alice, [rule(match)]).allowed).toBe(false)
  expect(decide({ ...alice, claims: { acr: ['gold'] } }, [rule(match)]).allowed).toBe(true)
  expect(decide({ ...alice, groups: [], claims: { acr: ['gold'] } }, [rule(match)]).allowed).toBe(
    false,
  )
})

it('compares groups to the letter', () => {
  for (const group of ['Ops', 'op', 'ops ', 'opsx']) {
    expect(decide(alice, [rule({ groups: [group] })]).allowed).toBe(false)
  }
})

describe('an e-mail rule', () => {
  it('compares addresses and domains in lower case', () => {
    expect(decide(alice, [rule({ emails: ['alice@example.com'] })]).allowed).toBe(true)
    expect(decide(alice, [rule({ emailDomains: ['example.com'] })]).allowed).toBe(true)
  })

  it.each([
    'a@sub.example.com',
    'a@example.com.evil.test',
    'a@evil.test',
    'example.com@evil.test',
    'a@example.com@evil.test',
    'a@xexample.com',
    'a@',
    '@evil.test',
  ])('does not take %s for somebody at example.com', (email) => {
    expect(decide({ ...alice, email }, [rule({ emailDomains: ['example.com'] })]).allowed).toBe(
      false,
    )
  })

  it('does not count an address nobody vouched for, and says so', () => {
    const claimed = { ...alice, emailCounts: false }
    expect(decide(claimed, [rule({ emails: ['alice@example.com'] })])).toEqual({
      allowed: false,
      reason: 'email-not-verified',
    })
    expect(decide(claimed, [rule({ emails: ['bob@example.com'] })])).toEqual({
      allowed: false,
      reason: 'no-rule-matches',
    })
  })
})

it('knows which claims its rules look at', () => {
  const rules = [
    rule({ claims: { acr: ['gold'], 'https://example.com/x': ['y'] } }),
    rule({ groups: ['a'] }),
    rule(undefined),
  ]
  expect([...claimsNamedBy(rules)]).toEqual(['acr', 'https://example.com/x'])
  expect(needsOf(rules)).toEqual({ groups: true, email: false })
  expect(needsOf([rule({ emailDomains: ['example.com'] })])).toEqual({ groups: false, email: true })
})

it('needs groups or an address only where some rule names one', () => {
  expect(needsOf([])).toEqual({ groups: false, email: false })
  expect(needsOf([rule(undefined), rule({ claims: { acr: ['x'] } })])).toEqual({
    groups: false,
    email: false,
  })
  expect(needsOf([rule({ emails: ['a@b.example'] })])).toEqual({ groups: false, email: true })
  const all = { provider: [], groups: ['a'], emails: ['a@b.example'], emailDomains: ['b.example'] }
  expect(needsOf([rule(all)])).toEqual({ groups: true, email: true })
})

it('says that an address is not verified only where that alone is in the way', () => {
  const claimed = { ...alice, emailCounts: false }
  const both = { emails: ['alice@example.com'], groups: ['ops'] }
  expect(decide(claimed, [rule(both)])).toMatchObject({ reason: 'email-not-verified' })
  const others = { emails: ['alice@example.com'], groups: ['dev'] }
  expect(decide(claimed, [rule(others)])).toMatchObject({ reason: 'no-rule-matches' })
  expect(decide({ ...claimed, email: undefined }, [rule(both)])).toMatchObject({
    reason: 'no-rule-matches',
  })
  expect(decide(claimed, [rule(others), rule(both)])).toMatchObject({
    reason: 'email-not-verified',
  })
})

it('needs an address and its domain where a rule names both', () => {
  const match = { emails: ['alice@example.com'], emailDomains: ['other.example'] }
  expect(decide(alice, [rule(match)]).allowed).toBe(false)
  const same = { ...match, emailDomains: ['example.com'] }
  expect(decide(alice, [rule(same)]).allowed).toBe(true)
})

it('knows which role may do what another may', () => {
  const order = ['view', 'control', 'owner'] as const
  const table = order.map((role) => order.map((least) => reaches(role, least)))
  expect(table).toEqual([
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ])
})

describe('a session', () => {
  const session = {
    id: 'one',
    identity: alice,
    role: 'owner',
    clipboardIn: 'allow',
    rule: 'of yesterday',
  } as unknown as Session

  it('has the rights that the rules of today give', () => {
    const today = rule({ groups: ['ops'] }, { id: 'today', role: 'view', clipboardIn: 'deny' })
    expect(withRightsBy([today], session)).toEqual({
      ...session,
      role: 'view',
      clipboardIn: 'deny',
      rule: 'today',
    })
  })

  it('is left as it was where they give none: whoever reads it decides on that', () => {
    expect(withRightsBy([rule({ groups: ['dev'] })], session)).toBe(session)
  })
})

describe('a rule that requires more of the sign-in', () => {
  const authTime = (secondsAgo: number): string[] => [String(NOW / 1_000 - secondsAgo)]
  const strong = rule(undefined, {
    id: 'strong',
    require: { acr: ['gold', 'phr'], maxAge: undefined },
  })
  const fresh = rule(undefined, { id: 'fresh', require: { acr: [], maxAge: 60_000 } })
  const both = rule(undefined, { id: 'both', require: { acr: ['gold'], maxAge: 60_000 } })
  const view = rule(undefined, { id: 'view', role: 'view' })

  it.each([
    [strong, { acr: ['gold'] }, true],
    [strong, { acr: ['silver', 'phr'] }, true],
    [strong, { acr: ['silver'] }, false],
    [strong, {}, false],
    [fresh, { auth_time: authTime(60) }, true],
    [fresh, { auth_time: authTime(65) }, true],
    [fresh, { auth_time: authTime(66) }, false],
    [fresh, { auth_time: [] }, false],
    [fresh, { auth_time: ['soon'] }, false],
    [fresh, {}, false],
    [both, { acr: ['gold'], auth_time: authTime(1) }, true],
    [both, { acr: ['gold'], auth_time: authTime(100) }, false],
    [both, { acr: ['silver'], auth_time: authTime(1) }, false],
  ])('%#: matches only a sign-in that meets it', (required, claims, isMet) => {
    const decision = decide({ ...alice, claims }, [required])
    expect(decision).toMatchObject(
      isMet
        ? { allowed: true, rule: required.id, stepUp: undefined }
        : { allowed: false, reason: 'step-up', stepUp: required.require },
    )
  })

  it('lets a later rule decide meanwhile, and says what is missing', () => {
    expect(decide(alice, [strong, view])).toMatchObject({
      allowed: true,
      role: 'view',
      stepUp: strong.require,
    })
    expect(decide(alice, [view, strong])).toMatchObject({ role: 'view', stepUp: undefined })
    expect(decide(alice, [fresh, strong])).toMatchObject({ stepUp: fresh.require })
  })

  it('says nothing to somebody whom it does not match', () => {
    const others = { ...strong, match: { ...(rule({ groups: ['dev'] }).match as RuleMatch) } }
    expect(decide(alice, [others])).toEqual({ allowed: false, reason: 'no-rule-matches' })
  })

  it('needs the claims `acr` and `auth_time`', () => {
    expect(claimsNamedBy([strong])).toEqual(new Set(['acr']))
    expect(claimsNamedBy([fresh])).toEqual(new Set(['auth_time']))
    expect(claimsNamedBy([both])).toEqual(new Set(['acr', 'auth_time']))
  })

  it('counts the age from when something was opened', () => {
    const session = { identity: { ...alice, claims: { auth_time: authTime(0) } }, createdAt: NOW }
    const at = (ms: number) =>
      withRightsBy([fresh, view], session as unknown as Session, NOW + ms).role
    expect([at(0), at(60_000), at(120_000)]).toEqual(['control', 'control', 'view'])
  })
})
