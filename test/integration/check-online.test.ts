// `check --online` as a process, over a whole installation: exit codes, and what it prints.

import { X509Certificate } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningProvider } from '../../demo/provider.ts'
import { checkOnline } from '../../src/check/check-online.ts'
import { loadSettings } from '../../src/config/load.ts'
import { createCertificate } from '../support/certificate.ts'
import { spawnGateway } from '../support/gateway-process.ts'
import { CLIENT_SECRET, environmentFor, freePort, type Environment } from '../support/gateway.ts'
import { startKasmVncStandIn, type StandIn } from '../support/kasmvnc-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const REDIS_PASSWORD = 'redis/password of tests'
const SECRETS = [
  'a session secret for tests',
  CLIENT_SECRET,
  'kasm-password',
  REDIS_PASSWORD,
  encodeURIComponent(REDIS_PASSWORD),
]

const certificate = createCertificate()
const folder = makeTemporaryFolder('ghostwire-check')
let provider: RunningProvider
let desktop: StandIn
let redis: RedisServer
let good: Environment
beforeAll(async () => {
  const origin = `http://localhost:${await freePort()}`
  provider = await startTestProvider(origin)
  desktop = await startKasmVncStandIn({ tls: certificate, sslOnly: true })
  redis = await startRedis({ arguments: ['--requirepass', REDIS_PASSWORD] })
  const [certFile, keyFile] = [`${folder.path}/tls.crt`, `${folder.path}/tls.key`]
  writeFileSync(certFile, certificate.cert)
  writeFileSync(keyFile, certificate.key)
  good = {
    ...environmentFor(origin, provider.issuer, desktop.url.origin),
    GATEWAY_DESKTOP_TLS_FINGERPRINT: new X509Certificate(certificate.cert).fingerprint256,
    GATEWAY_SESSION_STORE: `redis://:${encodeURIComponent(REDIS_PASSWORD)}@127.0.0.1:${redis.port}`,
    GATEWAY_TLS_CERT_FILE: certFile,
    GATEWAY_TLS_KEY_FILE: keyFile,
  }
})
afterAll(async () => {
  await Promise.all([provider.stop(), desktop.stop(), redis.remove()])
  folder.remove()
})

async function run(environment: Environment, ...args: string[]) {
  const gateway = spawnGateway({ ...good, ...environment }, 'check', ...args)
  const { code } = await gateway.exited
  const [stdout, stderr] = [gateway.stdout(), gateway.stderr()]
  for (const secret of SECRETS) expect(stdout + stderr).not.toContain(secret)
  return { code, stdout, stderr }
}

describe('an installation', () => {
  it('in order exits with 0, and every part has its lines', async () => {
    const { code, stdout, stderr } = await run({}, '--online')
    expect(stdout).toContain('failed: 0')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const line of [
      'ok       provider.client-auth (oidc): ',
      'ok       desktop.websocket: ',
      'ok       store.write: ',
      'ok       certificate.name (tls.certFile): ',
    ]) {
      expect(stdout).toContain(line)
    }
  })

  it('with a fault exits with 1, and the other checks are made all the same', async () => {
    const wrong = {
      GATEWAY_DESKTOP_PASSWORD: 'another-password',
      GATEWAY_SESSION_STORE: 'redis://:another-secret@127.0.0.1:' + String(redis.port),
    }
    const { code, stdout } = await run(wrong, '--online', '--json')
    expect(code).toBe(1)
    for (const secret of ['another-password', 'another-secret'])
      expect(stdout).not.toContain(secret)
    const { ok, findings } = JSON.parse(stdout) as {
      ok: boolean
      findings: { id: string; state: string }[]
    }
    expect(ok).toBe(false)
    expect(findings.filter(({ state }) => state === 'failed').map(({ id }) => id)).toEqual([
      'desktop.credentials.control',
      'store.reachable',
    ])
  })
})

it('a check that breaks off is reported as failed', async () => {
  const copy = `${folder.path}/copy.crt`
  writeFileSync(copy, certificate.cert)
  const loaded = loadSettings({
    env: { ...good, GATEWAY_TLS_CERT_FILE: copy },
    configFile: undefined,
  })
  rmSync(copy)
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  expect(await checkOnline(loaded.settings)).toContainEqual({
    id: 'certificate.error',
    subject: undefined,
    state: 'failed',
    message: expect.stringContaining('ENOENT'),
  })
})

it('without --online no part is asked', async () => {
  const before = desktop.connections.total
  const { code, stdout } = await run({})
  expect(code).toBe(0)
  expect(stdout).toContain('clientSecret: (hidden)')
  expect(desktop.connections.total).toBe(before)
})
