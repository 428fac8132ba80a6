import { describe, expect, it, vi } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { GatewayError } from '../../../src/lib/errors.ts'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import { PresenceBook } from '../../../src/session/presence.ts'
import type { SessionRecord, SessionStore } from '../../../src/session/session-store.ts'
import type { Identity, Opening } from '../../../src/session/session.ts'
import { Sessions } from '../../../src/session/sessions.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)
const identity: Identity = {
  provider: 'oidc',
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
  clipboardIn: 'allow',
  rule: 'allowGroups',
  address: '192.0.2.1',
  vault: { idToken: 'id-token', refreshToken: 'refresh-token' },
  issuedAt: START / 1_000,
  tokensExpireAt: undefined,
} as const

interface SetUpOptions {
  readonly publicUrl?: string
  readonly sessionsPerPerson?: number
  readonly secrets?: readonly string[]
  readonly idleTimeout?: number
  readonly idleReauth?: boolean
  readonly store?: SessionStore
  readonly clock?: { time: number }
}

function setUp({
  publicUrl = 'https://desk.example.com',
  sessionsPerPerson = 20,
  secrets = ['a secret of at least thirty-two bytes, surely'],
  idleTimeout = 0,
  idleReauth = false,
  clock = { time: START },
  store: shared,
}: SetUpOptions = {}) {
  const now = (): number => clock.time
  const records = new Map<string, SessionRecord>()
  const memory = shared ?? createMemoryStore(now)
  const store: SessionStore = {
    ...memory,
    create: (id, record) => {
      records.set(id, record)
      return memory.create(id, record)
    },
  }
  const session = { secrets, maxLifetime: 12 * HOUR, idleTimeout, idleReauth }
  const limits = { sessionsPerPerson }
  const current = { publicUrl: new URL(publicUrl), session, limits }
  const settings = { current: current as unknown as Settings }
  const presence = new PresenceBook(settings, store, now)
  const sessions = new Sessions(settings, store, presence, now, (session) => session)
  const ended: string[] = []
  sessions.events.on('endedHere', ({ id }, reason) => ended.push(`${id} ${reason}`))
  const heard: string[] = []
  sessions.events.on('endedAnywhere', (id, reason) => heard.push(`${id} ${reason}`))
  const open = async (more: Partial<Opening> = {}): Promise<Opened> =>
    (await sessions.open({ ...opening, ...more })) as Opened
  return { clock, sessions, presence, records, ended, heard, store, memory, open }
}

type Opened = NonNullable<Awaited<ReturnType<Sessions['open']>>>

describe('a session', () => {
  it('is found by its cookie and by nothing else', async () => {
    const { sessions, open } = setUp()
    const { session, cookie } = await open()
    expect(await sessions.find(cookie)).toEqual({ state: 'live', session })
    expect(await sessions.find(session.id)).toEqual({ state: 'none' })
    expect(await sessions.find('')).toEqual({ state: 'none' })
  })

  it('is another one at every sign-in', async () => {
    const { open } = setUp()
    const [one, two] = [await open(), await open()]
    expect(one.cookie).not.toBe(two.cookie)
    expect(one.session.id).not.toBe(two.session.id)
  })

  it('ends for good, says why for an hour, and tells once', async () => {
    const { sessions, open, clock, ended } = setUp()
    const { session, cookie } = await open()
    const first = await Promise.all([
      sessions.end(session.id, 'revoked'),
      sessions.end(session.id, 'signed-out'),
    ])
    expect(first).toEqual([true, false])
    expect(await sessions.end(session.id, 'idle')).toBe(false)
    expect(ended).toEqual([`${session.id} revoked`])
    expect(await sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'revoked' })
    clock.time += HOUR
    expect(await sessions.find(cookie)).toEqual({ state: 'none' })
  })

  it('expires from sign-in on, whatever happens', async () => {
    const { sessions, open, clock, ended } = setUp()
    const { session, cookie } = await open()
    clock.time += 12 * HOUR - 1
    expect((await sessions.find(cookie)).state).toBe('live')
    clock.time += 1
    expect(await sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'expired' })
    expect(ended).toEqual([`${session.id} expired`])
    expect(await sessions.countActive()).toBe(0)
  })

  it('gives its tokens to its cookie while it lives, and to nobody afterwards', async () => {
    const { sessions, open } = setUp()
    const { session, cookie } = await open()
    const other = await open()
    expect(await sessions.openVault(cookie)).toEqual(opening.vault)
    await sessions.end(session.id, 'signed-out')
    expect(await sessions.openVault(cookie)).toBeUndefined()
    expect(await sessions.openVault(other.cookie)).toEqual(opening.vault)
  })
})

