import { describe, expect, it } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import type { SessionRecord } from '../../../src/session/session-store.ts'
import type { Identity } from '../../../src/session/session.ts'
import { Sessions } from '../../../src/session/sessions.ts'

const HOUR = 3_600_000
const identity: Identity = {
  iss: 'https://id.example.com',
  sub: 'alice',
  sid: 's1',
  email: 'alice@example.com',
  emailCounts: true,
  name: 'Alice',
  preferredUsername: undefined,
  groups: ['desktop-users'],
  claims: {},
}
const opening = {
  identity,
  role: 'control',
  rule: 'allowGroups',
  address: '192.0.2.1',
  vault: { idToken: 'id-token', refreshToken: 'refresh-token' },
} as const

function setUp(secrets: readonly string[] = ['a secret of at least thirty-two bytes, surely']) {
  const clock = { time: Date.UTC(2026, 0, 1) }
  const now = (): number => clock.time
  const records = new Map<string, SessionRecord>()
  const memory = createMemoryStore(now)
  const store = {
    ...memory,
    create: (id: string, record: SessionRecord) => {
      records.set(id, record)
      return memory.create(id, record)
    },
  }
  const settings = { session: { secrets, maxLifetime: 12 * HOUR } } as unknown as Settings
  const sessions = new Sessions({ current: settings }, store, now)
  const ended: string[] = []
  sessions.onEnded(({ id }, reason) => ended.push(`${id} ${reason}`))
  return { clock, sessions, records, ended, store, settings }
}

describe('a session', () => {
  it('is found by its cookie and by nothing else', async () => {
    const { sessions } = setUp()
    const { session, cookie } = await sessions.open(opening)
    expect(await sessions.find(cookie)).toEqual({ state: 'live', session })
    expect(await sessions.find(session.id)).toEqual({ state: 'none' })
    expect(await sessions.find('')).toEqual({ state: 'none' })
  })

  it('is another one at every sign-in', async () => {
    const { sessions } = setUp()
    const [one, two] = [await sessions.open(opening), await sessions.open(opening)]
    expect(one.cookie).not.toBe(two.cookie)
    expect(one.session.id).not.toBe(two.session.id)
  })

  it('ends for good, says why for an hour, and tells once', async () => {
    const { sessions, clock, ended } = setUp()
    const { session, cookie } = await sessions.open(opening)
    const first = await Promise.all([
      sessions.end(session.id, 'revoked'),
      sessions.end(session.id, 'signed-out'),
    ])
    expect(first).toEqual([true, false])
    expect(await sessions.end(session.id, 'idle')).toBe(false)
    expect(ended).toEqual([`${session.id} revoked`])
    expect(await sessions.find(cookie)).toEqual({ state: 'ended', reason: 'revoked' })
    clock.time += HOUR
    expect(await sessions.find(cookie)).toEqual({ state: 'none' })
  })

  it('expires from sign-in on, whatever happens', async () => {
    const { sessions, clock, ended } = setUp()
    const { session, cookie } = await sessions.open(opening)
    clock.time += 12 * HOUR - 1
    expect((await sessions.find(cookie)).state).toBe('live')
    clock.time += 1
    expect(await sessions.find(cookie)).toEqual({ state: 'ended', reason: 'expired' })
    expect(ended).toEqual([`${session.id} expired`])
    expect(await sessions.countActive()).toBe(0)
  })

  it('gives its tokens to its cookie while it lives, and to nobody afterwards', async () => {
    const { sessions } = setUp()
    const { session, cookie } = await sessions.open(opening)
    const other = await sessions.open(opening)
    expect(await sessions.openVault(cookie)).toEqual(opening.vault)
    await sessions.end(session.id, 'signed-out')
    expect(await sessions.openVault(cookie)).toBeUndefined()
    expect(await sessions.openVault(other.cookie)).toEqual(opening.vault)
  })
})

describe('at rest', () => {
  it('holds no cookie, no token, no name and no address in the clear', async () => {
    const { sessions, records } = setUp()
    const { cookie } = await sessions.open(opening)
    const all = JSON.stringify([...records])
    for (const secret of [cookie, 'id-token', 'refresh-token', 'alice', '192.0.2.1']) {
      expect(all).not.toContain(secret)
    }
  })

  it('gives its vault to nobody who has the store and the session secret but not the cookie', async () => {
    const { sessions, records, store, settings } = setUp()
    const { session, cookie } = await sessions.open(opening)
    const record = records.get(session.id) as SessionRecord
    // The thief plants the stolen vault under a session of their own.
    const thief = new Sessions({ current: settings }, store, Date.now)
    const theirs = await thief.open(opening)
    await store.create(theirs.session.id, { ...record })
    expect(await thief.openVault(theirs.cookie)).toBeUndefined()
    expect(await sessions.openVault(cookie)).toEqual(opening.vault)
  })

  it('is still open after the secret was rotated, and closed once the old one is gone', async () => {
    const before = setUp(['an old secret of at least thirty-two bytes'])
    const { cookie } = await before.sessions.open(opening)
    const now = (): number => before.clock.time
    const withSecrets = (...secrets: string[]): Sessions =>
      new Sessions(
        { current: { session: { secrets, maxLifetime: HOUR } } as unknown as Settings },
        before.store,
        now,
      )
    const both = withSecrets(
      'a new secret of at least thirty-two bytes!',
      'an old secret of at least thirty-two bytes',
    )
    expect((await both.find(cookie)).state).toBe('live')
    expect(await both.openVault(cookie)).toEqual(opening.vault)
    const fresh = withSecrets('a new secret of at least thirty-two bytes!')
    expect(await fresh.find(cookie)).toEqual({ state: 'none' })
  })
})
