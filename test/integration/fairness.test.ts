// One signed-in person overloads a slow desktop that accepts few connections, through two sessions and two replicas.
// Everybody else still gets their page, file and stream.

import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { alice } from '../../demo/people.ts'
import { eventually } from '../support/eventually.ts'
import { freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { openWebSocket, rawRequest, upgradeRequest } from '../support/raw-client.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

const victor = { ...alice, username: 'victor', password: 'victor' }
/** Twice the required three seconds, because these are real sockets on a busy machine. */
const DEADLINE_MS = 6_000
const TUNNELS_PER_PERSON = 32
/** At 16 at once, this many upgrades take the desktop far longer than the deadline, and this many requests fill every queue. */
const UPGRADES = 600
const REQUESTS = 1_200
const ANSWER_AFTER_MS = 300

let redis: RedisServer
let stack: Stack
let replicas: readonly TestGateway[]
let attackers: readonly string[]
let other: string
let nextName = 0
const sockets = new Set<Socket>()

beforeAll(async () => {
  redis = await startRedis()
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [`/app/fresh-${at}.js`, { body: 'export {}' }]),
  )
  stack = await startStack({
    environment: { GATEWAY_SESSION_STORE: redis.url, GATEWAY_LOGIN_LIMIT: 'off' },
    provider: { people: [alice, victor] },
    desktop: {
      answerAfterMs: ANSWER_AFTER_MS,
      files: { ...files, '/Downloads/Downloads/large.bin': { body: Buffer.alloc(32_000_000) } },
    },
  })
  const there = await startTestGateway({
    ...stack.environment,
    GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
  })
  await there.ready()
  replicas = [stack.gateway, there]
  attackers = [(await signIn(stack.gateway)).cookie, (await signIn(stack.gateway)).cookie]
  other = (await signIn(stack.gateway, 'victor')).cookie
})
afterAll(async () => {
  await replicas[1]?.stop()
  await stack.stop()
  await redis.remove()
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  for (const gateway of replicas) {
    await eventually(async () => {
      expect(await metric(gateway, 'ghostwire_tunnels_open')).toBe(0)
    })
  }
  await eventually(() => expect(stack.desktop.connections.open).toBe(0))
})