describe('at rest', () => {
  it('holds no cookie, no token, no name and no address in the clear', async () => {
    const { open, records } = setUp()
    const { cookie } = await open()
    const all = JSON.stringify([...records])
    for (const secret of [cookie, 'id-token', 'refresh-token', 'alice', '192.0.2.1']) {
      expect(all).not.toContain(secret)
    }
  })

  it('gives its vault to nobody who has the store and the session secret but not the cookie', async () => {
    const { sessions, open, records, memory } = setUp()
    const { session, cookie } = await open()
    // The thief plants the stolen vault under a session of their own.
    const thief = setUp({ store: memory })
    const theirs = await thief.open()
    await memory.create(theirs.session.id, records.get(session.id) as SessionRecord)
    expect(await thief.sessions.openVault(theirs.cookie)).toBeUndefined()
    expect(await sessions.openVault(cookie)).toEqual(opening.vault)
  })

  it('is still open after the secret was rotated, and closed once the old one is gone', async () => {
    const old = 'an old secret of at least thirty-two bytes'
    const fresh = 'a new secret of at least thirty-two bytes!'
    const before = setUp({ secrets: [old] })
    const { cookie } = await before.open()
    const both = setUp({
      secrets: [fresh, old],
      store: before.memory,
      clock: before.clock,
    }).sessions
    expect((await both.find(cookie)).state).toBe('live')
    expect(await both.openVault(cookie)).toEqual(opening.vault)
    const after = setUp({ secrets: [fresh], store: before.memory, clock: before.clock }).sessions
    expect(await after.find(cookie)).toEqual({ state: 'none' })
  })
})

describe('without human input', () => {
  const MINUTE = 60_000

  it('a session ends, and says so', async () => {
    const { sessions, open, clock } = setUp({ idleTimeout: 30 * MINUTE })
    const { cookie } = await open()
    clock.time += 30 * MINUTE - 1
    expect((await sessions.find(cookie)).state).toBe('live')
    clock.time += 1
    expect(await sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'idle' })
  })

  it('is what ends it also when its time is up as well, and after a night, as only that asks for a new sign-in', async () => {
    const { sessions, open, clock } = setUp({ idleTimeout: 30 * MINUTE, idleReauth: true })
    const [unseen, seen] = [await open(), await open()]
    clock.time += 31 * MINUTE
    expect(await sessions.find(seen.cookie)).toMatchObject({ reason: 'idle' })
    clock.time += 3 * 24 * HOUR
    expect(await sessions.find(unseen.cookie)).toMatchObject({ state: 'ended', reason: 'idle' })
    expect(await sessions.find(seen.cookie)).toMatchObject({ state: 'ended', reason: 'idle' })
  })

  it('and with it, it goes on', async () => {
    const { sessions, open, clock, presence } = setUp({ idleTimeout: 30 * MINUTE })
    const { cookie, session } = await open()
    for (let hour = 0; hour < 4; hour += 1) {
      clock.time += 29 * MINUTE
      presence.noteInput(session.id)
    }
    expect((await sessions.find(cookie)).state).toBe('live')
  })

  it('nobody is ended who is at work on another replica', async () => {
    const here = setUp({ idleTimeout: 30 * MINUTE })
    const there = setUp({ idleTimeout: 30 * MINUTE, store: here.memory, clock: here.clock })
    const { cookie, session } = await here.open()
    here.clock.time += 20 * MINUTE
    there.presence.noteInput(session.id)
    await there.presence.flush()
    here.clock.time += 20 * MINUTE
    expect((await here.sessions.find(cookie)).state).toBe('live')
    expect(await here.sessions.lastInput(session)).toBe(START + 20 * MINUTE)
    here.clock.time += 10 * MINUTE
    expect(await here.sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'idle' })
  })
})

