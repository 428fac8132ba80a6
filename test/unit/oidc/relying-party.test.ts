import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as oidc from 'openid-client'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createCertificate } from '../../support/certificate.ts'
import { CLIENT_SECRET } from '../../support/gateway.ts'
import {
  createTestRelyingParty,
  startTestRelyingParty,
  type RelyingPartyParts,
} from '../../support/relying-party.ts'
import type { Bend, OpRequest, ScriptedOp } from '../../support/scripted-op.ts'

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-'))
afterAll(() => rmSync(folder, { recursive: true }))

// Real sockets on a busy machine.
vi.setConfig({ testTimeout: 20_000 })
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

const open: RelyingPartyParts[] = []
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await Promise.all(open.splice(0).map((parts) => parts.stop()))
})

async function create(
  options?: Parameters<typeof createTestRelyingParty>[0],
): Promise<RelyingPartyParts> {
  const parts = await createTestRelyingParty(options)
  open.push(parts)
  return parts
}

async function start(
  options?: Parameters<typeof createTestRelyingParty>[0],
): Promise<RelyingPartyParts> {
  const parts = await startTestRelyingParty(options)
  open.push(parts)
  return parts
}

const failing: Bend = () => ({ status: 500, body: {} })
/** The library's own deadlines stay real. */
const holdTimers = (): unknown => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

function configurationOf({ relyingParty }: RelyingPartyParts): oidc.Configuration {
  const { configuration } = relyingParty
  if (configuration === undefined) throw new Error('not discovered')
  return configuration
}

const refresh = (parts: RelyingPartyParts): Promise<unknown> =>
  oidc.refreshTokenGrant(configurationOf(parts), 'a-refresh-token')

/** Each operation and its outcome, in the order of their first request. */
async function operations({ metrics }: RelyingPartyParts): Promise<string[]> {
  const { values } = await metrics.oidcRequestDuration.get()
  return values
    .filter(({ metricName }) => metricName?.endsWith('_count'))
    .map(({ labels, value }) => `${labels['operation']} ${labels['outcome']} ${value}`)
}

