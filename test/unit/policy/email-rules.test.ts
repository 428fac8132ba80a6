import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccessRule } from '../../../src/config/config.ts'
import { decide as decideAt, hasUnusableEmail } from '../../../src/policy/policy.ts'
import type { Identity } from '../../../src/session/session.ts'
import { problemsFrom, NO_RULES, settingsFrom } from '../config/loading.ts'
import { HOSTILE_ADDRESSES, WRITTEN_ADDRESSES } from './hostile-addresses.ts'

const NOW = Date.UTC(2026, 0, 1)
const decide = (identity: Identity, rules: readonly AccessRule[]) => decideAt(identity, rules, NOW)

function person(email: string): Identity {
  return {
    provider: 'oidc',
    iss: 'https://id.example.com',
    sub: 'x',
    sid: undefined,
    email,
    emailCounts: true,
    name: undefined,
    preferredUsername: undefined,
    groups: [],
    claims: {},
  }
}

/** As the settings make them. */
function rules(match: { emails?: readonly string[]; emailDomains?: readonly string[] }) {
  return settingsFrom(NO_RULES, JSON.stringify({ access: [{ match, role: 'control' }] })).access
}

function admits(access: readonly AccessRule[], email: string): boolean {
  return decide(person(email), access).allowed
}

function expectUnmatched(email: string): void {
  const decision = decide(person(email), [...BY_DOMAIN, ...BY_ADDRESS])
  expect([email, decision]).toEqual([email, { allowed: false, reason: 'no-rule-matches' }])
  expect(hasUnusableEmail(person(email), BY_DOMAIN)).toBe(true)
}

const BY_DOMAIN = rules({ emailDomains: ['corp.example'] })
const BY_ADDRESS = rules({ emails: ['anna@corp.example'] })

describe('what is no address', () => {
  it.each(WRITTEN_ADDRESSES.map((email) => [JSON.stringify(email).slice(0, 60), email]))(
    'matches no rule, whoever vouches for it: %s',
    (_, email) => expectUnmatched(email),
  )

  it('matches no rule with a blank, a control, a bracket or a quote at any place', () => {
    expect(WRITTEN_ADDRESSES.length).toBeGreaterThanOrEqual(200)
    expect(HOSTILE_ADDRESSES.length).toBeGreaterThan(1_000)
    for (const email of HOSTILE_ADDRESSES) expectUnmatched(email)
  })

  it('is refused in the settings, every one by its place', () => {
    const yaml = JSON.stringify({
      access: [{ match: { emails: HOSTILE_ADDRESSES }, role: 'control' }],
    })
    const problems = problemsFrom(NO_RULES, yaml)
    const places = problems.map((problem) => /emails\[(\d+)\]: must be/.exec(problem)?.[1])
    expect(places).toEqual(HOSTILE_ADDRESSES.map((_, index) => String(index)))
  })

  it('is of no interest where no rule looks at addresses', () => {
    const byGroup = settingsFrom({ ...NO_RULES, GATEWAY_ALLOW_GROUPS: 'ops' }).access
    expect(hasUnusableEmail(person('a@b@c'), byGroup)).toBe(false)
    expect(hasUnusableEmail({ ...person(''), email: undefined }, BY_DOMAIN)).toBe(false)
    expect(hasUnusableEmail(person('bob@elsewhere.example'), BY_DOMAIN)).toBe(false)
  })
})

