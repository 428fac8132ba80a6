import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../support/gateway.ts'
import { answers, failureOf, newRecord, open, subscribe } from '../support/opened-store.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const servers: RedisServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.remove()))
})

async function startServer(): Promise<RedisServer> {
  const server = await startRedis()
  servers.push(server)
  return server
}

describe('a Redis that is away', () => {
  it('does not keep the gateway from starting, and is used once it is there', async () => {
    const server = await startServer()
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
  })

  it('fails calls at once, queues none of them, and is used again once it is back', async () => {
    const server = await startServer()
    const { store, told } = await open(server.url)
    const { times } = subscribe(store)
    await until(() => times() === 1)
    await server.stop()
    await until(async () => !(await answers(store)))
    for (const call of [
      store.create('a', newRecord()),
      store.replace('a', newRecord(), 1),
      store.restore('a', newRecord()),
      store.read(['a']),
      store.find('i'),
      store.list(),
      store.countActive(),
      store.hold('refresh', 'replica', 60_000),
      store.release('refresh', 'replica'),
      store.raise('jti', 1, 60_000),
      store.recall('jti'),
      store.writePresence('replica', new Map([['a', 'here']]), 60_000),
      store.readPresence(['a']),
      store.publish('hello'),
    ]) {
      const { error, ms } = await failureOf(call)
      expect(ms).toBeLessThan(900)
      expect((error.cause as Error).message).toMatch(/closed|ECONN|EPIPE/)
    }
    await server.start()
    await until(() => answers(store))
    await until(() => times() === 2)
    expect(await server.command('KEYS', '*')).toBe(
      '*1\r\n$24\r\nghostwire:gateway:server\r\n+OK\r\n',
    )
    expect(told).toContain('recovered')
  })

  it('is checked for another server process when it is back, before any other call', async () => {
    const server = await startServer()
    const { store } = await open(server.url)
    const { store: newcomer } = await open(server.url)
    const returned: string[] = []
    store.onReturned((ms) => returned.push(ms > 0 ? 'another server' : 'the same server'))
    newcomer.onReturned(() => returned.push('newcomer'))
    expect(returned).toEqual([])
    await newcomer.close()
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await until(async () => (await answers(store)) && returned.length === 1)
    await server.kill()
    await server.start()
    await until(() => answers(store))
    expect(returned).toHaveLength(2)
    // Another replica found the new server long ago.
    await server.command('HSET', 'ghostwire:gateway:server', 'since', String(Date.now() - 60_000))
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await until(async () => (await answers(store)) && returned.length === 3)
    expect(returned.slice(1)).toEqual(['another server', 'the same server'])
  })

  it('that hangs delays one call by a second, and later ones not at all', async () => {
    const server = await startServer()
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
  })

  it('that hangs is detected by a subscriber that sends nothing', async () => {
    const server = await startServer()
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
  })

  it('that accepts no connection delays the start by a second', async () => {
    // The backlog is full: the system completes no further handshake.
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

  it('fails a call in progress, which is not sent again', async () => {
    const server = await startServer()
    const { store } = await open(server.url)
    await store.create('a', newRecord())
    // Redis delays writes but not new connections, so a call that is sent again would succeed.
    await server.command('CLIENT', 'PAUSE', '600', 'WRITE')
    const call = failureOf(store.replace('a', { ...newRecord(), generation: 2 }, 1))
    await sleep(50)
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    expect((await call).ms).toBeLessThan(900)
    await until(() => answers(store))
    expect((await store.read(['a']))[0]?.generation).toBe(1)
  })

  it('that has become a replica is replaced by the new master', async () => {
    const server = await startServer()
    const { store } = await open(server.url)
    const connection = async (): Promise<string | undefined> =>
      /id=(\d+) .*name=ghostwire/.exec(await server.command('CLIENT', 'LIST'))?.[1]
    const before = await connection()
    expect(before).toBeDefined()
    await server.command('REPLICAOF', '127.0.0.1', String(await freePort()))
    const { error } = await failureOf(store.create('a', newRecord()))
    expect((error.cause as Error).message).toMatch(/^READONLY /)
    await until(async () => ![undefined, before].includes(await connection()))
    await server.command('REPLICAOF', 'NO', 'ONE')
    await until(() => answers(store))
    await store.create('a', newRecord())
  })
})
