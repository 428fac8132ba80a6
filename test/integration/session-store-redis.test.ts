import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseStoreAddress } from '../../src/lib/store-address.ts'
import { openSessionStore } from '../../src/session/open-session-store.ts'
import { connectRedis, redisOptions } from '../../src/session/redis-connection.ts'
import type { SessionStore } from '../../src/session/session-store.ts'
import { createCertificate } from '../support/certificate.ts'
import { failureOf, newRecord, open, subscribe } from '../support/opened-store.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { describeStoreContract } from '../support/session-store-contract.ts'
import { until } from '../support/until.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.remove())
beforeEach(() => redis.command('FLUSHALL'))

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

describe('data in Redis', () => {
  it('expires automatically, except the key with the server’s process id', async () => {
    const { store } = await open(redis.url)
    await store.create('a', newRecord())
    await store.hold('refresh', 'replica', 60_000)
    await store.raise('jti', 1, 60_000)
    await store.writePresence('replica', new Map([['a', 'here']]), 60_000)
    const keys = ((await redis.command('KEYS', '*')).match(/^ghostwire:.*$/gm) ?? []).map((key) =>
      key.trim(),
    )
    expect(keys.sort()).toEqual([
      'ghostwire:gateway:active',
      'ghostwire:gateway:index:i',
      'ghostwire:gateway:lease:refresh',
      'ghostwire:gateway:mark:jti',
      'ghostwire:gateway:presence:replica',
      'ghostwire:gateway:replicas',
      'ghostwire:gateway:server',
      'ghostwire:gateway:session:a',
    ])
    for (const key of keys.filter((key) => key !== 'ghostwire:gateway:server'))
      expect(await redis.command('PTTL', key)).toMatch(/^:\d{5}\r/)
  })

  it('can be restored only in the first seconds, so that a late replica does not undo newer writes', async () => {
    const { store } = await open(redis.url)
    expect(await store.restore('a', newRecord())).toBe(true)
    await redis.command('HSET', 'ghostwire:gateway:server', 'since', String(Date.now() - 10_000))
    expect(await store.restore('b', newRecord())).toBe(false)
    await redis.command('DEL', 'ghostwire:gateway:server')
    expect(await store.restore('b', newRecord())).toBe(false)
    expect(await store.read(['b'])).toEqual([undefined])
  })

  it('is in the database that the URL names', async () => {
    const { store } = await open(`${redis.url}/3`)
    await store.create('a', newRecord())
    expect(await (await open(redis.url)).store.read(['a'])).toEqual([undefined])
    expect(await (await open(`${redis.url}/3`)).store.read(['a'])).toHaveLength(1)
  })

  it('counts as no session if something else wrote it, and does not affect other sessions', async () => {
    const { store } = await open(redis.url)
    const stored = newRecord()
    await store.create('a', stored)
    await redis.command('SET', 'ghostwire:gateway:session:b', 'something else')
    expect(await store.read(['b', 'a'])).toEqual([undefined, stored])
  })

  it('is not written to database 0 if the database in the URL does not exist', async () => {
    const { store, told } = await open(`${redis.url}/99`)
    await failureOf(store.create('a', newRecord()))
    await sleep(700)
    await failureOf(store.create('a', newRecord()))
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

  it('come from the URL, for the default user or one with the minimum of rights', async () => {
    for (const user of [`:${encoded}`, `anna:${encoded}`]) {
      const { store, told } = await open(url(user))
      const { times } = subscribe(store)
      await store.create(user, newRecord())
      await store.writePresence('replica', new Map([[user, 'here']]), 60_000)
      await store.publish('hello')
      await until(() => times() === 1)
      expect(told).toEqual([])
    }
  })

  it('that are wrong make the store unavailable, and do not appear in errors or logs', async () => {
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
  let folder: string
  const caFile = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  let secure: RedisServer
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ghostwire-ca-'))
    secure = await startRedis({ certificate })
  })
  afterAll(async () => {
    await secure.remove()
    rmSync(folder, { recursive: true })
  })

  it('trusts the CA file', async () => {
    const { store, told } = await open(secure.url, { caFile: caFile('ca.pem', certificate.cert) })
    await store.create('a', newRecord())
    const { times } = subscribe(store)
    await until(() => times() === 1)
    expect(told).toEqual([])
  })

  it('trusts no other certificate, and logs it', async () => {
    for (const options of [{}, { caFile: caFile('other.pem', other.cert) }]) {
      const { store, told } = await open(secure.url, options)
      await failureOf(store.read(['a']))
      expect(told.join()).toMatch(/certificate/)
    }
  })

  it('refuses an invalid CA file at the start', async () => {
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

describe('a connection', () => {
  it('that the client gave up while connecting is opened again', async () => {
    const parsed = parseStoreAddress(redis.url)
    if (!parsed.ok || parsed.address.kind !== 'redis') throw new Error('no address')
    const options = redisOptions(parsed.address, undefined)
    const { client, close } = connectRedis(options, { onReady() {}, onFailure() {} })
    // The client treats this as its end.
    client.disconnect(true)
    await until(() => client.status === 'end')
    await until(() => client.status === 'ready')
    await close()
  })

  it('fails its check as soon as its stream ends', async () => {
    const parsed = parseStoreAddress(redis.url)
    if (!parsed.ok || parsed.address.kind !== 'redis') throw new Error('no address')
    const options = redisOptions(parsed.address, undefined)
    const { client, check, close } = connectRedis(options, { onReady() {}, onFailure() {} })
    await until(() => client.status === 'ready')
    expect(check).not.toThrow()
    client.stream.end()
    // The client has not noticed yet.
    expect(client.status).toBe('ready')
    expect(check).toThrow('the connection was closed')
    await close()
  })
})

describe('a subscriber', () => {
  it('learns that it was disconnected, and receives messages again', async () => {
    const { store } = await open(redis.url)
    const { heard, times } = subscribe(store)
    await until(() => times() === 1)
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => times() === 2)
    await store.publish('hello')
    await until(() => heard.includes('hello'))
  })

  it('receives nothing once its store is closed', async () => {
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