describe('discovery', () => {
  it('has not happened before it is begun', async () => {
    const parts = await create()
    expect(parts.relyingParty.configuration).toBeUndefined()
    expect(parts.relyingParty.isUp).toBe(false)
    parts.relyingParty.start()
    await parts.relyingParty.ready
    expect(configurationOf(parts).serverMetadata().issuer).toBe(parts.op.issuer)
    expect(parts.relyingParty.isUp).toBe(true)
    expect(await operations(parts)).toEqual(['discovery ok 1'])
    expect(parts.lines).toMatchObject([{ level: 'info', issuer: parts.op.issuer }])
  })

  it('is tried again, twice as late each time and every half minute at the latest', async () => {
    holdTimers()
    const parts = await create({ script: { discovery: failing } })
    parts.relyingParty.start()
    const delays = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    for (const [at, delay] of delays.entries()) {
      await poll(() => parts.lines.length).toBe(at + 1)
      expect(parts.lines.at(-1)).toMatchObject({ level: 'warn', retryMs: delay })
      vi.advanceTimersByTime(delay - 1)
      expect(parts.op.asked('discovery')).toHaveLength(at + 1)
      vi.advanceTimersByTime(1)
    }
    await poll(() => parts.lines.length).toBe(delays.length + 1)
    parts.op.reset()
    parts.op.script({ discovery: (usual) => usual })
    vi.advanceTimersByTime(30_000)
    await parts.relyingParty.ready
    expect(parts.relyingParty.isUp).toBe(true)
  })

  it('is repeated each minute; an outage then leaves the last answer in place', async () => {
    holdTimers()
    const parts = await start()
    const known = parts.relyingParty.configuration
    vi.advanceTimersByTime(59_999)
    expect(parts.op.asked('discovery')).toHaveLength(1)
    vi.advanceTimersByTime(1)
    await poll(() => parts.relyingParty.configuration).not.toBe(known)
    expect(parts.lines.filter(({ level }) => level === 'info')).toHaveLength(1)
    const latest = parts.relyingParty.configuration
    parts.op.script({ discovery: failing })
    vi.advanceTimersByTime(60_000)
    await poll(() => parts.lines.at(-1)).toMatchObject({ level: 'warn', retryMs: 1_000 })
    expect(parts.relyingParty.configuration).toBe(latest)
  })

  it('begins again with short waits after it has succeeded', async () => {
    holdTimers()
    const parts = await create({ script: { discovery: failing } })
    parts.relyingParty.start()
    await poll(() => parts.lines.length).toBe(1)
    vi.advanceTimersByTime(1_000)
    await poll(() => parts.lines.length).toBe(2)
    parts.op.script({ discovery: (usual) => usual })
    vi.advanceTimersByTime(2_000)
    await parts.relyingParty.ready
    parts.op.script({ discovery: failing })
    vi.advanceTimersByTime(60_000)
    await poll(() => parts.lines.at(-1)).toMatchObject({ level: 'warn', retryMs: 1_000 })
  })

  it.each([
    ['of another issuer', ({ body }) => ({ body: { ...body, issuer: 'https://evil.example' } })],
    ['that is no JSON', () => ({ body: '<p>' })],
    ['that never ends', () => ({ body: `{"issuer":"${'x'.repeat(1_100_000)}"}` })],
    ['that leads elsewhere', () => ({ status: 302, headers: { location: 'http://127.0.0.1:9/' } })],
  ] satisfies [string, Bend][])('does not believe an answer %s', async (_, discovery) => {
    const parts = await create({ script: { discovery } })
    parts.relyingParty.start()
    await poll(() => parts.lines.length).toBe(1)
    expect(parts.lines[0]).toMatchObject({ level: 'warn', cause: expect.anything() as unknown })
    expect(parts.relyingParty.configuration).toBeUndefined()
  })

  it('refuses an issuer that stands for every tenant', async () => {
    const discovery: Bend = ({ body }) => ({
      body: { ...body, issuer: `${String(body['issuer'])}/{tenant}` },
    })
    // `oidc.issuer` says so too, but a provider may name another than it was asked as.
    const issuer = (op: ScriptedOp): URL => new URL(`${op.issuer}/.well-known/openid-configuration`)
    const parts = await create({ issuer, script: { discovery } })
    parts.relyingParty.start()
    await poll(() => JSON.stringify(parts.lines)).toContain('names no one tenant')
    expect(parts.relyingParty.configuration).toBeUndefined()
  })

  it('names what of the document it does not use', async () => {
    const discovery: Bend = ({ body }) => ({ body: { ...body, end_session_endpoint: 5 } })
    const parts = await start({ script: { discovery } })
    expect(parts.lines[0]).toMatchObject({ level: 'warn', fields: ['end_session_endpoint'] })
    expect(configurationOf(parts).serverMetadata().end_session_endpoint).toBeUndefined()
  })

  it('happens no more once it is stopped, and says nothing then', async () => {
    holdTimers()
    const parts = await create({ script: { discovery: () => ({ afterMs: 50, status: 500 }) } })
    parts.relyingParty.start()
    await poll(() => parts.op.asked('discovery').length).toBe(1)
    await parts.relyingParty.stop()
    vi.advanceTimersByTime(100)
    await new Promise((resolve) => setImmediate(resolve))
    vi.advanceTimersByTime(7_200_000)
    expect(parts.lines).toEqual([])
    expect(parts.op.asked('discovery')).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

it('begins nothing more once it is stopped, though a request then fails', async () => {
  holdTimers()
  const parts = await start()
  parts.op.script({ token: () => ({ fault: 'hang' }) })
  const asked = expect(refresh(parts)).rejects.toThrow()
  await poll(() => parts.op.asked('token').length).toBe(1)
  const begun = vi.spyOn(globalThis, 'setTimeout')
  await parts.relyingParty.stop()
  await asked
  expect(parts.relyingParty.isUp).toBe(false)
  expect(begun.mock.calls.filter(([, ms]) => ms === 1_000)).toEqual([])
})

describe('a provider', () => {
  it.each([
    ['fails', failing, 'refused'],
    ['hangs up', () => ({ fault: 'reset' as const }), 'unreachable'],
  ] satisfies [string, Bend, string][])(
    'that %s is down, and asked again within a second',
    async (_, token, outcome) => {
      holdTimers()
      const parts = await start()
      parts.op.script({ token })
      await expect(refresh(parts)).rejects.toThrow()
      expect(parts.relyingParty.isUp).toBe(false)
      expect(await operations(parts)).toEqual(['discovery ok 1', `token ${outcome} 1`])
      vi.advanceTimersByTime(999)
      expect(parts.op.asked('discovery')).toHaveLength(1)
      vi.advanceTimersByTime(1)
      await poll(() => parts.relyingParty.isUp).toBe(true)
      expect(parts.op.asked('discovery')).toHaveLength(2)
    },
  )

  it.each([
    ['by the status', { status: 401, body: { error: 'invalid_client' } }],
    ['by the error', { status: 400, body: { error: 'invalid_client' } }],
  ])(
    'that refuses the credentials of the gateway (%s) is down until it accepts them',
    async (_, answer) => {
      const parts = await start()
      parts.op.script({ token: () => answer })
      await expect(refresh(parts)).rejects.toThrow()
      expect(parts.relyingParty.isUp).toBe(false)
      // Its other answers say nothing about the credentials.
      await parts.relyingParty.fetch(`${parts.op.issuer}/.well-known/openid-configuration`, {
        method: 'GET',
        headers: {},
        body: undefined,
        signal: undefined,
      } as never)
      expect(parts.relyingParty.isUp).toBe(false)
      parts.op.script({ token: () => ({ status: 400, body: { error: 'invalid_grant' } }) })
      await expect(refresh(parts)).rejects.toThrow()
      expect(parts.relyingParty.isUp).toBe(true)
    },
  )

  it('that answers with an unusable document is down', async () => {
    const parts = await create({ script: { discovery: () => ({ status: 200, body: [] }) } })
    parts.relyingParty.start()
    await poll(() => parts.lines.length).toBe(1)
    expect(parts.relyingParty.isUp).toBe(false)
  })

  it('that says no is up', async () => {
    const parts = await start()
    parts.op.script({ token: () => ({ status: 400, body: { error: 'invalid_grant' } }) })
    await expect(refresh(parts)).rejects.toThrow()
    expect(parts.relyingParty.isUp).toBe(true)
    expect(await operations(parts)).toContain('token refused 1')
  })

  it('has each of its endpoints counted by its name', async () => {
    const discovery: Bend = ({ body }) => ({
      body: { ...body, pushed_authorization_request_endpoint: `${String(body['issuer'])}/par` },
    })
    const parts = await start({ script: { discovery } })
    for (const path of ['token', 'jwks', 'userinfo', 'par', 'logout']) {
      await parts.relyingParty.fetch(`${parts.op.issuer}/${path}`, {
        method: 'GET',
        headers: {},
        body: undefined,
        redirect: 'manual',
      })
    }
    const counted = (await operations(parts)).map((one) => one.split(' ')[0])
    expect(counted).toEqual(['discovery', 'token', 'jwks', 'userinfo', 'par', 'other'])
  })
})

describe('a refresh', () => {
  it('may take a minute, and everything else ten seconds', async () => {
    const parts = await start()
    const timeout = vi.spyOn(AbortSignal, 'timeout')
    const grant = { 'client-id': 'x' }
    await oidc.genericGrantRequest(configurationOf(parts), 'other', grant).catch(() => {})
    expect(timeout.mock.calls).toEqual([[30_000]])
    await refresh(parts)
    expect(timeout).toHaveBeenLastCalledWith(60_000)
  })

  it('that is granted shows its answer before the library judges it', async () => {
    const parts = await start()
    const bodies: unknown[] = []
    const run = (): Promise<unknown> =>
      parts.relyingParty.captureBody(
        () => refresh(parts),
        (body) => bodies.push(body),
      )
    parts.op.script({ token: () => ({ body: { refresh_token: 'new' } }) })
    await expect(run()).rejects.toThrow()
    parts.op.script({ token: () => ({ body: '<p>' }) })
    await expect(run()).rejects.toThrow()
    parts.op.script({ token: () => ({ status: 400, body: { error: 'invalid_grant' } }) })
    await expect(run()).rejects.toThrow()
    expect(bodies).toEqual(['{"refresh_token":"new"}', '<p>'])
  })
})

describe('the client proves itself', () => {
  const keyFile = join(folder, 'key.pem')
  writeFileSync(
    keyFile,
    generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    }).privateKey,
  )
  const noSecret = { GATEWAY_OIDC_CLIENT_SECRET: undefined }

  function methodOf({ headers, form }: OpRequest): string {
    if (headers.authorization?.startsWith('Basic ')) return 'client_secret_basic'
    if (form.get('client_secret') === CLIENT_SECRET) return 'client_secret_post'
    return form.has('client_assertion') ? 'private_key_jwt' : 'none'
  }

  it.each([
    [{}, undefined, 'client_secret_basic'],
    [{}, ['client_secret_basic', 'client_secret_post'], 'client_secret_basic'],
    [{}, ['client_secret_post'], 'client_secret_post'],
    [{}, ['client_secret_post', 'private_key_jwt'], 'client_secret_post'],
    [{}, ['private_key_jwt'], 'client_secret_basic'],
    [noSecret, ['client_secret_basic'], 'none'],
    [{ ...noSecret, GATEWAY_OIDC_PRIVATE_KEY_FILE: keyFile }, undefined, 'private_key_jwt'],
    [{ GATEWAY_OIDC_CLIENT_AUTH: 'client_secret_post' }, undefined, 'client_secret_post'],
    [{ GATEWAY_OIDC_CLIENT_AUTH: 'client_secret_basic' }, ['none'], 'client_secret_basic'],
  ])('with %j at a provider that lists %j: %s', async (environment, listed, method) => {
    const discovery: Bend = ({ body }) => ({
      body: { ...body, token_endpoint_auth_methods_supported: listed },
    })
    const parts = await start({ environment, script: { discovery } })
    await refresh(parts)
    expect(parts.op.asked('token').map(methodOf)).toEqual([method])
  })
})

describe('a provider on https', () => {
  const tls = createCertificate('op')
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, tls.cert)

  it('is believed under the CA of the settings', async () => {
    const parts = await start({ tls, environment: { GATEWAY_OIDC_CA_FILE: caFile } })
    expect(parts.relyingParty.isUp).toBe(true)
  })

  it('is not believed otherwise', async () => {
    const parts = await create({ tls })
    parts.relyingParty.start()
    await poll(() => parts.lines.length).toBe(1)
    expect([parts.relyingParty.isUp, parts.relyingParty.configuration]).toEqual([false, undefined])
    expect(await operations(parts)).toEqual(['discovery unreachable 1'])
  })

  it('has no endpoint on http', async () => {
    const discovery: Bend = ({ body }) => ({
      body: { ...body, token_endpoint: String(body['token_endpoint']).replace('https', 'http') },
    })
    const parts = await start({
      tls,
      environment: { GATEWAY_OIDC_CA_FILE: caFile },
      script: { discovery },
    })
    expect(parts.lines[0]).toMatchObject({ fields: ['token_endpoint'] })
    await expect(refresh(parts)).rejects.toMatchObject({ code: 'OAUTH_MISSING_SERVER_METADATA' })
  })
})