describe('an address', () => {
  it.each([
    'anna@corp.example',
    'ANNA@CORP.EXAMPLE',
    "o'brien@corp.example",
    'anna.b+desk@corp.example',
    'anna_b-c@corp.example',
    '!#$%&*/=?^`|~@corp.example',
    '7@corp.example',
    'jürgen@corp.example',
    'दीपा@corp.example',
    `${'a'.repeat(64)}@corp.example`,
  ])('of the domain counts: %s', (email) => {
    expect(admits(BY_DOMAIN, email)).toBe(true)
  })

  it.each([
    ['Anna@Corp.example', 'anna@corp.example'],
    ['anna@corp.example', 'ANNA@CORP.EXAMPLE'],
    ['JÜRGEN@corp.example', 'jürgen@corp.example'],
    ['anna@bücher.example', 'anna@xn--bcher-kva.example'],
    ['anna@xn--bcher-kva.example', 'anna@BÜCHER.example'],
    ['anna@XN--BCHER-KVA.example', 'anna@bücher.example'],
    ['anna@пример.рф', 'anna@xn--e1afmkfd.xn--p1ai'],
  ])('named by a rule as %s is that of %s', (rule, email) => {
    expect(admits(rules({ emails: [rule] }), email)).toBe(true)
    expect(admits(rules({ emailDomains: [rule.split('@')[1] ?? ''] }), email)).toBe(true)
  })

  it.each([
    // The Kelvin sign, which is an ASCII k in lower case; dotless and dotted i; long s; a Cyrillic letter; a mark.
    ['bank.example', 'anna@ban\u212a.example'],
    ['kü.example', 'anna@\u212aü.example'],
    ['corp.example', 'anna@c\u043erp.example'],
    ['kiosk.example', 'anna@k\u0131osk.example'],
    ['kiosk.example', 'anna@k\u0130osk.example'],
    ['corp.example', 'anna@corp.e\u0078ample\u0301'],
    ['strasse.example', 'anna@straße.example'],
    ['corp.example', 'anna@sub.corp.example'],
    ['corp.example', 'anna@corp.example.evil.test'],
    ['corp.example', 'anna@evilcorp.example'],
    ['corp.example', 'anna@example'],
    ['corp.example', 'corp.example@evil.test'],
    ['1.0.0.2', 'anna@1.2'],
    ['bücher.example', 'anna@bu\u0308cher.example'],
  ])('of a domain that resembles %s is of another: %s', (domain, email) => {
    expect(admits(rules({ emailDomains: [domain] }), email)).toBe(false)
  })

  it.each([
    ['kate@corp.example', '\u212aate@corp.example'],
    ['anna@corp.example', '\u0430nna@corp.example'],
    ['anna@corp.example', 'ａnna@corp.example'],
    ['is@corp.example', 'i\u017f@corp.example'],
    ['is@corp.example', '\u0130s@corp.example'],
  ])('of somebody who resembles %s is of somebody else: %s', (rule, email) => {
    expect(admits(rules({ emails: [rule] }), email)).toBe(false)
  })
})

describe('any text at all', () => {
  const near = fc.array(
    fc.oneof(
      fc.constantFrom('@', '.', 'corp', 'example', 'corp.example', '@corp.example', 'anna', 'evil'),
      fc.constantFrom(' ', '\n', '\0', ',', '<', '>', '"', '(', ')', '\\', '\u212a', '\u00a0', '%'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 8 },
  )
  const anyText = fc.oneof(
    near.map((parts) => parts.join('')),
    near.map((parts) => `${parts.join('')}@corp.example`),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.emailAddress(),
  )

  it('that a rule for a domain admits is one local part, one @ and that domain', () => {
    fc.assert(
      fc.property(anyText, (email) => {
        if (!admits(BY_DOMAIN, email)) return
        expect(email.split('@')).toHaveLength(2)
        expect(email.toLowerCase()).toMatch(/^[^@]+@corp\.example$/)
        expect(email).not.toMatch(/[\s\p{Cc}\p{Cf}\p{Z}"()<>[\]{}\\,;:]/u)
      }),
      { numRuns: 1_000 },
    )
  })

  it('that a rule for an address admits is that address but for the case', () => {
    fc.assert(
      fc.property(fc.mixedCase(fc.constant('anna@corp.example')), anyText, (same, other) => {
        expect(admits(BY_ADDRESS, same)).toBe(true)
        if (admits(BY_ADDRESS, other)) expect(other.toLowerCase()).toBe('anna@corp.example')
      }),
    )
  })

  it('that the settings take as an address or a domain is admitted as it was written', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (email) => {
        const yaml = (match: object): string =>
          JSON.stringify({ access: [{ match, role: 'control' }] })
        fc.pre(problemsFrom(NO_RULES, yaml({ emails: [email] })).length === 0)
        expect(admits(rules({ emails: [email] }), email)).toBe(true)
        expect(admits(rules({ emailDomains: [email.split('@')[1] ?? ''] }), email)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
})
