import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openSessionStore, type SessionStoreOptions } from '../../src/session/open-session-store.ts'
import type { SessionRecord, SessionStore } from '../../src/session/session-store.ts'
import { createCertificate } from '../support/certificate.ts'
import { freePort } from '../support/gateway.ts'
import { startRedis, startSentinelTopology } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

describe('a master watched by sentinels', { timeout: 60_000 }, () => {
  it('is found, and its successor after it: sessions, calls and listening go on', async () => {
    const topology = await startSentinelTopology()
    endings.push(() => topology.remove())
    const { master, replica, sentinels } = topology
    const { store } = await open(`redis+sentinel://${topology.path}`)
    const heard: string[] = []
    let subscriptions = 0
    store.subscribe(
      (message) => heard.push(message),
      () => (subscriptions += 1),
    )
    await store.create('a', newRecord())
    await until(() => subscriptions === 1)
    await until(async () =>
      (await replica.command('EXISTS', 'ghostwire:session:a')).startsWith(':1'),
    )

    // The one that was asked first dies with the master; two of three elect.
    await Promise.all([master.kill(), sentinels[0].kill()])
    await expect(store.create('b', newRecord())).rejects.toMatchObject({ code: 'store-unavailable' })
    const create = (): Promise<boolean> =>
      store.create('b', newRecord()).then(
        () => true,
        () => false,
      )
    await until(create)
    expect(await store.find('i')).toEqual(['a', 'b'])
    await until(() => subscriptions >= 2)
    await store.publish('hello')
    await until(() => heard.includes('hello'))
    expect(await replica.command('EXISTS', 'ghostwire:session:b')).toContain(':1')
  })

  it('is found with TLS and passwords, past a sentinel that is gone', async () => {
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
    await expect(without.read(['a'])).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  it('may be unknown for now: the store opens, and works from when a sentinel tells', async () => {
    const master = await startRedis()
    endings.push(() => master.remove())
    const sentinel = await startRedis({
      sentinel: [`sentinel monitor main 127.0.0.1 ${master.port} 1`],
    })
    endings.push(() => sentinel.remove())
    await sentinel.stop()
    const told: string[] = []
    const { store } = await open(`redis+sentinel://127.0.0.1:${sentinel.port}/main`, {
      onTrouble: ({ cause }) => told.push((cause as Error).message),
      onRecovered: () => told.push('recovered'),
    })
    await expect(store.read(['a'])).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(told.join()).toContain('All sentinels are unreachable')
    await sentinel.start()
    await until(() =>
      store.countActive().then(
        () => true,
        () => false,
      ),
    )
    expect(told).toContain('recovered')
  })
})
