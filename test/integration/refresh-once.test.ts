// A provider that rotates refresh tokens treats a second use of one as theft, and ends the session. So two processes
// never use the same token, whatever fails: a process, the store or the provider's answer. There is one exception.

import { afterEach, describe, expect, it } from 'vitest'
import type { RunningProvider } from '../../demo/provider.ts'
import { environmentFor, freePort, startTestGateway, type Environment } from '../support/gateway.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { startKasmVncStandIn } from '../support/kasmvnc-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import { Person } from '../support/person.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { PERSON, TOKEN_PREFIX } from '../support/scripted-op.ts'
import { signIn, startScriptedStack } from '../support/scripted-stack.ts'
import { isOpen, openStream } from '../support/stream.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Processes {
  readonly redis: RedisServer
  readonly one: GatewayProcess
  readonly two: GatewayProcess
  readonly person: Person
  /** The times at which the provider issued new tokens for a refresh token, and at which it refused. */
  readonly granted: readonly number[]
  readonly refused: readonly number[]
  /** Freezes Redis before the next answer. */
  readonly freezeAtNextAnswer: () => void
  /** Whether that process lets the person pass. */
  readonly ask: (process: GatewayProcess) => Promise<number>
}

/** Two gateway processes with one Redis, an OP that rotates refresh tokens, and a signed-in person. */
async function startProcesses(revalidateEvery: string): Promise<Processes> {
  const redis = await startRedis()
  endings.push(() => redis.remove())
  const origin = `http://localhost:${await freePort()}`
  const provider: RunningProvider = await startTestProvider(origin)
  endings.push(() => provider.stop())
  const desktop = await startKasmVncStandIn()
  endings.push(() => desktop.stop())
  const environment: Environment = {
    ...environmentFor(origin, provider.issuer, desktop.url.origin),
    GATEWAY_SESSION_STORE: redis.url,
    GATEWAY_SESSION_REVALIDATE_EVERY: revalidateEvery,
    GATEWAY_LOGIN_LIMIT: 'off',
  }
  const one = await startGatewayProcess(environment)
  endings.push(() => one.kill())
  const two = await startGatewayProcess({
    ...environment,
    GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
  })
  endings.push(() => two.kill())

  const granted: number[] = []
  const refused: number[] = []
  let isToFreeze = false
  provider.provider.on('grant.success', (context) => {
    if (context.oidc.params?.['grant_type'] !== 'refresh_token') return
    granted.push(Date.now())
    if (isToFreeze) redis.freeze()
    isToFreeze = false
  })
  provider.provider.on('grant.error', () => refused.push(Date.now()))

  const person = new Person()
  await person.signIn(`${origin}/`)
  return {
    redis,
    one,
    two,
    person,
    granted,
    refused,
    freezeAtNextAnswer: () => (isToFreeze = true),
    async ask({ publicPort }) {
      const headers = { cookie: person.cookieHeader(origin) }
      return (await fetch(`http://localhost:${publicPort}/oauth2/auth`, { headers })).status
    },
  }
}

