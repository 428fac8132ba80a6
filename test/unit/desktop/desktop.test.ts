import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { Writable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { createDesktop, type Desktop } from '../../../src/desktop/desktop.ts'
import { createLog } from '../../../src/observability/log.ts'
import { createCertificate, type Certificate } from '../../support/certificate.ts'

const TLS = { caFile: undefined, fingerprint: undefined, insecure: false }
const NOBODY = new URL('http://127.0.0.1:9')
const CREDENTIALS = {
  control: { username: 'kasm_user', password: 'pass:wörd' },
  view: { username: 'viewer', password: 'seen' },
}

// Real sockets on a busy machine.
vi.setConfig({ testTimeout: 20_000 })
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

const written: string[] = []
const lines = new Writable({
  write(chunk: Buffer, _, done) {
    written.push(chunk.toString())
    done()
  },
})
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function route(path: string, more: object = {}) {
  const url = new URL(`http://127.0.0.1:9${path}`)
  return {
    path,
    url,
    tls: TLS,
    role: 'control',
    stripPrefix: false,
    credentials: undefined,
    ...more,
  }
}

function create(desktop: object = {}, now: () => number = Date.now): Desktop {
  const defaults = { url: NOBODY, kind: 'kasmvnc', tls: TLS, routes: [], credentials: CREDENTIALS }
  const current = { desktop: { ...defaults, ...desktop } } as unknown as Settings
  const created = createDesktop({ current }, createLog('error', lines), now)
  closing.push(() => created.close())
  return created
}

async function listen(port = 0): Promise<Server & { readonly port: number }> {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const stop = (): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))
  closing.push(stop)
  return Object.assign(server, { port: (server.address() as AddressInfo).port })
}

/** A port of a process that takes no connection, with a backlog that is full. */
async function listenDeaf(): Promise<number> {
  const program = `const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => {
    require('node:fs').writeSync(1, String(server.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  closing.push(() => child.kill('SIGKILL'))
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  for (let at = 0; at < 4; at += 1) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    closing.push(() => socket.destroy())
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  return Number(port)
}

const own = createCertificate()
const fingerprintOf = (cert: string): string =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()

/** A web server that answers with a status, and what it was asked. */
async function serve(tls?: Certificate) {
  const found = { status: 200, asked: [] as string[], url: NOBODY }
  const answer = ({ method, url, headers }: IncomingMessage, response: ServerResponse): void => {
    found.asked.push(`${method} ${url} ${headers.authorization}`)
    response.writeHead(found.status).end('a page')
  }
  const server = tls === undefined ? createHttpServer(answer) : createHttpsServer(tls, answer)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => void server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  found.url = new URL(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`)
  return found
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

describe('a path', () => {
  const routes = [
    route('/sound', { role: 'view', stripPrefix: true }),
    route('/sound/deep', { role: 'owner', credentials: { username: 'u', password: 'p' } }),
    route('/upload'),
  ]

  it.each([
    ['/', undefined, '/', '', 'view'],
    ['/vnc.html', undefined, '/vnc.html', '', 'view'],
    ['/soundtrack', undefined, '/soundtrack', '', 'view'],
    ['/x/sound', undefined, '/x/sound', '', 'view'],
    ['/sound', '/sound', '/', '/sound', 'view'],
    ['/sound/', '/sound', '/', '/sound', 'view'],
    ['/sound/a/b', '/sound', '/a/b', '/sound', 'view'],
    ['/sound/deeper', '/sound', '/deeper', '/sound', 'view'],
    ['/sound/deep', '/sound/deep', '/sound/deep', '', 'owner'],
    ['/sound/deep/a', '/sound/deep', '/sound/deep/a', '', 'owner'],
    ['/upload/x', '/upload', '/upload/x', '', 'control'],
  ] as const)('%s leads to %s, as %s', (path, to, asked, prefix, role) => {
    const desktop = create({ routes })
    const place = desktop.placeOf(path)
    expect(place).toMatchObject({ isRoute: to !== undefined, path: asked, prefix, role })
    expect(place.upstream.url.pathname).toBe(to ?? '/')
    expect(place.upstream.kind.dialect).toBe(to === undefined ? 'kasmvnc' : undefined)
  })

  it('of a route is requested with the route’s credentials for every role', () => {
    const { upstream } = create({ routes }).placeOf('/sound/deep')
    expect(upstream.authorizationFor('view')).toBe(basic('u', 'p'))
    expect(create({ routes }).placeOf('/upload').upstream.authorizationFor('view')).toBeUndefined()
  })
})

