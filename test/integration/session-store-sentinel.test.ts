import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { freePort } from '../support/gateway.ts'
import { answers, failureOf, newRecord, open, subscribe } from '../support/opened-store.ts'
import { startRedis, startSentinelTopology } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

describe('a master watched by sentinels', { timeout: 60_000 }, () => {
  it('is found, and so is its successor: sessions, calls and subscriptions continue', async () => {
    const topology = await startSentinelTopology()
    endings.push(() => topology.remove())
    const { master, replica, sentinels } = topology
    const { store } = await open(`redis+sentinel://${topology.path}`)
    const { heard, times } = subscribe(store)
    await store.create('a', newRecord())
    await until(() => times() === 1)
    await until(async () =>
      (await replica.command('EXISTS', 'ghostwire:gateway:session:a')).startsWith(':1'),
    )

    // The sentinel that was asked first dies with the master; two of three elect a new one.
    await Promise.all([master.kill(), sentinels[0].kill()])
    await failureOf(store.create('b', newRecord()))
    await until(() => answers(store))
    await store.create('b', newRecord())
    expect(await store.find('i')).toEqual(['a', 'b'])
    await until(() => times() >= 2)
    await store.publish('hello')
    await until(() => heard.includes('hello'))
    expect(await replica.command('EXISTS', 'ghostwire:gateway:session:b')).toContain(':1')
  })

  it('is found with TLS and passwords, although one sentinel is down', async () => {
    const certificate = createCertificate('redis')
    const folder = mkdtempSync(join(tmpdir(), 'ghostwire-ca-'))
    endings.push(async () => rmSync(folder, { recursive: true }))
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, certificate.cert)
    const master = await startRedis({ certificate, arguments: ['--requirepass', 'for redis'] })
    endings.push(() => master.remove())
    const sentinel = await startRedis({
      certificate,
      sentinel: [
        `sentinel monitor main 127.0.0.1 ${master.port} 1`,
        'sentinel auth-pass main "for redis"',
        'requirepass "for sentinels"',
      ],
    })
    endings.push(() => sentinel.remove())
    const hosts = `127.0.0.1:${await freePort()},127.0.0.1:${sentinel.port}`
    const url = `rediss+sentinel://:for%20redis@${hosts}/main/2`
    const { store } = await open(`${url}?sentinelPassword=for%20sentinels`, { caFile })
    await store.create('a', newRecord())
    expect(await store.countActive()).toBe(1)
    const { store: without } = await open(url, { caFile })
    await failureOf(without.read(['a']))
  })

  it('may be unknown at first: the store opens, and works once a sentinel knows the master', async () => {
    const master = await startRedis()
    endings.push(() => master.remove())
    const sentinel = await startRedis({
      sentinel: [`sentinel monitor main 127.0.0.1 ${master.port} 1`],
    })
    endings.push(() => sentinel.remove())
    await sentinel.stop()
    const { store, told } = await open(`redis+sentinel://127.0.0.1:${sentinel.port}/main`)
    await failureOf(store.read(['a']))
    expect(told.join()).toContain('All sentinels are unreachable')
    await sentinel.start()
    await until(() => answers(store))
    expect(told).toContain('recovered')
  })
})
