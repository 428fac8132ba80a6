// Redis restarts while two replicas run: with its data, with older data, or with none. People at a desktop notice nothing,
// and signed-out people stay signed out (docs/adr/0008-what-a-restarted-store-forgot.md).

import { afterEach, describe, expect, it } from 'vitest'
import { freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startKasmVncStandIn } from '../support/kasmvnc-stand-in.ts'
import { Person } from '../support/person.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { metric, signIn as signInScripted, startScriptedStack } from '../support/scripted-stack.ts'
import { startStack } from '../support/stack.ts'
import { expectEnd, isOpen, openStream } from '../support/stream.ts'

const ADMIN_TOKEN = 'an-admin-token-for-tests'
const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

interface Pair {
  readonly redis: RedisServer
  readonly here: TestGateway
  readonly there: TestGateway
}

async function startRedisFor(...words: string[]): Promise<RedisServer> {
  const redis = await startRedis({ arguments: words })
  endings.push(() => redis.remove())
  return redis
}

const environmentOf = (redis: RedisServer) => ({
  GATEWAY_SESSION_STORE: redis.url,
  GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
  GATEWAY_LOGIN_LIMIT: 'off',
})

async function startSecond(environment: Readonly<Record<string, string | undefined>>) {
  const there = await startTestGateway({
    ...environment,
    GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
  })
  endings.push(() => there.stop())
  await there.ready()
  return there
}

async function startPair(
  redis: RedisServer,
  environment: Readonly<Record<string, string>> = {},
): Promise<Pair> {
  const stack = await startStack({ environment: { ...environmentOf(redis), ...environment } })
  endings.push(() => stack.stop())
  return { redis, here: stack.gateway, there: await startSecond(stack.environment) }
}

async function arrive({ origin }: TestGateway): Promise<Person> {
  const person = new Person()
  await person.signIn(`${origin}/`)
  return person
}

