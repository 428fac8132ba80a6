// Somebody who can write everything in the session store can end sessions, but cannot sign in as anybody
// (docs/adr/0009-records-bound-to-what-they-are-for.md).

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newSessionCookie } from '../../src/session/cookie.ts'
import { sessionId } from '../../src/session/session-records.ts'
import { createStoreHealth } from '../../src/session/store-health.ts'
import {
  attackRedis,
  attackSqlite,
  DESK,
  keyOf,
  signIn,
  type AttackedStore,
  type RawRecords,
} from '../support/store-writer.ts'
import { until } from '../support/until.ts'

const OTHER = 'https://other.example.com'
const NONE = { state: 'none' }

let target: AttackedStore
afterEach(() => target.stop())

function take(records: RawRecords, key: string): Record<string, unknown> {
  const record = records.get(key)
  if (record === undefined) throw new Error(`nothing is stored under ${key}`)
  return record
}

describe.each([
  ['Redis', attackRedis],
  ['SQLite', attackSqlite],
])('records in %s', (_, attack) => {
  beforeEach(async () => {
    target = await attack()
  })

  it('sign nobody in when they are copied to the id of an invented cookie', async () => {
    const alice = await signIn(await target.start())
    const invented = newSessionCookie()
    await target.edit((records) =>
      records.set(keyOf(sessionId(invented)), take(records, keyOf(alice.session.id))),
    )
    const { sessions } = await target.start()
    expect(await sessions.find(invented)).toEqual(NONE)
    expect(await sessions.openVault(invented)).toBeUndefined()
    expect(await sessions.find(alice.cookie)).toMatchObject({ state: 'live' })
    expect(await sessions.list()).toHaveLength(1)
  })

  it('sign nobody in when those of two people are swapped, or one is renamed', async () => {
    const before = await target.start()
    const [alice, bob] = [await signIn(before), await signIn(before, 'bob')]
    const carol = await signIn(before, 'carol')
    const invented = newSessionCookie()
    await target.edit((records) => {
      const [a, b] = [alice, bob].map(({ session }) => take(records, keyOf(session.id)))
      records.set(keyOf(alice.session.id), b ?? {}).set(keyOf(bob.session.id), a ?? {})
      records.set(keyOf(sessionId(invented)), take(records, keyOf(carol.session.id)))
      records.delete(keyOf(carol.session.id))
    })
    const { sessions } = await target.start()
    for (const cookie of [alice.cookie, bob.cookie, carol.cookie, invented])
      expect(await sessions.find(cookie)).toEqual(NONE)
    expect(await sessions.list()).toEqual([])
  })

  it('do not become live again when they are put back after the end of their session', async () => {
    const before = await target.start()
    const { session, cookie } = await signIn(before)
    let live: Record<string, unknown> = {}
    await target.edit((records) => (live = { ...take(records, keyOf(session.id)) }))
    expect(await (await target.start()).sessions.end(session.id, 'revoked')).toBe(true)
    for (const forged of [live, { ...live, generation: 9 }, { ...live, activeUntil: 0 }]) {
      await target.edit((records) => records.set(keyOf(session.id), forged))
      const { sessions } = await target.start()
      expect(await sessions.find(cookie)).toEqual(NONE)
      expect(await sessions.openVault(cookie)).toBeUndefined()
      expect(await sessions.list()).toEqual([])
      expect(await sessions.renew(cookie, session, { idToken: '', refreshToken: '' }, 0)).toBe(
        false,
      )
    }
  })

  it('do not open with the tokens of an earlier generation', async () => {
    const before = await target.start()
    const { session, cookie } = await signIn(before)
    let old: unknown
    await target.edit((records) => (old = take(records, keyOf(session.id))['vault']))
    const vault = { idToken: 'new', refreshToken: 'new' }
    const renewed = { ...session, validatedAt: session.validatedAt + 1 }
    const there = await target.start()
    expect(await there.sessions.renew(cookie, renewed, vault, session.validatedAt)).toBe(true)
    expect(await there.sessions.openVault(cookie)).toEqual(vault)
    await target.edit((records) => Object.assign(take(records, keyOf(session.id)), { vault: old }))
    expect(await (await target.start()).sessions.openVault(cookie)).toBeUndefined()
  })

  it('of a gateway with another public URL and the same secret sign nobody in here', async () => {
    const foreign = await signIn(await target.start(OTHER))
    await target.edit((records) =>
      records.set(keyOf(foreign.session.id), take(records, keyOf(foreign.session.id, OTHER))),
    )
    expect(await (await target.start()).sessions.find(foreign.cookie)).toEqual(NONE)
    const there = await target.start(OTHER)
    expect(await there.sessions.find(foreign.cookie)).toMatchObject({ state: 'live' })
  })

  it.each([OTHER, `${DESK}/second/`])(
    'cannot be listed, counted or ended by a gateway at %s',
    async (publicUrl) => {
      const alice = await signIn(await target.start())
      const there = await target.start(publicUrl)
      const { iss, sub, sid } = alice.session.identity
      expect(await there.sessions.find(alice.cookie)).toEqual(NONE)
      expect(await there.sessions.list()).toEqual([])
      expect(await there.sessions.countActive()).toBe(0)
      expect(await there.sessions.end(alice.session.id, 'revoked')).toBe(false)
      const iat = Date.now() / 1_000 + 1
      for (const order of [
        { iss, sub, sid: undefined, iat },
        { iss, sub: undefined, sid, iat },
      ])
        expect(await there.sessions.endByProvider(order, 'r')).toBe(0)
      const here = await target.start()
      expect(await here.sessions.find(alice.cookie)).toMatchObject({ state: 'live' })
      expect(await here.sessions.countActive()).toBe(1)
    },
  )

  it('of one person do not exceed the limit: the oldest session ends', async () => {
    const replica = await target.start(DESK, 2)
    const opened: Awaited<ReturnType<typeof signIn>>[] = []
    for (let count = 0; count < 3; count += 1) {
      opened.push(await signIn(replica))
      await sleep(2)
    }
    const bob = await signIn(replica, 'bob')
    const states = await Promise.all(opened.map(({ cookie }) => replica.sessions.find(cookie)))
    expect(states).toMatchObject([
      { state: 'ended', reason: 'superseded' },
      { state: 'live' },
      { state: 'live' },
    ])
    expect(await replica.sessions.find(bob.cookie)).toMatchObject({ state: 'live' })
  })
})

