import { describe, expect, it } from 'vitest'
import { createSessionIndex } from '../../../src/session/session-index.ts'
import type { Identity } from '../../../src/session/session.ts'

const identity: Identity = {
  provider: 'oidc',
  iss: 'https://id.example.com',
  sub: 'alice',
  sid: 's1',
  email: undefined,
  emailCounts: false,
  name: undefined,
  preferredUsername: undefined,
  groups: [],
  claims: {},
}
const { iss } = identity

describe('the index of a session', () => {
  const index = createSessionIndex(['a secret of at least thirty-two bytes, surely'], 'gateway')

  it('leads to it from the person and from the session at the provider', () => {
    expect(index.of(identity)).toEqual([...index.bySub(iss, 'alice'), ...index.bySid(iss, 's1')])
    expect(index.of({ ...identity, sid: undefined })).toEqual(index.bySub(iss, 'alice'))
  })

  it('tells nobody without the secret whose it is', () => {
    const other = createSessionIndex(['another secret of at least thirty-two bytes'], 'gateway')
    expect(other.of(identity)).not.toEqual(index.of(identity))
    expect(index.of(identity).join()).not.toMatch(/alice|s1|example/)
  })

  it('never takes one name for another', () => {
    const all = [
      index.bySub(iss, 'x'),
      index.bySid(iss, 'x'),
      index.bySub(`${iss}","x`, ''),
      index.bySub('https://other.example', 'x'),
      index.bySub(`${iss}x`, ''),
    ]
    expect(new Set(all.flat()).size).toBe(all.length)
  })

  it('still leads there after the secret was rotated', () => {
    const [old, fresh] = ['an old secret of at least thirty-two bytes', 'a new secret …'] as const
    const before = createSessionIndex([old], 'gateway').of(identity)
    const after = createSessionIndex([fresh, old], 'gateway')
    expect(after.bySub(iss, 'alice')).toContain(before[0])
    expect(after.bySid(iss, 's1')).toContain(before[1])
    expect(after.of(identity)).toEqual(createSessionIndex([fresh], 'gateway').of(identity))
  })
})
