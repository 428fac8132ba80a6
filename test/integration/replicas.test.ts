// Two replicas with one real Redis: an end on one is an end on the other, and an outage of the store ends no session.

import { afterEach, describe, expect, it } from 'vitest'
import { alice, type Person as Somebody } from '../../demo/people.ts'
import { freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { Person } from '../support/person.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { expectEnd, isOpen, openStream } from '../support/stream.ts'

const ADMIN_TOKEN = 'an-admin-token-for-tests'
const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

interface Pair {
  readonly redis: RedisServer
  readonly stack: Stack
  readonly here: TestGateway
  readonly there: TestGateway
}

async function startPair(
  environment: Readonly<Record<string, string>> = {},
  people: readonly Somebody[] = [alice],
): Promise<Pair> {
  const redis = await startRedis()
  endings.push(() => redis.remove())
  const shared = {
    GATEWAY_SESSION_STORE: redis.url,
    GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
    GATEWAY_LOGIN_LIMIT: 'off',
    ...environment,
  }
  const stack = await startStack({ environment: shared, provider: { people } })
  endings.push(() => stack.stop())
  const there = await startTestGateway({
    ...stack.environment,
    GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
  })
  endings.push(() => there.stop())
  await there.ready()
  return { redis, stack, here: stack.gateway, there }
}

async function signIn(gateway: TestGateway): Promise<Person> {
  const person = new Person()
  await person.signIn(`${gateway.origin}/`)
  return person
}

const revoke = (gateway: TestGateway): Promise<Response> =>
  fetch(`${gateway.admin}/admin/users/alice/sessions`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('an end on one replica', () => {
  it('ends the streams on the other', async () => {
    const { here, there } = await startPair()
    const person = await signIn(here)
    const [one, two] = [await openStream(here, person), await openStream(there, person)]
    expect(await (await revoke(there)).json()).toEqual({ ended: 1 })
    await expectEnd(one, 4401, 'revoked')
    await expectEnd(two, 4401, 'revoked')
    expect(here.audit('session_ended')).toEqual([])
    expect(there.audit('session_ended')).toHaveLength(1)
  })

  it('the list of sessions on each replica counts the streams of both', async () => {
    const { here, there } = await startPair({ GATEWAY_SESSION_IDLE_TIMEOUT: '5s' })
    const person = await signIn(here)
    const streams = [await openStream(here, person), await openStream(there, person)]
    const list = async (gateway: TestGateway): Promise<unknown> => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
      const answer = await fetch(`${gateway.admin}/admin/sessions`, { headers })
      return ((await answer.json()) as { sessions: { tunnels: number }[] }).sessions[0]?.tunnels
    }
    await expect.poll(() => list(here), { timeout: 3_000 }).toBe(2)
    await expect.poll(() => list(there), { timeout: 3_000 }).toBe(2)
    for (const { socket } of streams) socket.destroy()
  })

  it('a change of role on one replica ends the streams on the other', async () => {
    const people = [{ ...alice }]
    const { here, there } = await startPair(
      {
        GATEWAY_SESSION_REVALIDATE_EVERY: '2s',
        GATEWAY_VIEW_GROUPS: 'watchers',
        GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
        GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
      },
      people,
    )
    const person = await signIn(here)
    const streams = [await openStream(here, person), await openStream(there, person)]
    people[0] = { ...alice, groups: ['watchers'] }
    for (const stream of streams) {
      const closed = await Promise.race([stream.closed, pause(14_000)])
      expect(closed).toMatchObject({ code: 1001 })
    }
  })

  it('the idle timeout does not end a session with input on the other replica', async () => {
    const { here, there } = await startPair({ GATEWAY_SESSION_IDLE_TIMEOUT: '1s' })
    const person = await signIn(here)
    const [still, moving] = [await openStream(here, person), await openStream(there, person)]
    moving.sendFrame(Buffer.from('RFB 003.008\n\u0001\u0001'))
    for (let at = 0; at < 12; at += 1) {
      moving.sendFrame(Buffer.from([5, 0, 0, 0, at, 0, 1, 0, 0, 0, 0]))
      await pause(200)
    }
    expect([isOpen(still), isOpen(moving)]).toEqual([true, true])
    await expectEnd(still, 4401, 'idle')
    await expectEnd(moving, 4401, 'idle')
  })
})

describe('while the store is away', () => {
  it.each(['stopped', 'frozen'] as const)(
    '(%s) open streams continue, and nobody is signed out',
    async (how) => {
      const { redis, here } = await startPair()
      const person = await signIn(here)
      const stream = await openStream(here, person)
      if (how === 'stopped') await redis.stop()
      else redis.freeze()
      expect((await person.visit(`${here.origin}/`)).status).toBe(503)
      await pause(1_500)
      expect(isOpen(stream)).toBe(true)
      if (how === 'stopped') await redis.start()
      else redis.thaw()
      const status = async (): Promise<number> => (await person.visit(`${here.origin}/`)).status
      await expect.poll(status, { timeout: 5_000 }).toBe(200)
      expect(isOpen(stream)).toBe(true)
      stream.socket.destroy()
    },
  )

  it('streams end when it is away for longer than its grace time', async () => {
    const { redis, here } = await startPair({ GATEWAY_SESSION_STORE_GRACE: '0' })
    const stream = await openStream(here, await signIn(here))
    redis.freeze()
    const closed = await Promise.race([stream.closed, pause(15_000)])
    expect(closed).toMatchObject({ code: 4401, reason: 'store-lost' })
    redis.thaw()
  })

  it('an administrator learns that an end did not reach every replica, and the local streams end', async () => {
    const { redis, here, there } = await startPair()
    const person = await signIn(here)
    const [mine, theirs] = [await openStream(here, person), await openStream(there, person)]
    redis.freeze()
    expect((await revoke(here)).status).toBe(503)
    await expectEnd(mine, 4401, 'revoked')
    expect(isOpen(theirs)).toBe(true)
    redis.thaw()
    // The end was tried again until the store took it.
    await expect.poll(() => isOpen(theirs), { timeout: 8_000 }).toBe(false)
    expect(await theirs.closed).toMatchObject({ code: 4401, reason: 'revoked' })
  })
})
