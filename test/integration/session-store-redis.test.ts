import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayError } from '../../src/lib/errors.ts'
import { parseStoreAddress } from '../../src/lib/store-address.ts'
import { openSessionStore, type SessionStoreOptions } from '../../src/session/open-session-store.ts'
import type { SessionRecord, SessionStore } from '../../src/session/session-store.ts'
import { connectRedis, redisOptions } from '../../src/session/redis-connection.ts'
import { createCertificate } from '../support/certificate.ts'
import { freePort } from '../support/gateway.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { describeStoreContract } from '../support/session-store-contract.ts'
import { until } from '../support/until.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.remove())
beforeEach(() => redis.command('FLUSHALL'))

const opened: SessionStore[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})

interface Opened {
  readonly store: SessionStore
  /** What it told of: `cause`, or `recovered`. */
  readonly told: string[]
}

async function open(url: string, options: SessionStoreOptions = {}): Promise<Opened> {
  const told: string[] = []
  const store = await openSessionStore(url, {
    ...options,
    onTrouble: ({ cause }) => told.push((cause as Error).message),
    onRecovered: () => told.push('recovered'),
  })
  opened.push(store)
  return { store, told }
}

const record = (): SessionRecord => ({
  envelope: 'an envelope',
  vault: 'a vault',
  indexes: ['i'],
  generation: 1,
  activeUntil: Date.now() + 60_000,
  keepUntil: Date.now() + 60_000,
})

/** How long the call took to fail as an unavailable store. */
async function failureOf(call: Promise<unknown>): Promise<{ error: GatewayError; ms: number }> {
  const start = performance.now()
  const error = await call.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  )
  expect(error).toMatchObject({ code: 'store-unavailable' })
  return { error: error as GatewayError, ms: performance.now() - start }
}

const answers = (store: SessionStore): Promise<boolean> =>
  store.countActive().then(
    () => true,
    () => false,
  )

function subscribe(store: SessionStore): {
  readonly heard: string[]
  readonly times: () => number
} {
  const heard: string[] = []
  let times = 0
  store.subscribe(
    (message) => heard.push(message),
    () => (times += 1),
  )
  return { heard, times: () => times }
}

describeStoreContract('redis', async () => {
  const stores: SessionStore[] = []
  return {
    async open() {
      const store = await openSessionStore(redis.url)
      stores.push(store)
      return store
    },
    now: () => Date.now(),
    pass: (ms) => sleep(ms),
    end: async () => void (await Promise.all(stores.map((store) => store.close()))),
  }
})

describe('what is kept in Redis', () => {
  it('expires by itself, every key of it', async () => {
    const { store } = await open(redis.url)
    await store.create('a', record())
    await store.hold('refresh', 'replica', 60_000)
    await store.remember('jti', 'seen', 60_000)
    await store.writePresence('replica', new Map([['a', 'here']]), 60_000)
    const keys = ((await redis.command('KEYS', '*')).match(/^ghostwire:.*$/gm) ?? []).map((key) =>
      key.trim(),
    )
    expect(keys.sort()).toEqual([
      'ghostwire:active',
      'ghostwire:index:i',
      'ghostwire:lease:refresh',
      'ghostwire:mark:jti',
      'ghostwire:presence:replica',
      'ghostwire:replicas',
      'ghostwire:session:a',
    ])
    for (const key of keys) expect(await redis.command('PTTL', key)).toMatch(/^:\d{5}\r/)
  })

  it('is in the database that the URL names', async () => {
    const { store } = await open(`${redis.url}/3`)
    await store.create('a', record())
    expect(await (await open(redis.url)).store.read(['a'])).toEqual([undefined])
    expect(await (await open(`${redis.url}/3`)).store.read(['a'])).toHaveLength(1)
  })

  it('is no session when it is something else, and no harm to the others', async () => {
    const { store } = await open(redis.url)
    const stored = record()
    await store.create('a', stored)
    await redis.command('SET', 'ghostwire:session:b', 'something else')
    expect(await store.read(['b', 'a'])).toEqual([undefined, stored])
  })

  it('is not put into database 0 for want of the one that the URL names', async () => {
    const { store, told } = await open(`${redis.url}/99`)
    await failureOf(store.create('a', record()))
    await sleep(700)
    await failureOf(store.create('a', record()))
    expect(told.join()).toContain('DB index is out of range')
    expect(await redis.command('KEYS', '*')).toBe('*0\r\n+OK\r\n')
  })
})