describe('of two processes', () => {
  it('only one asks the provider, however many requests arrive at both', async () => {
    const { one, two, ask, granted, refused } = await startProcesses('3s')
    for (let round = 1; round <= 3; round += 1) {
      await pause(3_100)
      const burst = Array.from({ length: 24 }, (_, at) => ask(at % 2 === 0 ? one : two))
      expect(new Set(await Promise.all(burst))).toEqual(new Set([202]))
      // Requests that found the lease taken did not wait for its holder.
      await expect.poll(() => granted.length).toBe(round)
    }
    await pause(500)
    expect([granted.length, refused.length]).toEqual([3, 0])
  })

  it('the one that got the provider’s answer writes it once the store is back', async () => {
    const { redis, one, two, ask, granted, refused, freezeAtNextAnswer } =
      await startProcesses('4s')
    await pause(4_100)
    freezeAtNextAnswer()
    const answer = ask(one)
    await expect.poll(() => granted.length, { timeout: 3_000 }).toBe(1)
    await pause(3_000)
    // Nobody else asks the provider while the store is away.
    expect(await ask(two)).toBe(503)
    expect(granted).toHaveLength(1)
    redis.thaw()
    expect(await answer).toBe(202)
    for (let round = 2; round <= 3; round += 1) {
      await pause(4_100)
      await expect.poll(() => ask(two), { timeout: 3_000 }).toBe(202)
      await expect.poll(() => granted.length, { timeout: 3_000 }).toBe(round)
    }
    expect(refused).toEqual([])
  }, 40_000)

  it('one that is killed before it writes the answer loses the session, because the old token is used again', async () => {
    const processes = await startProcesses('4s')
    const { redis, one, two, ask, granted, refused, freezeAtNextAnswer } = processes
    await pause(4_100)
    freezeAtNextAnswer()
    const lost = ask(one).catch(() => 'no answer')
    await expect.poll(() => granted.length, { timeout: 3_000 }).toBe(1)
    await pause(500)
    await one.kill()
    expect(await lost).toBe('no answer')
    redis.thaw()
    const from = Date.now()
    // The dead process's lease stops the other one from asking; it lets people pass meanwhile.
    await expect.poll(() => ask(two), { timeout: 3_000 }).toBe(202)
    while (Date.now() - from < 8_000) {
      expect(await ask(two)).toBe(202)
      await pause(200)
    }
    expect(refused).toEqual([])
    // Then it asks once with the token that it knows, and accepts the provider's refusal.
    await expect.poll(() => ask(two), { timeout: 15_000 }).toBe(401)
    expect([granted.length, refused.length]).toEqual([1, 1])
    expect(two.audit('session_ended')).toMatchObject([{ reason: 'refresh-refused' }])
    expect(await ask(two)).toBe(401)
    expect(refused).toHaveLength(1)
  }, 60_000)
})

it('an answer of the provider after 20 s is still used, and no request waits longer than 10 s for it', async () => {
  const redis = await startRedis()
  endings.push(() => redis.remove())
  const desktop = await startKasmVncStandIn()
  endings.push(() => desktop.stop())
  let rotations = 0
  const rotate = (afterMs: number) => (usual: { readonly body: object }) => ({
    ...usual,
    body: { ...usual.body, refresh_token: `${TOKEN_PREFIX}refresh-${(rotations += 1)}` },
    afterMs,
  })
  const stack = await startScriptedStack({
    environment: {
      GATEWAY_SESSION_STORE: redis.url,
      GATEWAY_SESSION_REVALIDATE_EVERY: '2s',
      GATEWAY_DESKTOP_URL: desktop.url.origin,
    },
    op: { script: { token: rotate(0), userinfoClaims: PERSON } },
  })
  endings.push(() => stack.stop())
  const there = await startTestGateway({
    ...stack.environment,
    GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
  })
  endings.push(() => there.stop())
  await there.ready()
  const person = new Person()
  await signIn(stack, '/', person)
  stack.op.script({ token: rotate(20_000) })
  const streams = [await openStream(stack.gateway, person), await openStream(there, person)]
  const used = (): (string | null)[] =>
    stack.op
      .asked('token')
      .filter(({ form }) => form.get('grant_type') === 'refresh_token')
      .map(({ form }) => form.get('refresh_token'))

  await expect.poll(used, { timeout: 4_000 }).toHaveLength(1)
  stack.op.script({ token: rotate(0) })
  const askedAt = Date.now()
  const answers = await Promise.all(
    [stack.gateway.origin, there.origin.replace(/\d+$/, String(there.publicPort))].map(
      async (origin) => {
        const headers = { cookie: person.cookieHeader(stack.gateway.origin) }
        return (await fetch(`${origin}/oauth2/auth`, { headers })).status
      },
    ),
  )
  expect(answers).toEqual([202, 202])
  expect(Date.now() - askedAt).toBeLessThan(20_000)
  while (Date.now() - askedAt < 18_000) {
    expect(used()).toHaveLength(1)
    await pause(500)
  }
  // After the answer it asks again, each time with the newest token.
  await expect.poll(() => used().length, { timeout: 12_000 }).toBeGreaterThan(2)
  expect(used()).toEqual(used().map((_, at) => `${TOKEN_PREFIX}refresh-${at + 1}`))
  expect(streams.map(isOpen)).toEqual([true, true])
  for (const { socket } of streams) socket.destroy()
}, 60_000)
