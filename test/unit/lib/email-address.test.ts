import { describe, expect, it } from 'vitest'
import { parseDomain, parseEmailAddress } from '../../../src/lib/email-address.ts'

it.each([
  ['Anna.B@Corp.Example', 'anna.b@corp.example', 'corp.example'],
  ['anna@localhost', 'anna@localhost', 'localhost'],
  ['JÜRGEN@BÜCHER.example', 'jürgen@xn--bcher-kva.example', 'xn--bcher-kva.example'],
])('normalises %s for comparison', (written, address, domain) => {
  expect(parseEmailAddress(written)).toEqual({ address, domain })
})

it('maps no other code point to an ASCII one, in the local part or in the domain', () => {
  const taken: string[] = []
  for (let code = 0x80; code <= 0x1ffff; code++) {
    const one = String.fromCodePoint(code)
    const local = parseEmailAddress(`${one}a@b.example`)
    const domain = parseDomain(`${one}a.example`)
    if (local !== undefined && /^\p{ASCII}+$/u.test(local.address)) taken.push(`local ${one}`)
    if (domain !== undefined && !domain.startsWith('xn--')) taken.push(`domain ${one}`)
  }
  expect(taken).toEqual([])
})

describe('a length', () => {
  const domainOf = (length: number): string => `${'a.'.repeat(length / 2 - 1)}bc`

  it.each([
    [`${'a'.repeat(64)}@b.example`, true],
    [`${'a'.repeat(65)}@b.example`, false],
    [`a@${'b'.repeat(63)}.example`, true],
    [`a@${'b'.repeat(64)}.example`, false],
    [`a@${domainOf(252)}`, true],
    [`ab@${domainOf(252)}`, false],
  ])('of an address is limited: %s', (written, isAddress) => {
    expect(parseEmailAddress(written) !== undefined).toBe(isAddress)
  })

  it('of a domain is limited, counted in A-labels', () => {
    expect(parseDomain(`a${domainOf(252)}`)).toHaveLength(253)
    expect(parseDomain(domainOf(254))).toBeUndefined()
    expect(parseDomain(`${'ü.'.repeat(100)}example`)).toBeUndefined()
  })
})