describe('credentials', () => {
  const password = 'p@ss:w/rd?#%'
  const encoded = encodeURIComponent(password)
  let guarded: RedisServer
  beforeAll(async () => {
    guarded = await startRedis({
      arguments: [
        '--requirepass',
        password,
        '--user',
        ...`anna on >${password} ~ghostwire:* &ghostwire:* +@all -@dangerous +info`.split(' '),
      ],
    })
  })
  afterAll(() => guarded.remove())
  const url = (user: string): string => guarded.url.replace('://', `://${user}@`)

  it('are those of the URL, of the default user or one with no more rights than it takes', async () => {
    for (const user of [`:${encoded}`, `anna:${encoded}`]) {
      const { store, told } = await open(url(user))
      const { times } = subscribe(store)
      await store.create(user, record())
      await store.writePresence('replica', new Map([[user, 'here']]), 60_000)
      await store.publish('hello')
      await until(() => times() === 1)
      expect(told).toEqual([])
    }
  })

  it('that are wrong make the store unavailable, and are in no word of it', async () => {
    for (const [address, words] of [
      [url(':hunter2'), 'WRONGPASS'],
      [url('hunter2:hunter2'), 'WRONGPASS'],
      [guarded.url, 'NOAUTH'],
    ] as const) {
      const { store, told } = await open(address)
      const { error } = await failureOf(store.read(['a']))
      const all = JSON.stringify([told, error, error.cause, String(error.stack)])
      expect(told.join()).toContain(words)
      expect(all + JSON.stringify(Object.getOwnPropertyDescriptors(error.cause))).not.toContain(
        'hunter2',
      )
    }
  })
})

describe('TLS', () => {
  const [certificate, other] = [createCertificate('redis'), createCertificate('another')]
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-ca-'))
  const caFile = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  let secure: RedisServer
  beforeAll(async () => {
    secure = await startRedis({ certificate })
  })
  afterAll(async () => {
    await secure.remove()
    rmSync(folder, { recursive: true })
  })

  it('trusts the CA file', async () => {
    const { store, told } = await open(secure.url, { caFile: caFile('ca.pem', certificate.cert) })
    await store.create('a', record())
    const { times } = subscribe(store)
    await until(() => times() === 1)
    expect(told).toEqual([])
  })

  it('trusts nobody else, and says so', async () => {
    for (const options of [{}, { caFile: caFile('other.pem', other.cert) }]) {
      const { store, told } = await open(secure.url, options)
      await failureOf(store.read(['a']))
      expect(told.join()).toMatch(/certificate/)
    }
  })

  it('does not start with a CA file that is none', async () => {
    for (const [path, words] of [
      [caFile('none.pem', 'not a certificate'), 'holds no PEM certificate'],
      [join(folder, 'absent.pem'), 'cannot be read (ENOENT)'],
    ] as const) {
      await expect(openSessionStore(secure.url, { caFile: path })).rejects.toMatchObject({
        code: 'settings-invalid',
        message: `session.storeCaFile: ${path} ${words}`,
      })
    }
  })
})

