// The provider is down for ten minutes, or the store for one: people at a desktop notice nothing. All times in the settings
// are divided by a hundred. The picture and the mouse move all the time.

import { afterEach, expect, it } from 'vitest'
import { startKasmVncStandIn, type StandIn } from '../support/kasmvnc-stand-in.ts'
import { Person } from '../support/person.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { PERSON, startScriptedOp, TOKEN_PREFIX, type Script } from '../support/scripted-op.ts'
import {
  metric,
  signIn,
  startScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'
import { isOpen, openStream, type Stream } from '../support/stream.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const TICK_MS = 50

const OP_SCRIPT: Partial<Script> = {
  userinfoClaims: PERSON,
  token: (usual) => ({ ...usual, body: { ...usual.body, refresh_token: `${TOKEN_PREFIX}r` } }),
}

interface Desk {
  readonly stack: ScriptedStack
  readonly redis: RedisServer
  readonly person: Person
  readonly stream: Stream
  readonly status: () => Promise<number>
  readonly refreshes: (outcome: string) => Promise<number>
  /** The longest times without a change of the picture and without a mouse message, in milliseconds. */
  readonly stillness: () => { readonly picture: number; readonly mouse: number }
}

/** A person at a desktop, with traffic in both directions until the test ends. */
async function sitDown(): Promise<Desk> {
  const redis = await startRedis()
  endings.push(() => redis.remove())
  const desktop = await startKasmVncStandIn()
  endings.push(() => desktop.stop())
  const stack = await startScriptedStack({
    environment: {
      GATEWAY_SESSION_STORE: redis.url,
      // Five minutes, divided by a hundred.
      GATEWAY_SESSION_REVALIDATE_EVERY: '3s',
      GATEWAY_SESSION_IDLE_TIMEOUT: '18s',
      GATEWAY_SESSION_PROVIDER_GRACE: '36s',
      GATEWAY_SESSION_STORE_GRACE: '20s',
      GATEWAY_DESKTOP_URL: desktop.url.origin,
    },
    op: { script: OP_SCRIPT },
  })
  endings.push(() => stack.stop())
  const person = new Person()
  await signIn(stack, '/', person)
  const stream = await openStream(stack.gateway, person)
  const stillness = keepMoving(desktop, stream)
  return {
    stack,
    redis,
    person,
    stream,
    status: async () => (await person.visit(stack.at('/vnc.html'))).status,
    refreshes: (outcome) => metric(stack.gateway, 'ghostwire_session_refreshes_total', { outcome }),
    stillness,
  }
}

function keepMoving(desktop: StandIn, stream: Stream): Desk['stillness'] {
  const tunnel = desktop.tunnels.at(-1)
  if (tunnel === undefined) throw new Error('no tunnel')
  const longest = { picture: 0, mouse: 0 }
  const latest = { picture: Date.now(), mouse: Date.now() }
  const seen = (what: 'picture' | 'mouse'): void => {
    longest[what] = Math.max(longest[what], Date.now() - latest[what])
    latest[what] = Date.now()
  }
  stream.socket.on('data', () => seen('picture'))
  stream.sendFrame(Buffer.from('RFB 003.008\n\u0001\u0001'))
  let moved = 0
  const moving = setInterval(() => {
    if (tunnel.effects.pointers.length > moved) seen('mouse')
    moved = tunnel.effects.pointers.length
    desktop.send(tunnel, Buffer.alloc(2_000, 7))
    if (isOpen(stream)) stream.sendFrame(Buffer.from([5, 0, 0, 0, moved % 200, 0, 1, 0, 0, 0, 0]))
  }, TICK_MS)
  endings.push(async () => {
    clearInterval(moving)
    stream.socket.destroy()
  })
  return () => {
    seen('picture')
    seen('mouse')
    return longest
  }
}

it('people stay signed in while the provider is down for ten minutes', async () => {
  const { stack, stream, status, refreshes, stillness } = await sitDown()
  await expect.poll(() => refreshes('refreshed'), { timeout: 6_000 }).toBeGreaterThan(0)
  await stack.op.stop()
  const back = Date.now() + 6_000
  while (Date.now() < back) {
    expect(await status()).toBe(200)
    await pause(200)
  }
  expect(await refreshes('unavailable')).toBeGreaterThan(0)
  const refreshed = await refreshes('refreshed')
  const again = await startScriptedOp({ port: stack.op.port, script: OP_SCRIPT })
  endings.push(() => again.stop())
  await expect.poll(() => refreshes('refreshed'), { timeout: 8_000 }).toBeGreaterThan(refreshed)
  expect(await status()).toBe(200)
  expect(isOpen(stream)).toBe(true)
  expect(stack.gateway.audit('session_ended')).toEqual([])
  const { picture, mouse } = stillness()
  expect(Math.max(picture, mouse)).toBeLessThan(2_000)
}, 40_000)

it.each(['stopped', 'killed', 'frozen'] as const)(
  'people stay signed in while the store is %s for a minute, and the provider gets no requests',
  async (how) => {
    const { stack, redis, stream, status, refreshes, stillness } = await sitDown()
    const before = await refreshes('refreshed')
    if (how === 'frozen') redis.freeze()
    else await (how === 'stopped' ? redis.stop() : redis.kill())
    // Longer than a hundredth of a minute. A sweep of the sessions must find no store, and its ten seconds are not a setting.
    const back = Date.now() + 12_000
    await expect.poll(status, { timeout: 4_000 }).toBe(503)
    const asked = stack.op.asked('token').length
    while (Date.now() < back) {
      expect(await status()).toBe(503)
      await pause(500)
    }
    // If a refresh token were used while the new one cannot be stored, the session would be lost.
    expect(stack.op.asked('token')).toHaveLength(asked)
    if (how === 'frozen') redis.thaw()
    else await redis.start()
    await expect.poll(status, { timeout: 5_000 }).toBe(200)
    await expect.poll(() => refreshes('refreshed'), { timeout: 20_000 }).toBeGreaterThan(before)
    await pause(2_000)
    expect([await status(), isOpen(stream)]).toEqual([200, true])
    expect(stack.gateway.audit('session_ended')).toEqual([])
    const { picture, mouse } = stillness()
    expect(Math.max(picture, mouse)).toBeLessThan(2_000)
  },
  60_000,
)
