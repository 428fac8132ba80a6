import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { createDesktop, type Desktop } from '../../../src/desktop/desktop.ts'

const TLS = { caFile: undefined, fingerprint: undefined, insecure: false }
const NOBODY = new URL('http://127.0.0.1:9')
const CREDENTIALS = {
  control: { username: 'kasm_user', password: 'pass:wörd' },
  view: { username: 'viewer', password: 'seen' },
}

// Real sockets on a busy machine.
vi.setConfig({ testTimeout: 20_000 })
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

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
  const created = createDesktop({ current }, now)
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
    const desktop = create({ url }, () => clock.time)
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
    const desktop = create({ url: new URL(`http://127.0.0.1:${server.port}`) }, () => clock.time)
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
    const desktop = create({ url: new URL(`http://127.0.0.1:${port}`) }, () => 10_000)
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