describe('a Redis that is away', () => {
  it('does not keep the gateway from starting, and serves it from when it is there', async () => {
    const server = await startRedis()
    await server.stop()
    const { store, told } = await open(server.url)
    const { heard, times } = subscribe(store)
    expect((await failureOf(store.read(['a']))).ms).toBeLessThan(900)
    expect(told.join()).toContain('ECONNREFUSED')
    await server.start()
    await until(() => answers(store))
    await until(() => times() === 1)
    await store.publish('hello')
    await until(() => heard.length === 1)
    expect(told).toContain('recovered')
    await server.remove()
  })

  it('fails calls at once, keeps none of them for later, and is found again', async () => {
    const server = await startRedis()
    const { store, told } = await open(server.url)
    const { times } = subscribe(store)
    await until(() => times() === 1)
    await server.stop()
    await until(async () => !(await answers(store)))
    for (const call of [
      store.create('a', record()),
      store.replace('a', record(), 1),
      store.read(['a']),
      store.find('i'),
      store.list(),
      store.countActive(),
      store.hold('refresh', 'replica', 60_000),
      store.release('refresh', 'replica'),
      store.remember('jti', 'seen', 60_000),
      store.recall('jti'),
      store.writePresence('replica', new Map([['a', 'here']]), 60_000),
      store.readPresence(['a']),
      store.publish('hello'),
    ]) {
      const { error, ms } = await failureOf(call)
      expect(ms).toBeLessThan(900)
      expect((error.cause as Error).message).toMatch(/closed|ECONNREFUSED/)
    }
    await server.start()
    await until(() => answers(store))
    await until(() => times() === 2)
    expect(await server.command('KEYS', '*')).toBe('*0\r\n+OK\r\n')
    expect(told).toContain('recovered')
    await server.remove()
  })

  it('that hangs costs a call a second, and the next ones nothing', async () => {
    const server = await startRedis()
    const { store } = await open(server.url)
    const { times } = subscribe(store)
    await until(() => times() === 1)
    server.freeze()
    const { ms } = await failureOf(store.read(['a']))
    expect(ms).toBeGreaterThan(900)
    expect(ms).toBeLessThan(3_000)
    await sleep(1_000)
    expect((await failureOf(store.read(['a']))).ms).toBeLessThan(900)
    server.thaw()
    await until(() => answers(store))
    await server.remove()
  })

  it('that hangs is noticed by a subscriber who has nothing to say', async () => {
    const server = await startRedis()
    const { store } = await open(server.url)
    const { heard, times } = subscribe(store)
    await until(() => times() === 1)
    server.freeze()
    await sleep(3_200)
    server.thaw()
    await until(() => times() >= 2)
    await until(() => answers(store))
    await store.publish('hello')
    await until(() => heard.includes('hello'))
    await server.remove()
  })

  it('that takes no connection costs a second at start', async () => {
    // Full: the system completes no further handshake.
    const listener = createServer().listen({
      port: await freePort(),
      host: '127.0.0.1',
      backlog: 1,
    })
    await once(listener, 'listening')
    const silent: Socket[] = []
    listener.on('connection', (socket) => silent.push(socket))
    const { port } = listener.address() as { port: number }
    const start = performance.now()
    const { store, told } = await open(`redis://127.0.0.1:${port}`)
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(told).not.toEqual([])
    await failureOf(store.read(['a']))
    for (const socket of silent) socket.destroy()
    listener.close()
  })

  it('cuts off a call that is under way, which is not sent a second time', async () => {
    const server = await startRedis()
    const { store } = await open(server.url)
    await store.create('a', record())
    // Writes wait, new connections do not: a call sent again would come through.
    await server.command('CLIENT', 'PAUSE', '600', 'WRITE')
    const call = failureOf(store.replace('a', { ...record(), generation: 2 }, 1))
    await sleep(50)
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    expect((await call).ms).toBeLessThan(900)
    await until(() => answers(store))
    expect((await store.read(['a']))[0]?.generation).toBe(1)
    await server.remove()
  })

  it('that has become a replica is left for its successor', async () => {
    const server = await startRedis()
    const { store } = await open(server.url)
    const connection = async (): Promise<string | undefined> =>
      /id=(\d+) .*name=ghostwire/.exec(await server.command('CLIENT', 'LIST'))?.[1]
    const before = await connection()
    expect(before).toBeDefined()
    await server.command('REPLICAOF', '127.0.0.1', String(await freePort()))
    const { error } = await failureOf(store.create('a', record()))
    expect((error.cause as Error).message).toMatch(/^READONLY /)
    await until(async () => ![undefined, before].includes(await connection()))
    await server.command('REPLICAOF', 'NO', 'ONE')
    await until(() => answers(store))
    await store.create('a', record())
    await server.remove()
  })
})

describe('a connection', () => {
  it('that is given up while it is being made is made all the same', async () => {
    const parsed = parseStoreAddress(redis.url)
    if (!parsed.ok || parsed.address.kind !== 'redis') throw new Error('no address')
    const options = redisOptions(parsed.address, undefined)
    const { client, close } = connectRedis(options, { onReady() {}, onFailure() {} })
    // The client takes this for its end.
    client.disconnect(true)
    await until(() => client.status === 'end')
    await until(() => client.status === 'ready')
    await close()
  })
})

describe('a listener', () => {
  it('is told when it was cut off, and hears again', async () => {
    const { store } = await open(redis.url)
    const { heard, times } = subscribe(store)
    await until(() => times() === 1)
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => times() === 2)
    await store.publish('hello')
    await until(() => heard.includes('hello'))
  })

  it('hears nothing once its store is closed', async () => {
    const { store } = await open(redis.url)
    const { store: other } = await open(redis.url)
    const { heard, times } = subscribe(store)
    await until(() => times() === 1)
    await store.close()
    await other.publish('hello')
    expect(heard).toEqual([])
    await failureOf(store.read(['a']))
    expect(await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub')).not.toContain('ghostwire')
  })
})