const revoke = (gateway: TestGateway): Promise<Response> =>
  fetch(`${gateway.admin}/admin/users/alice/sessions`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const soon = { timeout: 8_000 }
/** The replicas read their sessions again every ten seconds. */
const A_SWEEP_MS = 11_000

async function visits(person: Person, gateway: TestGateway): Promise<string> {
  const { status, location } = await person.visit(`${gateway.origin}/vnc.html`)
  return `${status} ${location?.searchParams.get('reason') ?? ''}`.trim()
}

describe('after an outage of Redis', () => {
  it.each([
    ['its data', ['--appendonly', 'yes', '--appendfsync', 'always']],
    ['nothing', []],
  ])(
    'that came back with %s, people at a desktop noticed nothing',
    async (_, words) => {
      const { redis, here, there } = await startPair(await startRedisFor(...words), {
        GATEWAY_SESSION_REVALIDATE_EVERY: '4s',
        GATEWAY_SESSION_IDLE_TIMEOUT: '1m',
      })
      const person = await arrive(here)
      const other = await arrive(there)
      const streams = [
        await openStream(here, person),
        await openStream(there, person),
        await openStream(there, other),
      ]
      await redis.kill()
      await pause(5_000)
      expect(await visits(person, here)).toBe('503')
      await redis.start()
      await expect.poll(() => visits(person, here), soon).toBe('200')
      await expect.poll(() => visits(person, there), soon).toBe('200')
      await expect.poll(() => visits(other, here), soon).toBe('200')
      const refreshed = async (outcome: string): Promise<number> => {
        const all = [here, there].map((one) =>
          metric(one, 'ghostwire_session_refreshes_total', { outcome }),
        )
        return (await Promise.all(all)).reduce((sum, count) => sum + count, 0)
      }
      const before = await refreshed('refreshed')
      await pause(A_SWEEP_MS)
      // The tokens were restored with the session. They are the newest ones: the provider would have refused a used token.
      await expect.poll(() => refreshed('refreshed'), soon).toBeGreaterThan(before)
      expect([await refreshed('refused'), ...streams.map(isOpen)]).toEqual([0, true, true, true])
      expect([...here.audit('session_ended'), ...there.audit('session_ended')]).toEqual([])
      // The restored sessions can be found and ended as before.
      expect(await (await revoke(here)).json()).toEqual({ ended: 2 })
      for (const stream of streams) await expectEnd(stream, 4401, 'revoked')
    },
    60_000,
  )

  it('people without an open stream sign in again if Redis lost its data', async () => {
    const { redis, here } = await startPair(await startRedisFor())
    const person = await arrive(here)
    await redis.kill()
    await redis.start()
    // While another replica may still restore the session, nobody is sent to sign in.
    await expect.poll(() => visits(person, here), soon).toBe('503')
    await pause(3_000)
    expect(await visits(person, here)).toBe('503')
    const again = person.visit(`${here.origin}/`)
    expect((await again).headers.get('retry-after')).toMatch(/^\d+$/)
    await expect.poll(() => visits(person, here), { timeout: 15_000 }).toBe('302')
    expect((await person.signIn(`${here.origin}/`)).status).toBe(200)
  }, 40_000)
})

describe('a signed-out person stays signed out', () => {
  it.each(['nothing', 'older data'])(
    'before Redis came back with %s',
    async (what) => {
      const { redis, here, there } = await startPair(await startRedisFor())
      const [person, other] = [await arrive(here), await arrive(here)]
      const stream = await openStream(there, person)
      if (what === 'older data') expect(await redis.command('SAVE')).toContain('+OK')
      expect((await person.visit(`${here.origin}/`)).status).toBe(200)
      const cookie = person.cookieHeader(here.origin)
      const before = new Person()
      before.jars.set('localhost', new Map(person.jars.get('localhost')))
      const form = { method: 'POST', headers: { origin: here.origin } }
      expect((await person.request(`${here.origin}/oauth2/sign_out`, form)).status).toBe(302)
      await expectEnd(stream, 4401, 'signed-out')
      const stays = await openStream(there, other)
      await redis.kill()
      await redis.start()
      await expect.poll(() => visits(other, here), soon).toBe('200')
      expect(before.cookieHeader(here.origin)).toBe(cookie)
      for (const gateway of [here, there]) {
        await expect.poll(() => visits(before, gateway), soon).toBe('302 signed-out')
      }
      await pause(A_SWEEP_MS)
      for (const gateway of [here, there])
        expect(await visits(before, gateway)).toBe('302 signed-out')
      expect(isOpen(stays)).toBe(true)
      stays.socket.destroy()
    },
    40_000,
  )

  it('while Redis was away, on one of the replicas', async () => {
    const { redis, here, there } = await startPair(await startRedisFor())
    const person = await arrive(here)
    const [mine, theirs] = [await openStream(here, person), await openStream(there, person)]
    await redis.kill()
    expect((await revoke(here)).status).toBe(503)
    await expectEnd(mine, 4401, 'revoked')
    expect(isOpen(theirs)).toBe(true)
    await redis.start()
    expect(await Promise.race([theirs.closed, pause(8_000)])).toMatchObject({
      code: 4401,
      reason: 'revoked',
    })
    for (const gateway of [here, there]) {
      await expect.poll(() => visits(person, gateway), soon).toBe('302 revoked')
    }
    await pause(A_SWEEP_MS)
    for (const gateway of [here, there]) expect(await visits(person, gateway)).toBe('302 revoked')
  }, 40_000)

  it('by the provider while Redis was away, at a replica without one of their streams', async () => {
    const redis = await startRedisFor()
    const desktop = await startKasmVncStandIn()
    endings.push(() => desktop.stop())
    const environment = { ...environmentOf(redis), GATEWAY_DESKTOP_URL: desktop.url.origin }
    const stack = await startScriptedStack({ environment })
    endings.push(() => stack.stop())
    const there = await startSecond(stack.environment)
    const person = new Person()
    await signInScripted(stack, '/', person)
    const stream = await openStream(there, person)
    await redis.kill()
    const token = await stack.op.logoutToken()
    const answer = await fetch(
      `http://127.0.0.1:${stack.gateway.publicPort}/oauth2/backchannel_logout`,
      {
        method: 'POST',
        body: new URLSearchParams({ logout_token: token }),
      },
    )
    expect(answer.status).toBe(503)
    expect(isOpen(stream)).toBe(true)
    await redis.start()
    expect(await Promise.race([stream.closed, pause(8_000)])).toMatchObject({
      code: 4401,
      reason: 'provider-logout',
    })
  }, 40_000)
})

it('a session that is missing in a Redis that was not restarted is over', async () => {
  const { redis, here } = await startPair(await startRedisFor())
  const person = await arrive(here)
  const stream = await openStream(here, person)
  const [, key = ''] =
    /(ghostwire:\S+:session:\S+)/.exec(await redis.command('KEYS', '*session*')) ?? []
  expect(await redis.command('DEL', key)).toContain(':1')
  // It is not restored when the connection returns.
  const server = key.replace(/session:.*$/, 'server')
  await redis.command('HSET', server, 'since', String(Date.now() - 10_000))
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal')
  const closed = await Promise.race([stream.closed, pause(13_000)])
  expect(closed).toMatchObject({ code: 4401, reason: 'store-lost' })
  expect(await visits(person, here)).toBe('302')
})
