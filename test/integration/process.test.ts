// The gateway as a process: its output, its exit codes, and how it stops.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningProvider } from '../../demo/provider.ts'
import { eventually } from '../support/eventually.ts'
import { spawnGateway, type SpawnedGateway } from '../support/gateway-process.ts'
import { environmentFor, freePort, type Environment } from '../support/gateway.ts'
import { startTestProvider } from '../support/op.ts'
import { signIn } from '../support/signed-in.ts'
import { acceptFor } from '../support/websocket-wire.ts'

const origins = { gateway: '', desktop: '' }
/** Requests that the desktop has not answered yet. */
const waiting: ServerResponse[] = []
const upgraded: Duplex[] = []
let provider: RunningProvider
const desktop = createServer((_, response) => void waiting.push(response))
desktop.on('upgrade', ({ headers }, socket: Duplex) => {
  upgraded.push(socket)
  socket.on('error', () => {}).on('end', () => socket.end())
  socket.resume()
  const accept = acceptFor(headers['sec-websocket-key'] ?? '')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
})

beforeAll(async () => {
  origins.gateway = `http://localhost:${await freePort()}`
  provider = await startTestProvider(origins.gateway)
  desktop.listen(0, '127.0.0.1')
  await once(desktop, 'listening')
  origins.desktop = `http://127.0.0.1:${(desktop.address() as AddressInfo).port}`
})
afterAll(async () => {
  desktop.closeAllConnections()
  desktop.close()
  await provider.stop()
})

const running = new Set<SpawnedGateway>()
afterEach(() => {
  for (const gateway of running) gateway.kill('SIGKILL')
  running.clear()
  waiting.length = 0
})

function start(environment: Environment = {}, ...args: string[]): SpawnedGateway {
  const good = environmentFor(origins.gateway, provider.issuer, origins.desktop)
  const gateway = spawnGateway({ ...good, ...environment }, ...args)
  running.add(gateway)
  return gateway
}

const BAD: Environment = {
  GATEWAY_PUBLIC_URL: 'ftp://desk.example.com',
  GATEWAY_OIDC_ISSUER: undefined,
  GATEWAY_SESSION_SECRET: 'short-secret',
  GATEWAY_DESKTOP_URL: 'desktop:6901',
  GATEWAY_LISTN: ':8080',
  GATEWAY_DRAIN_DELAY: 'soon',
}

describe('bad settings', () => {
  it('stop the start with one log line that lists every problem', async () => {
    const gateway = start(BAD)
    expect(await gateway.exited).toEqual({ code: 1, signal: null })
    expect(gateway.stderr()).toBe('')
    const [line, ...rest] = gateway.lines()
    expect(rest).toEqual([])
    expect(line).toMatchObject({ level: 'fatal', msg: 'the settings are invalid' })
    for (const name of Object.keys(BAD)) expect(JSON.stringify(line)).toContain(name)
    expect(gateway.stdout()).not.toContain('short-secret')
  })

  it('are listed by --check-config, one per line, with the same exit code', async () => {
    const gateway = start(BAD, '--check-config')
    expect(await gateway.exited).toEqual({ code: 1, signal: null })
    expect(gateway.stdout()).toBe('')
    for (const name of Object.keys(BAD)) expect(gateway.stderr()).toContain(name)
    expect(gateway.stderr().trim().split('\n').length).toBeGreaterThanOrEqual(
      Object.keys(BAD).length,
    )
    expect(gateway.stderr()).not.toContain('short-secret')
  })
})

describe('good settings', () => {
  it('are printed by --check-config without secrets, and no gateway is started', async () => {
    const gateway = start({}, '--check-config')
    expect(await gateway.exited).toEqual({ code: 0, signal: null })
    expect(gateway.stderr()).toBe('')
    expect(gateway.stdout()).toContain(origins.gateway)
    expect(gateway.stdout()).toContain('kasm_user')
    for (const secret of ['kasm-password', 'a-client-secret', 'a session secret']) {
      expect(gateway.stdout()).not.toContain(secret)
    }
  })
})