describe('the credentials', () => {
  it('depend on the role', () => {
    const desktop = create()
    expect(desktop.authorizationFor('control')).toBe(basic('kasm_user', 'pass:wörd'))
    expect(desktop.authorizationFor('view')).toBe(basic('viewer', 'seen'))
    expect(desktop.authorizationFor('owner')).toBeUndefined()
  })

  it('are the only configured pair for a kind without viewers', () => {
    const desktop = create({ kind: 'rfb', credentials: { control: CREDENTIALS.control } })
    expect(desktop.authorizationFor('view')).toBe(basic('kasm_user', 'pass:wörd'))
    expect(create({ kind: 'rfb', credentials: {} }).authorizationFor('view')).toBeUndefined()
  })

  it('of a viewer are never those of a person in control, for KasmVNC', () => {
    const desktop = create({ credentials: { control: CREDENTIALS.control } })
    expect(desktop.authorizationFor('view')).toBeUndefined()
  })
})

describe('a desktop that refused the credentials', () => {
  it('gets no request for half a minute, and the state says so', async () => {
    const clock = { time: 1_000 }
    const { port } = await listen()
    const url = new URL(`http://127.0.0.1:${port}`)
    const desktop = create({ url, credentials: {} }, () => clock.time)
    expect([desktop.pausedFor(), await desktop.state()]).toEqual([undefined, 'up'])
    desktop.markRefused()
    expect([desktop.pausedFor(), await desktop.state()]).toEqual([30, 'refused'])
    clock.time += 29_001
    expect(desktop.pausedFor()).toBe(1)
    clock.time += 998
    expect(desktop.pausedFor()).toBe(1)
    clock.time += 1
    expect([desktop.pausedFor(), await desktop.state()]).toEqual([undefined, 'up'])
  })

  it('is asked again at once if its kind bans nobody', () => {
    const desktop = create({ kind: 'rfb', routes: [route('/sound')] })
    desktop.markRefused()
    const { upstream } = desktop.placeOf('/sound')
    upstream.markRefused()
    expect([desktop.pausedFor(), upstream.pausedFor()]).toEqual([undefined, undefined])
  })
})

describe('the state of the desktop', () => {
  it('is found by connecting, at most every two seconds', async () => {
    const clock = { time: 10_000 }
    const server = await listen()
    let connections = 0
    server.on('connection', () => (connections += 1))
    const url = new URL(`http://127.0.0.1:${server.port}`)
    const desktop = create({ url }, () => clock.time)
    expect(await Promise.all([desktop.isUp(), desktop.isUp()])).toEqual([true, true])
    clock.time += 1_999
    expect(await desktop.isUp()).toBe(true)
    await poll(() => connections).toBe(1)
    clock.time += 1
    expect(await desktop.isUp()).toBe(true)
    await poll(() => connections).toBe(2)
  })

  it('is checked again once a connection has failed', async () => {
    const server = await listen()
    const { port } = server
    const url = new URL(`http://127.0.0.1:${port}`)
    const desktop = create({ url }, () => 10_000)
    expect(await desktop.state()).toBe('up')
    await new Promise((resolve) => void server.close(resolve))
    expect(await desktop.state()).toBe('up')
    desktop.markGone()
    expect([await desktop.isUp(), await desktop.state()]).toEqual([false, 'starting'])
  })

  it('is reported to every listener', () => {
    const desktop = create()
    const heard: string[] = []
    desktop.onGone(() => heard.push('one'))
    desktop.onGone(() => heard.push('other'))
    desktop.markGone()
    expect(heard).toEqual(['one', 'other'])
  })

  it('is down after a second if connections are neither accepted nor refused', async () => {
    const desktop = create({ url: new URL(`http://127.0.0.1:${await listenDeaf()}`) })
    const answer = await Promise.race([
      desktop.isUp(),
      new Promise((resolve) => setTimeout(resolve, 2_000, 'no answer')),
    ])
    expect(answer).toBe(false)
  })
})

