// `check --online` about the store: a real Redis, a real file, and what each of them may refuse.

import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { openSessionStore } from '../../src/session/open-session-store.ts'
import { createCertificate } from '../support/certificate.ts'
import { runCheck, type CheckResult } from '../support/check.ts'
import { freePort, type Environment } from '../support/gateway.ts'
import { startRedis, type RedisServer, type RedisServerOptions } from '../support/redis-server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const redis = await startRedis(options)
  closing.push(() => redis.remove())
  return redis
}

function makeFolder(): string {
  const folder = makeTemporaryFolder('ghostwire-check')
  closing.push(() => folder.remove())
  return folder.path
}

const checkOf = (store: string, environment: Environment = {}): Promise<CheckResult> =>
  runCheck({ GATEWAY_SESSION_STORE: store, ...environment })

const statesOf = ({ findings }: CheckResult): readonly string[] =>
  findings.filter(({ id }) => id.startsWith('store.')).map(({ id, state }) => `${id} ${state}`)

describe('Redis', () => {
  it('in order passes every check, and nothing is left behind', async () => {
    const redis = await start({ arguments: ['--appendonly', 'yes'] })
    expect(statesOf(await checkOf(redis.url))).toEqual([
      'store.reachable ok',
      'store.write ok',
      'store.messages ok',
      'store.eviction ok',
      'store.persistence ok',
    ])
    expect(await redis.command('DBSIZE')).toMatch(/^:0\r/)
  })

  it('that is not there, or wants another password, is reported', async () => {
    const absent = await checkOf(`redis://127.0.0.1:${await freePort()}`)
    expect(absent.exitCode).toBe(1)
    expect(absent.find('store.reachable').message).toContain('nothing listens there')

    const redis = await start({ arguments: ['--requirepass', 'redis-password'] })
    const { host } = new URL(redis.url)
    expect((await checkOf(redis.url)).find('store.reachable').message).toMatch(/NOAUTH.*add it to/)
    const wrong = await checkOf(`redis://:other-password@${host}`)
    expect(wrong.find('store.reachable').message).toMatch(/WRONGPASS.*check user and password/)
    expect(JSON.stringify(wrong.findings)).not.toContain('other-password')
    const right = await checkOf(`redis://:redis-password@${host}`)
    expect(right.find('store.write').state).toBe('ok')
  })

  it('with a certificate that is not trusted names the setting', async () => {
    const certificate = createCertificate('redis')
    const redis = await start({ certificate })
    expect((await checkOf(redis.url)).find('store.reachable').message).toMatch(
      /signed by itself.*set session\.storeCaFile/,
    )
    const file = `${makeFolder()}/ca.pem`
    writeFileSync(file, certificate.cert)
    const trusted = await checkOf(redis.url, { GATEWAY_SESSION_STORE_CA_FILE: file })
    expect(trusted.find('store.write').state).toBe('ok')
  })

  it('with a user who has too few rights names the rights', async () => {
    const redis = await start()
    await redis.command(
      'ACL',
      'SETUSER',
      'reader',
      'on',
      '>reader-password',
      '~*',
      '+@read',
      '+info',
    )
    const { host } = new URL(redis.url)
    const { find } = await checkOf(`redis://reader:reader-password@${host}`)
    expect(find('store.write').message).toMatch(/NOPERM.*~ghostwire:\* &ghostwire:\*/)
    expect(find('store.messages').state).toBe('failed')
  })

  it('with the rights that the documentation names passes, whatever it may not see', async () => {
    const redis = await start()
    const rights = ['~ghostwire:*', '&ghostwire:*', '+@all', '-@dangerous', '+info']
    await redis.command('ACL', 'SETUSER', 'gateway', 'on', '>gateway-password', ...rights)
    const { host } = new URL(redis.url)
    expect(statesOf(await checkOf(`redis://gateway:gateway-password@${host}`))).toEqual([
      'store.reachable ok',
      'store.write ok',
      'store.messages ok',
      'store.eviction ok',
      'store.persistence skipped',
    ])
  })

  it('that drops sessions or keeps nothing on disk draws a warning', async () => {
    const redis = await start({
      arguments: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
    })
    const { find } = await checkOf(redis.url)
    expect(find('store.eviction')).toMatchObject({
      state: 'warning',
      message: expect.stringMatching(/allkeys-lru.*Set it to noeviction/),
    })
    expect(find('store.persistence').state).toBe('warning')
    await redis.command('CONFIG', 'SET', 'save', '3600 1')
    expect((await checkOf(redis.url)).find('store.persistence').message).toContain('save 3600 1')
  })

  it('that is a replica says to name the master', async () => {
    const master = await start()
    const replica = await start({ arguments: ['--replicaof', `127.0.0.1 ${master.port}`] })
    expect((await checkOf(replica.url)).find('store.write').message).toMatch(
      /READONLY.*name the master/,
    )
  })
})

describe('SQLite', () => {
  it('is not made by the check', async () => {
    const file = `${makeFolder()}/sessions.db`
    const { find } = await checkOf(`sqlite:${file}`)
    expect(find('store.write')).toMatchObject({
      state: 'skipped',
      message: expect.stringContaining('does not exist yet'),
    })
    expect(existsSync(file)).toBe(false)
  })

  it('of a stopped gateway is written and read, and a mode for others draws a warning', async () => {
    const file = `${makeFolder()}/sessions.db`
    await (await openSessionStore(`sqlite:${file}`)).close()
    expect(statesOf(await checkOf(`sqlite:${file}`))).toEqual(['store.mode ok', 'store.write ok'])
    chmodSync(file, 0o644)
    expect((await checkOf(`sqlite:${file}`)).find('store.mode').message).toContain('mode 644')
    expect(statSync(file).size).toBeGreaterThan(0)
  })

  it('of a running gateway is left alone', async () => {
    const file = `${makeFolder()}/sessions.db`
    const store = await openSessionStore(`sqlite:${file}`)
    closing.push(() => store.close())
    expect((await checkOf(`sqlite:${file}`)).find('store.write')).toMatchObject({
      state: 'skipped',
      message: expect.stringContaining('in use'),
    })
  })

  it('that is another file is reported', async () => {
    const file = `${makeFolder()}/notes.txt`
    writeFileSync(file, 'These are notes, and not a database at all.\n'.repeat(100), {
      mode: 0o600,
    })
    const { exitCode, find } = await checkOf(`sqlite:${file}`)
    expect(exitCode).toBe(1)
    expect(find('store.write').message).toContain('is not a session database')
  })
})

it('the store memory is told with its limits', async () => {
  expect((await checkOf('memory')).find('store.kind')).toMatchObject({
    state: 'ok',
    message: expect.stringContaining('one replica only'),
  })
})