it('an unknown argument is answered with the list of arguments', async () => {
  const gateway = start({}, '--chek-config')
  expect(await gateway.exited).toEqual({ code: 1, signal: null })
  expect(gateway.stdout()).toBe('')
  expect(gateway.stderr()).toMatch(/--chek-config[^]*--check-config/)
})

it.each(['GATEWAY_LISTEN', 'GATEWAY_ADMIN_LISTEN'])(
  'a port that is in use (%s) stops the start with one log line',
  async (name) => {
    const taken = createTcpServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const gateway = start({ [name]: `127.0.0.1:${port}` })
    expect(await gateway.exited).toEqual({ code: 1, signal: null })
    expect(gateway.stderr()).toBe('')
    const fatal = gateway.lines().filter(({ level }) => level === 'fatal')
    expect(fatal).toHaveLength(1)
    expect(JSON.stringify(fatal)).toContain(`EADDRINUSE: address already in use 127.0.0.1:${port}`)
    taken.close()
  },
)

describe('SIGTERM', () => {
  it('closes tunnels with a reason, answers requests in progress, and exits with 0', async () => {
    const startedAt = performance.now()
    const gateway = start({ GATEWAY_DRAIN_DELAY: '500ms', GATEWAY_DRAIN_TIMEOUT: '10s' })
    const ports = await gateway.ready()
    console.log(`from start to ready: ${Math.round(performance.now() - startedAt)} ms`)
    const visitor = await signIn({ origin: origins.gateway, ...ports })
    const client = await visitor.open()
    expect(client.status).toBe(101)
    const asked = visitor.send(visitor.text('GET /slow'), { timeoutMs: 10_000 })
    await eventually(() => expect(waiting).toHaveLength(1))

    gateway.kill('SIGTERM')
    await eventually(async () => expect((await fetch(`${ports.admin}/readyz`)).status).toBe(503))
    // Requests are still served until load balancers have noticed.
    expect((await visitor.ask('GET /oauth2/userinfo')).status).toBe(200)
    expect(await client.closed).toMatchObject({ code: 1001, reason: 'draining' })
    const since = performance.now()
    waiting[0]?.end('done')
    expect(await asked).toMatchObject({ status: 200 })
    expect((await asked).body).toContain('done')
    expect(await gateway.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - since).toBeLessThan(3_000)

    expect(gateway.stderr()).toBe('')
    const logged = gateway.lines()
    expect(logged.at(-1)).toMatchObject({ msg: 'stopped' })
    expect(logged).toContainEqual(
      expect.objectContaining({ event: 'tunnel_closed', reason: 'draining' }),
    )
    await eventually(() => expect(upgraded.every(({ destroyed }) => destroyed)).toBe(true))
  })

  it('does not wait forever for an answer that never comes', async () => {
    const gateway = start({ GATEWAY_DRAIN_TIMEOUT: '1s' })
    const visitor = await signIn({ origin: origins.gateway, ...(await gateway.ready()) })
    const asked = visitor.send(visitor.text('GET /never'), { timeoutMs: 10_000 })
    await eventually(() => expect(waiting).toHaveLength(1))
    const since = performance.now()
    gateway.kill('SIGTERM')
    expect(await gateway.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - since).toBeGreaterThan(900)
    expect(performance.now() - since).toBeLessThan(5_000)
    expect((await asked).ended).not.toBe('timeout')
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('twice (then %s) exits at once', async (second) => {
    const gateway = start({ GATEWAY_DRAIN_DELAY: '1m' })
    await gateway.ready()
    gateway.kill('SIGTERM')
    await eventually(() => expect(gateway.stdout()).toContain('draining'))
    const since = performance.now()
    gateway.kill(second)
    expect(await gateway.exited).toEqual({ code: 1, signal: null })
    expect(performance.now() - since).toBeLessThan(2_000)
  })
})