describe('in Redis', () => {
  beforeEach(async () => {
    target = await attackRedis()
  })
  const redis = () => target.redis ?? expect.fail('no Redis')
  const keysOf = (kind: string): Promise<string[]> => redis().keys(`ghostwire:*:${kind}:*`)

  it('a replica that knows of an end refuses a rolled-back record without any marker, and ends it again', async () => {
    const here = await target.start()
    const { session, cookie } = await signIn(here)
    const [key = ''] = await keysOf('session')
    const live = (await redis().get(key)) ?? ''
    await here.sessions.end(session.id, 'revoked')
    await redis().del(await keysOf('ended'))
    await redis().set(key, live)
    expect(await here.sessions.find(cookie)).toMatchObject({ state: 'ended', reason: 'revoked' })
    const there = await target.start()
    await until(async () => (await there.sessions.find(cookie)).state === 'ended')
  })

  it('another person’s session under a person’s index is neither ended nor counted as theirs', async () => {
    const replica = await target.start(DESK, 1)
    const alice = await signIn(replica)
    const indexes = await keysOf('index')
    const bob = await signIn(replica, 'bob')
    for (const index of indexes) await redis().zadd(index, Date.now() + 60_000, bob.session.id)
    const again = await signIn(replica)
    expect(await replica.sessions.find(alice.cookie)).toMatchObject({ reason: 'superseded' })
    const { iss, sub, sid } = again.session.identity
    const iat = Date.now() / 1_000
    await replica.sessions.endByProvider({ iss, sub, sid: undefined, iat }, 'r')
    await replica.sessions.endByProvider({ iss, sub: undefined, sid, iat }, 'r')
    expect(await replica.sessions.find(again.cookie)).toMatchObject({ state: 'ended' })
    expect(await replica.sessions.find(bob.cookie)).toMatchObject({ state: 'live' })
  })

  it('ten sign-ins at once on two replicas leave a person twenty sessions', async () => {
    const [one, two] = [await target.start(), await target.start()]
    const opened = []
    for (let count = 0; count < 15; count += 1) opened.push(await signIn(one))
    const many = Array.from({ length: 10 }, (_, n) => signIn(n % 2 === 0 ? one : two))
    opened.push(...(await Promise.all(many)))
    const found = await one.sessions.lookUp(opened.map(({ session }) => session.id))
    expect(found.filter((one) => one?.state === 'live')).toHaveLength(20)
    expect(await two.sessions.countActive()).toBe(20)
  })

  it('records of a newer version count as missing, are reported once and are not changed', async () => {
    const replica = await target.start()
    const { sessions, told } = replica
    const { session, cookie } = await signIn(replica)
    const [key = ''] = await keysOf('session')
    const newer = JSON.stringify({ ...JSON.parse((await redis().get(key)) ?? ''), version: 3 })
    await redis().set(key, newer)
    expect(await sessions.find(cookie)).toEqual(NONE)
    expect(await sessions.end(session.id, 'revoked')).toBe(false)
    const { iss, sub } = session.identity
    await sessions.endByProvider({ iss, sub, sid: undefined, iat: Date.now() / 1_000 }, 'r')
    expect(await redis().get(key)).toBe(newer)
    expect(told).toEqual([expect.stringContaining('sessions of a newer version') as string])
  })

  it('values that the gateway did not write do not affect other sessions', async () => {
    const replica = await target.start()
    const [alice, bob] = [await signIn(replica), await signIn(replica, 'bob')]
    const [gateway = ''] = keyOf('').split(' ')
    const key = `ghostwire:${gateway}:session:${alice.session.id}`
    await redis().zadd(`ghostwire:${gateway}:replicas`, Date.now() + 60_000, 'x')
    for (const junk of ['{', '5', 'null', '[]', '"x"', '{"version":2}']) {
      await redis().set(key, junk)
      await redis().hset(`ghostwire:${gateway}:presence:x`, bob.session.id, junk)
      expect(await replica.sessions.find(alice.cookie)).toEqual(NONE)
      expect(await replica.sessions.end(alice.session.id, 'revoked')).toBe(false)
      expect(await replica.sessions.find(bob.cookie)).toMatchObject({ state: 'live' })
      expect(await replica.sessions.lastInput(bob.session)).toBe(bob.session.createdAt)
      expect(await replica.sessions.list()).toHaveLength(1)
    }
    await redis().del(key)
    await redis().sadd(key, 'a set')
    expect(await replica.sessions.find(alice.cookie)).toEqual(NONE)
    const [index = ''] = await keysOf('index')
    await redis().del(index)
    await redis().set(index, 'no sorted set')
    const failures = await Promise.allSettled([signIn(replica), signIn(replica, 'bob')])
    expect(failures.some(({ status }) => status === 'rejected')).toBe(true)
    expect(replica.told.join()).toContain(
      `something else wrote to a key under ghostwire:${gateway}:`,
    )
    expect(await replica.sessions.find(bob.cookie)).toMatchObject({ state: 'live' })
  })

  it('a full server loses nothing: sessions continue, and ends are applied later', async () => {
    const replica = await target.start()
    const { session, cookie } = await signIn(replica)
    await replica.store.writePresence('r', new Map([[session.id, 'said']]), 60_000)
    await redis().config('SET', 'maxmemory', '1')
    const unavailable = { code: 'store-unavailable' }
    await expect(signIn(replica, 'bob')).rejects.toMatchObject(unavailable)
    expect(await createStoreHealth(replica.store, Date.now).isUp()).toBe(false)
    await expect(
      replica.store.writePresence('r', new Map([[session.id, 'again']]), 60_000),
    ).rejects.toMatchObject(unavailable)
    expect(await replica.store.readPresence([session.id])).toEqual([['said']])
    const there = await target.start()
    await expect(there.sessions.end(session.id, 'revoked')).rejects.toMatchObject(unavailable)
    expect(replica.told.join()).toContain('Redis is full: raise its maxmemory')
    await redis().config('SET', 'maxmemory', '0')
    expect(await replica.sessions.find(cookie)).toMatchObject({ state: 'live' })
    expect(await createStoreHealth(replica.store, Date.now).isUp()).toBe(true)
    const { iss, sub } = session.identity
    const order = { iss, sub, sid: undefined, iat: Date.now() / 1_000 }
    expect(await replica.sessions.endByProvider(order, 'r')).toBe(1)
  })
})