describe('renewed tokens', () => {
  const vault = { idToken: 'new-id-token', refreshToken: 'new-refresh-token' }

  it('are written over older ones, and never over newer', async () => {
    const { sessions, open } = setUp()
    const { session, cookie } = await open()
    const later = { ...session, validatedAt: START + 60_000 }
    expect(await sessions.renew(cookie, later, vault, session.validatedAt)).toBe(true)
    expect(await sessions.openVault(cookie)).toEqual(vault)
    const stale = { ...session, validatedAt: START + 30_000 }
    expect(await sessions.renew(cookie, stale, opening.vault, session.validatedAt)).toBe(false)
    expect(await sessions.openVault(cookie)).toEqual(vault)
  })

  it('do not bring an ended session back', async () => {
    const { sessions, open } = setUp()
    const { session, cookie } = await open()
    await sessions.end(session.id, 'revoked')
    expect(await sessions.renew(cookie, session, vault, session.validatedAt)).toBe(false)
    expect(await sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'revoked' })
  })
})

describe('a provider', () => {
  const order = { iss: identity.iss, sub: undefined, sid: 's1', iat: START / 1_000 + 60 }

  it('ends one session by its own name for it', async () => {
    const { sessions, open } = setUp()
    const mine = await open()
    const other = await open({ identity: { ...identity, sid: 's2' } })
    expect(await sessions.endByProvider(order, 'r')).toBe(1)
    expect(await sessions.find(mine.cookie)).toMatchObject({ reason: 'provider-logout' })
    expect((await sessions.find(other.cookie)).state).toBe('live')
    expect(await sessions.endByProvider(order, 'r')).toBe(0)
  })

  it('ends every session of a person, and nobody else’s', async () => {
    const { sessions, open } = setUp()
    const mine = [await open(), await open({ identity: { ...identity, sid: undefined } })]
    const other = await open({ identity: { ...identity, sub: 'bob' } })
    const elsewhere = await open({ identity: { ...identity, iss: 'https://other.example.com' } })
    expect(await sessions.endByProvider({ ...order, sub: 'alice', sid: undefined }, 'r')).toBe(2)
    for (const { cookie } of mine) expect((await sessions.find(cookie)).state).toBe('ended')
    for (const { cookie } of [other, elsewhere])
      expect((await sessions.find(cookie)).state).toBe('live')
  })

  it('refuses a login that was under way, by session for ten minutes and by person only if it is older', async () => {
    const { sessions, clock } = setUp()
    await sessions.endByProvider(order, 'r')
    await sessions.endByProvider({ ...order, sub: 'bob', sid: undefined }, 'r')
    expect(await sessions.open({ ...opening, issuedAt: order.iat + 5 })).toBeUndefined()
    const bob = { ...identity, sub: 'bob', sid: 's9' }
    expect(await sessions.open({ ...opening, identity: bob, issuedAt: order.iat })).toBeUndefined()
    expect(
      await sessions.open({ ...opening, identity: bob, issuedAt: order.iat + 1 }),
    ).toBeDefined()
    // The next logout says so of all that began before it, also of what the first one let in.
    await sessions.endByProvider({ ...order, sub: 'bob', sid: undefined, iat: order.iat + 60 }, 'r')
    const between = { ...opening, identity: bob, issuedAt: order.iat + 30 }
    expect(await sessions.open(between)).toBeUndefined()
    await sessions.endByProvider({ ...order, sub: 'bob', sid: undefined, iat: order.iat + 1 }, 'r')
    expect(await sessions.open(between)).toBeUndefined()
    expect(await sessions.open({ ...between, issuedAt: order.iat + 61 })).toBeDefined()
    expect(await sessions.countActive()).toBe(1)
    clock.time += 10 * 60_000
    expect(await sessions.open(opening)).toBeDefined()
  })
})