function requestText(gateway: TestGateway, cookie: string, path: string): string {
  const { host } = new URL(gateway.origin)
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`
}

/** Writes and never reads the answer. */
function writeTo({ publicPort }: TestGateway, text: string): Promise<void> {
  const socket = connect(publicPort, '127.0.0.1').on('error', () => {})
  socket.pause()
  sockets.add(socket)
  return new Promise((resolve) => {
    socket.on('close', resolve)
    socket.write(text, () => resolve())
  })
}

/** Sends `count` requests to each replica, alternating between both sessions. */
async function fromEverywhere(
  count: number,
  send: (gateway: TestGateway, cookie: string, at: number) => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    replicas.flatMap((gateway) =>
      Array.from({ length: count }, (_, at) => send(gateway, attackers[at % 2] as string, at)),
    ),
  )
}

const upgradeText = ({ origin, publicPort }: TestGateway, cookie: string): string =>
  upgradeRequest(publicPort, { origin, cookie })

const ATTACKS = {
  'has hundreds of upgrades in progress': () =>
    fromEverywhere(UPGRADES, (gateway, cookie) => writeTo(gateway, upgradeText(gateway, cookie))),

  'requests a thousand missing files': () =>
    fromEverywhere(REQUESTS, (gateway, cookie, at) =>
      writeTo(gateway, requestText(gateway, cookie, `/nope-${at}.js`)),
    ),

  'starts downloads and does not read them': async () => {
    const path = '/Downloads/Downloads/large.bin'
    await fromEverywhere(20, (gateway, cookie) =>
      writeTo(gateway, requestText(gateway, cookie, path)),
    )
  },

  'opens as many streams as possible': () =>
    fromEverywhere(2 * TUNNELS_PER_PERSON, (gateway, cookie) =>
      writeTo(gateway, upgradeText(gateway, cookie)),
    ),
}

/** Everything that a person needs to open the desktop. None of it is in the gateway's cache yet. */
async function expectServed(gateway: TestGateway): Promise<void> {
  nextName += 1
  const { publicPort, origin } = gateway
  const began = performance.now()
  const ask = (path: string): Promise<{ readonly status: number }> =>
    rawRequest(publicPort, requestText(gateway, other, path), { timeoutMs: 2 * DEADLINE_MS })
  const timed = async (what: Promise<{ readonly status: number }>): Promise<unknown> => {
    const { status } = await what
    return { status, isInTime: performance.now() - began < DEADLINE_MS }
  }
  const opening = openWebSocket(publicPort, { origin, cookie: other }).then((stream) => {
    sockets.add(stream.socket)
    return stream
  })
  const results = [timed(ask('/vnc.html')), timed(ask(`/app/fresh-${nextName}.js`)), timed(opening)]
  expect(await Promise.all(results)).toEqual([
    { status: 200, isInTime: true },
    { status: 200, isInTime: true },
    { status: 101, isInTime: true },
  ])
}

describe('while one person', () => {
  it.each(Object.entries(ATTACKS))('%s, another is served on either replica', async (_, attack) => {
    await attack()
    await Promise.all(replicas.map((gateway) => expectServed(gateway)))
  })

  it('does all of this at once, another is served on either replica', async () => {
    await Promise.all(Object.values(ATTACKS).map((attack) => attack()))
    await Promise.all(replicas.map((gateway) => expectServed(gateway)))
  })
})

describe('the streams of one person', () => {
  it('are limited on each replica over all their sessions; one more is refused, counted and audited', async () => {
    const [gateway] = replicas as [TestGateway]
    const { publicPort, origin } = gateway
    const open = async (at: number): Promise<Awaited<ReturnType<typeof openWebSocket>>> => {
      const cookie = attackers[at % 2] as string
      const stream = await openWebSocket(publicPort, { origin, cookie })
      sockets.add(stream.socket)
      return stream
    }
    const opened = []
    for (let at = 0; at < TUNNELS_PER_PERSON; at += 8) {
      opened.push(...(await Promise.all(Array.from({ length: 8 }, (_, next) => open(at + next)))))
    }
    expect(new Set(opened.map(({ status }) => status))).toEqual(new Set([101]))

    const refused = { reason: 'tunnel-limit' }
    const before = await metric(gateway, 'ghostwire_upgrades_refused_total', refused)
    const auditBefore = gateway.audit('access_denied').length
    for (const at of [0, 1]) {
      const { status, headers } = await open(at)
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after')?.[0])).toBeGreaterThan(0)
    }
    expect(await metric(gateway, 'ghostwire_upgrades_refused_total', refused)).toBe(before + 2)
    const audit = gateway.audit('access_denied').slice(auditBefore)
    expect(audit).toMatchObject([
      { ...refused, sub: 'alice', role: 'control', address: '127.0.0.1' },
      { ...refused, sub: 'alice', role: 'control', address: '127.0.0.1' },
    ])

    // A closed stream frees its place for the next one.
    opened[0]?.socket.destroy()
    await eventually(async () => {
      const again = await open(0)
      expect(again.status).toBe(101)
    })
    expect((await open(1)).status).toBe(429)
  })

  it('count from the upgrade on, so that the limit includes upgrades in progress', async () => {
    const [gateway] = replicas as [TestGateway]
    const asked = stack.desktop.tunnels.length
    await Promise.all(
      Array.from({ length: 100 }, () =>
        writeTo(gateway, upgradeText(gateway, attackers[0] as string)),
      ),
    )
    await eventually(async () => {
      expect(await metric(gateway, 'ghostwire_tunnels_open')).toBe(TUNNELS_PER_PERSON)
    })
    expect(stack.desktop.tunnels.length - asked).toBe(TUNNELS_PER_PERSON)
  })
})
