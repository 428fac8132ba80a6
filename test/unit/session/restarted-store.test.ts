// A store that comes back with less than it had, or with older data, and replicas that know better
// (docs/adr/0008-what-a-restarted-store-forgot.md).

import { describe, expect, it, vi } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import { PresenceBook } from '../../../src/session/presence.ts'
import type { SessionRecord, SessionStore } from '../../../src/session/session-store.ts'
import type { Session } from '../../../src/session/session.ts'
import { Sessions } from '../../../src/session/sessions.ts'

const HOUR = 3_600_000
const WINDOW = 11_000
const START = Date.UTC(2026, 0, 1)
const opening = {
  identity: {
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
  },
  role: 'control',
  clipboardIn: 'allow',
  rule: 'allowGroups',
  address: '192.0.2.1',
  vault: { idToken: 'id-token', refreshToken: 'refresh-token' },
  issuedAt: START / 1_000,
  tokensExpireAt: undefined,
} as const
const everything = { iss: opening.identity.iss, sub: 'alice', sid: 's1', iat: START / 1_000 }
const unavailable = { code: 'store-unavailable' }

interface Replica {
  readonly sessions: Sessions
  readonly presence: PresenceBook
  /** The sessions that have tunnels here. */
  readonly held: Session[]
  readonly heard: string[]
  /** Messages do not reach it. */
  isDeaf: boolean
  /** Finds the store again, restarted. */
  arrive(): Promise<void>
}

/** Replicas of one store that can be replaced under them. */
function setUp({ idleTimeout = 0 } = {}) {
  const clock = { time: START }
  const now = (): number => clock.time
  let data = createMemoryStore(now)
  const subscribers: ((message: string) => void)[] = []
  const session = {
    secrets: ['a secret of at least thirty-two bytes, surely'],
    maxLifetime: 12 * HOUR,
    idleTimeout,
    idleReauth: false,
  }
  const publicUrl = new URL('https://desk.example.com')
  const limits = { sessionsPerPerson: 20 }
  const settings = { current: { publicUrl, session, limits } as unknown as Settings }

  function replica(): Replica {
    let returned: (ms: number) => void = () => {}
    const current = new Proxy({} as SessionStore, {
      get: (_, name) => data[name as keyof SessionStore],
    })
    const store: SessionStore = new Proxy(current, {
      get(target, name) {
        if (name === 'subscribe')
          return (listener: (message: string) => void) =>
            subscribers.push((message) => one.isDeaf || listener(message))
        if (name === 'publish')
          return async (message: string) => {
            for (const listener of subscribers) setImmediate(listener, message)
          }
        if (name === 'onReturned') return (listener: (ms: number) => void) => (returned = listener)
        return target[name as keyof SessionStore]
      },
    })
    const presence = new PresenceBook(settings, store, now)
    const sessions = new Sessions(settings, store, presence, now, (session) => session)
    const held: Session[] = []
    sessions.events.on('recordsLost', (collect) => collect(held))
    const heard: string[] = []
    sessions.events.on('endedAnywhere', (id, reason) => heard.push(`${id} ${reason}`))
    const one: Replica = {
      sessions,
      presence,
      held,
      heard,
      isDeaf: false,
      async arrive() {
        const isDone = new Promise<void>((resolve) => sessions.events.once('endsMissed', resolve))
        returned(WINDOW)
        await isDone
      },
    }
    return one
  }
  return {
    clock,
    replica,
    /** The store's data, and what becomes of it. */
    data: () => data,
    empty: () => (data = createMemoryStore(now)),
  }
}

async function open({ sessions }: Replica): Promise<{ session: Session; cookie: string }> {
  const opened = await sessions.open(opening)
  if (opened === undefined) throw new Error('no session')
  return opened
}

describe('a store that lost everything', () => {
  it('gets back the sessions in use, with their tokens', async () => {
    const { replica, empty } = setUp()
    const [here, there] = [replica(), replica()]
    const { session, cookie } = await open(here)
    here.held.push(session)
    empty()
    await Promise.all([here.arrive(), there.arrive()])
    expect(await there.sessions.find(cookie)).toEqual({ state: 'live', session })
    expect(await there.sessions.openVault(cookie)).toEqual(opening.vault)
    expect(await there.sessions.end(session.id, 'revoked')).toBe(true)
  })

  it('gets the newest tokens that anybody knows, whoever comes first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { replica, empty, clock } = setUp()
      const both = [replica(), replica()] as const
      const { session, cookie } = await open(both[0])
      both[0].held.push(session)
      clock.time += 60_000
      const renewed = { ...session, validatedAt: clock.time }
      const vault = { idToken: 'new', refreshToken: 'new' }
      await both[1].sessions.renew(cookie, renewed, vault, session.validatedAt)
      both[1].held.push(renewed)
      empty()
      for (const one of order) await both[one as 0 | 1].arrive()
      expect(await both[0].sessions.openVault(cookie)).toEqual(vault)
    }
  })

  it('takes an answer that was in hand when it went away', async () => {
    const { replica, empty } = setUp()
    const here = replica()
    const { session, cookie } = await open(here)
    here.held.push(session)
    empty()
    const arriving = here.arrive()
    const vault = { idToken: 'new', refreshToken: 'new' }
    const renewed = { ...session, validatedAt: START + 1 }
    const write = () => here.sessions.renew(cookie, renewed, vault, START)
    await expect(write()).rejects.toMatchObject(unavailable)
    await arriving
    expect(await write()).toBe(true)
    expect(await here.sessions.openVault(cookie)).toEqual(vault)
  })

  it('says of nothing that it is gone while it may come back, and then does', async () => {
    const { replica, empty, clock } = setUp()
    const here = replica()
    const { session, cookie } = await open(here)
    empty()
    await here.arrive()
    await expect(here.sessions.find(cookie)).rejects.toMatchObject(unavailable)
    await expect(here.sessions.list()).rejects.toMatchObject(unavailable)
    await expect(here.sessions.end(session.id, 'revoked')).rejects.toMatchObject(unavailable)
    expect(await here.sessions.lookUp([session.id])).toEqual([undefined])
    clock.time += WINDOW
    expect(await here.sessions.find(cookie)).toEqual({ state: 'none' })
    expect(await here.sessions.lookUp([session.id])).toEqual([{ state: 'none' }])
    expect(await here.sessions.list()).toEqual([])
  })

  it('keeps whoever is at work on a replica that has not said so again', async () => {
    const { replica, empty, clock } = setUp({ idleTimeout: 60_000 })
    const [here, there] = [replica(), replica()]
    const { session, cookie } = await open(here)
    here.held.push(session)
    clock.time += 59_000
    there.presence.noteInput(session.id)
    clock.time += 2_000
    empty()
    await here.arrive()
    expect((await here.sessions.find(cookie)).state).toBe('live')
    await there.arrive()
    clock.time += WINDOW
    expect((await here.sessions.find(cookie)).state).toBe('live')
    clock.time += 60_000
    expect(await here.sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'idle' })
  })
})