describe('on several replicas', () => {
  it('each hears of an end, and only the one that ended it writes it down', async () => {
    const here = setUp()
    const there = setUp({ store: here.memory, clock: here.clock })
    const { session } = await here.open()
    await here.sessions.end(session.id, 'revoked')
    await vi.waitFor(() => expect(there.heard).toContain(`${session.id} revoked`))
    expect(here.ended).toEqual([`${session.id} revoked`])
    expect(there.ended).toEqual([])
  })

  it.each([
    'nonsense',
    '{}',
    '{"id":7,"reason":"idle"}',
    '{"id":"s","reason":"from-a-later-version"}',
    'null',
  ])('the message %s ends nothing', async (message) => {
    const { heard, memory } = setUp()
    await memory.publish(message)
    await memory.publish(JSON.stringify({ id: 'after', reason: 'revoked' }))
    await vi.waitFor(() => expect(heard).toEqual(['after revoked']))
  })

  it('whoever missed it reads it', async () => {
    const { sessions, open } = setUp()
    const { session } = await open()
    const other = await open()
    await sessions.end(session.id, 'revoked')
    const found = await sessions.lookUp([session.id, other.session.id, 'unknown'])
    expect(found.map((one) => (one?.state === 'ended' ? one.reason : one?.state))).toEqual([
      'revoked',
      'live',
      'none',
    ])
  })

  it('lists who is signed in', async () => {
    const { sessions, open } = setUp()
    const { session } = await open()
    const gone = await open()
    await sessions.end(gone.session.id, 'signed-out')
    expect((await sessions.list()).map(({ id }) => id)).toEqual([session.id])
  })
})

it('ends a session here even when the store cannot take it, and there once it can', async () => {
  vi.useFakeTimers()
  try {
    const { sessions, open, heard, ended, store } = setUp()
    const { session, cookie } = await open()
    const replace = store.replace.bind(store)
    store.replace = () => Promise.reject(new GatewayError('store-unavailable', 'away'))
    await expect(sessions.end(session.id, 'revoked')).rejects.toMatchObject({
      code: 'store-unavailable',
    })
    expect(heard).toEqual([`${session.id} revoked`])
    store.replace = replace
    vi.advanceTimersByTime(2_000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(ended).toEqual([`${session.id} revoked`]))
    expect(await sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'revoked' })
  } finally {
    vi.useRealTimers()
  }
})

describe('a logout token that was honoured', () => {
  const TEN_MINUTES = 10 * 60_000
  it.each([
    ['is known again for as long as it is good', HOUR, HOUR],
    ['of a moment is known for ten minutes', 1_000, TEN_MINUTES],
    ['of a year is known for a day', 365 * 24 * HOUR, 24 * HOUR],
  ])('%s', async (_, lifeMs, knownMs) => {
    const { sessions, clock } = setUp()
    const iat = clock.time / 1_000
    const order = { iss: 'https://op.example', sub: 'alice', sid: undefined, iat, jti: 'one' }
    expect(await sessions.endByProvider(order, 'r')).toBe(0)
    await sessions.markSeen({ iss: order.iss, jti: 'one', exp: iat + lifeMs / 1_000 })
    clock.time += knownMs - 1
    expect(await sessions.endByProvider(order, 'r')).toBeUndefined()
    clock.time += 60_001
    expect(await sessions.endByProvider(order, 'r')).toBe(0)
  })

  it('until a moment between two milliseconds is marked for whole ones, as Redis takes no others', async () => {
    const { sessions, clock, store } = setUp()
    const raise = vi.spyOn(store, 'raise')
    await sessions.markSeen({
      iss: identity.iss,
      jti: 'one',
      exp: clock.time / 1_000 + 3_600.123_456_7,
    })
    expect(raise.mock.calls.map(([, , ms]) => Number.isInteger(ms))).toEqual([true])
  })

  it('later, when the store could take it, ends nobody who came since', async () => {
    vi.useFakeTimers()
    try {
      const { sessions, open, store, clock } = setUp()
      const { session, cookie } = await open()
      const { iss, sub } = session.identity
      const iat = clock.time / 1_000
      const order = { iss, sub, sid: undefined, iat, jti: 'one', exp: iat + 600 }
      const find = store.find.bind(store)
      store.find = () => Promise.reject(new GatewayError('store-unavailable', 'away'))
      await expect(sessions.endByProvider(order, 'r')).rejects.toThrow('away')
      store.find = find
      vi.advanceTimersByTime(2_000)
      vi.useRealTimers()
      await vi.waitFor(async () => {
        expect(await sessions.find(cookie)).toMatchObject({ state: 'ended' })
        expect(await sessions.endByProvider(order, 'r')).toBeUndefined()
      })
    } finally {
      vi.useRealTimers()
    }
  })
})