describe('a desktop is up only for whom it lets in', () => {
  it('is asked for nothing while it accepts the credentials', async () => {
    const clock = { time: 10_000 }
    const { url, asked } = await serve()
    const desktop = create({ url }, () => clock.time)
    for (let round = 0; round < 3; round += 1) {
      expect(await desktop.state()).toBe('up')
      clock.time += 2_000
    }
    expect(asked).toEqual([])
  })

  it('is down after a refusal until it accepts the credentials, is not asked during a pause, and tells the operator', async () => {
    const clock = { time: 10_000 }
    const server = await serve()
    server.status = 401
    const desktop = create({ url: server.url }, () => clock.time)
    expect(await desktop.isUp()).toBe(true)
    desktop.markRefused()
    expect([await desktop.isUp(), await desktop.state()]).toEqual([false, 'refused'])
    clock.time += 29_999
    expect([await desktop.isUp(), server.asked]).toEqual([false, []])
    clock.time += 1
    expect([await desktop.isUp(), await desktop.state()]).toEqual([false, 'refused'])
    expect(server.asked).toEqual([`GET / ${basic('kasm_user', 'pass:wörd')}`])
    expect(written.join('')).toContain('check GATEWAY_DESKTOP_USERNAME and _PASSWORD')
    clock.time += 30_000
    server.status = 200
    expect([await desktop.isUp(), await desktop.state()]).toEqual([true, 'up'])
    clock.time += 2_000
    expect(await desktop.isUp()).toBe(true)
    expect(server.asked).toHaveLength(2)
  })

  it('is up at once when it has accepted the credentials of a person’s request', async () => {
    const clock = { time: 10_000 }
    const server = await serve()
    const desktop = create({ url: server.url }, () => clock.time)
    desktop.markRefused()
    clock.time += 30_000
    desktop.markAccepted()
    expect([await desktop.isUp(), server.asked]).toEqual([true, []])
  })

  it('is still down when it then answers with an error, or not at all', async () => {
    const clock = { time: 10_000 }
    const server = await serve()
    server.status = 503
    const { port } = await listen()
    for (const url of [server.url, new URL(`http://127.0.0.1:${port}`)]) {
      const desktop = create({ url }, () => clock.time)
      desktop.markRefused()
      clock.time += 30_000
      expect(await desktop.isUp()).toBe(false)
    }
    expect(server.asked).toHaveLength(1)
  })

  it('is never asked for a page where a web server stands beside the streams', async () => {
    const server = await serve()
    server.status = 401
    const desktop = create({ url: server.url, kind: 'rfb' })
    desktop.markRefused()
    expect([await desktop.isUp(), server.asked]).toEqual([true, []])
  })

  it.each([
    ['any will do', { ...TLS, insecure: true }, true],
    ['it is the pinned one', { ...TLS, fingerprint: fingerprintOf(own.cert) }, true],
    [
      'another one is pinned',
      { ...TLS, fingerprint: fingerprintOf(createCertificate().cert) },
      false,
    ],
    ['nobody has signed it', TLS, false],
  ])('its certificate decides: %s', async (_, tls, isUp) => {
    const clock = { time: 10_000 }
    const { url, asked } = await serve(own)
    const desktop = create({ url, tls }, () => clock.time)
    expect([await desktop.isUp(), asked]).toEqual([isUp, []])
    const refused = create({ url, tls }, () => clock.time)
    refused.markRefused()
    clock.time += 30_000
    expect(await refused.isUp()).toBe(isUp)
    expect(asked).toHaveLength(isUp ? 1 : 0)
    if (isUp) {
      const end = new X509Certificate(own.cert).validToDate.getTime()
      expect([await desktop.certificateEndsAt(), await refused.certificateEndsAt()]).toEqual([
        end,
        end,
      ])
    }
  })

  it('is down where it speaks no TLS though it should', async () => {
    const tls = { ...TLS, insecure: true }
    const plain = await serve()
    const mistaken = new URL(plain.url.href.replace('http:', 'https:'))
    const desktop = create({ url: mistaken, tls })
    expect([await desktop.isUp(), await desktop.certificateEndsAt()]).toEqual([false, undefined])
  })
})

describe('an address', () => {
  it.each([
    ['http://desktop', 'desktop', 80],
    ['https://desktop', 'desktop', 443],
    ['http://desktop:6901', 'desktop', 6901],
    ['https://[2001:db8::1]:6901', '2001:db8::1', 6901],
  ])('%s makes sockets connect to %s, port %i', (url, host, port) => {
    expect(create({ url: new URL(url) }).address).toEqual({ host, port })
  })
})

it('closes its connections, and those of its routes, when it is closed', () => {
  const desktop = create({ routes: [route('/sound')] })
  const { upstream } = desktop.placeOf('/sound')
  const destroyed: string[] = []
  for (const [name, agent] of Object.entries({
    requests: desktop.requestAgent,
    tunnels: desktop.tunnelAgent,
    'requests of the route': upstream.requestAgent,
    'tunnels of the route': upstream.tunnelAgent,
  })) {
    const destroy = agent.destroy.bind(agent)
    agent.destroy = () => {
      destroyed.push(name)
      destroy()
    }
  }
  desktop.close()
  expect(destroyed.sort()).toEqual([
    'requests',
    'requests of the route',
    'tunnels',
    'tunnels of the route',
  ])
})