/** A session that both replicas hold, and of whose end only the first will know. */
async function held(here: Replica, there: Replica): Promise<{ session: Session; cookie: string }> {
  const opened = await open(here)
  const found = await there.sessions.find(opened.cookie)
  if (found.state !== 'live') throw new Error('not found')
  here.held.push(opened.session)
  there.held.push(found.session)
  there.isDeaf = true
  return opened
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('nobody comes back who', () => {
  it.each(['who ended it', 'who missed it'])(
    'was signed out before, when first there comes %s',
    async (first) => {
      const { replica, empty } = setUp()
      const [here, there] = [replica(), replica()]
      const { session, cookie } = await held(here, there)
      await here.sessions.end(session.id, 'signed-out')
      await turn()
      there.isDeaf = false
      empty()
      for (const one of first === 'who ended it' ? [here, there] : [there, here]) await one.arrive()
      for (const { sessions } of [here, there]) {
        expect(await sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'signed-out' })
        expect(await sessions.lookUp([session.id])).toMatchObject([{ state: 'ended' }])
      }
      // The stream ends at once, although the session was missing and then restored.
      if (first === 'who missed it')
        await vi.waitFor(() => expect(there.heard).toContain(`${session.id} signed-out`))
    },
  )

  it('was signed out while the store was away', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { replica, empty, data, clock } = setUp()
      const [here, there] = [replica(), replica()]
      const { session, cookie } = await held(here, there)
      vi.spyOn(data(), 'read').mockRejectedValue(new Error('away'))
      await expect(here.sessions.end(session.id, 'revoked')).rejects.toThrow('away')
      empty()
      await there.arrive()
      expect((await there.sessions.find(cookie)).state).toBe('live')
      await here.arrive()
      await vi.waitFor(async () =>
        expect(await there.sessions.find(cookie)).toMatchObject({ reason: 'revoked' }),
      )
      clock.time += WINDOW
      expect(await there.sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'revoked' })
    } finally {
      vi.useRealTimers()
    }
  })

  it('the provider signed out while the session was missing', async () => {
    const { replica, empty } = setUp()
    const [here, there] = [replica(), replica()]
    const { cookie } = await held(here, there)
    here.held.length = 0
    empty()
    await here.arrive()
    expect(await here.sessions.endByProvider(everything, 'a request')).toBe(0)
    await there.arrive()
    await vi.waitFor(async () =>
      expect(await here.sessions.find(cookie)).toMatchObject({ reason: 'provider-logout' }),
    )
  })

  it('the provider signed out while the store was away', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { replica, empty, data } = setUp()
      const [here, there] = [replica(), replica()]
      const { cookie } = await held(here, there)
      here.held.length = 0
      vi.spyOn(data(), 'raise').mockRejectedValue(new Error('away'))
      await expect(here.sessions.endByProvider(everything, 'a request')).rejects.toThrow('away')
      empty()
      await there.arrive()
      expect((await there.sessions.find(cookie)).state).toBe('live')
      await here.arrive()
      await vi.advanceTimersByTimeAsync(2_000)
      await vi.waitFor(async () =>
        expect(await there.sessions.find(cookie)).toMatchObject({ reason: 'provider-logout' }),
      )
    } finally {
      vi.useRealTimers()
    }
  })

  it('was signed out after the data was saved that the store came back with', async () => {
    const { replica, empty, data } = setUp()
    const [here, there] = [replica(), replica()]
    const { session, cookie } = await open(here)
    const [record] = await data().read([session.id])
    await here.sessions.end(session.id, 'signed-out')
    await vi.waitFor(() => expect(there.heard).toHaveLength(1))
    empty()
    await data().create(session.id, record as SessionRecord)
    // Who ended it is gone, who heard of it is not.
    await there.arrive()
    await vi.waitFor(async () =>
      expect(await there.sessions.find(cookie)).toMatchObject({ reason: 'signed-out' }),
    )
  })

  it('was logged out by the provider while the login was under way', async () => {
    const { replica, empty } = setUp()
    const here = replica()
    await here.sessions.endByProvider(everything, 'a request')
    empty()
    await here.arrive()
    expect(await here.sessions.open(opening)).toBeUndefined()
  })
})
