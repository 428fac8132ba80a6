// Plain HTTP through the gateway, seen from the desktop: the stand-in records every byte that reaches it.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { alice, mallory } from '../../demo/people.ts'
import { Sessions } from '../../src/session/sessions.ts'
import type { Lookup } from '../../src/session/session.ts'
import { NAVIGATION } from '../support/person.ts'
import { eventually } from '../support/eventually.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

/** A second person who may control the desktop. */
const carol = { ...alice, username: 'carol', password: 'carol' }
const victor = { ...alice, username: 'victor', password: 'victor', groups: ['watchers'] }
const ENVIRONMENT = { GATEWAY_LOGIN_LIMIT: 'off' }
const BACKLOG = 64

afterEach(() => vi.restoreAllMocks())

let stack: Stack
let alone: SignedIn
beforeAll(async () => {
  stack = await startStack({
    environment: {
      ...ENVIRONMENT,
      GATEWAY_VIEW_GROUPS: 'watchers',
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
    },
    provider: { people: [alice, mallory, victor] },
    desktop: { backlog: BACKLOG, files: { '/large.bin': { body: Buffer.alloc(8_000_000) } } },
  })
  alone = await signIn(stack.gateway)
})
afterAll(() => stack.stop())

const CONTROL = `Basic ${Buffer.from('kasm_user:kasm-password').toString('base64')}`
const VIEW = `Basic ${Buffer.from('kasm_viewer:kasm-password').toString('base64')}`

/** The whole request that the desktop should receive, byte for byte. */
function clean(path: string, authorization = CONTROL, address = '127.0.0.1'): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Authorization: ${authorization}`,
    `X-Forwarded-For: ${address}`,
    `Host: ${stack.desktop.url.host}`,
    'Connection: close',
    '\r\n',
  ].join('\r\n')
}

/** The requests that reached the desktop while `run` ran. */
async function seen<T>(run: () => Promise<T>): Promise<{ result: T; requests: string[] }> {
  const before = stack.desktop.requests.length
  const result = await run()
  return { result, requests: stack.desktop.requests.slice(before).map(({ raw }) => raw) }
}

/** A desktop that answers only when the test says so. */
async function startSlowDesktop(): Promise<{
  readonly gateway: Stack['gateway']
  readonly visitor: SignedIn
  readonly waiting: readonly ServerResponse[]
  readonly connections: { readonly total: number; readonly highest: number }
  readonly stop: () => Promise<void>
}> {
  const waiting: ServerResponse[] = []
  const connections = { total: 0, highest: 0 }
  const open = new Set<unknown>()
  const slow = createServer(({ socket }, response) => {
    waiting.push(response)
    if (open.has(socket)) return
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    connections.total += 1
    connections.highest = Math.max(connections.highest, open.size)
  })
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  const { port } = slow.address() as AddressInfo
  const slowStack = await startStack({
    environment: { ...ENVIRONMENT, GATEWAY_DESKTOP_URL: `http://127.0.0.1:${port}` },
    provider: { people: [alice, carol] },
  })
  const { gateway } = slowStack
  const visitor = await signIn(gateway)
  return {
    gateway,
    visitor,
    waiting,
    connections,
    async stop() {
      await slowStack.stop()
      slow.closeAllConnections()
      slow.close()
    },
  }
}

const granted = (gateway: Stack['gateway']): Promise<number> =>
  metric(gateway, 'ghostwire_authorizations_total', { decision: 'granted' })

describe('a request that is let through', () => {
  it('reaches the desktop as five lines, with the credentials first', async () => {
    const { result, requests } = await seen(() => alone.ask('GET /vnc.html'))
    expect(result.status).toBe(200)
    expect(result.body).toContain('<title>KasmVNC</title>')
    expect(requests).toEqual([clean('/vnc.html')])
  })

  it.each([
    ['its own credentials', 'Authorization: Basic ZXZpbDpldmls'],
    ['a bearer token', 'Authorization: Bearer eyJ'],
    ['proxy credentials', 'Proxy-Authorization: Basic ZXZpbDpldmls'],
    ['credentials in another header', 'User-Agent: Authorization: Basic ZXZpbDpldmls'],
    ['dots that would make KasmVNC hide every file', 'Referer: https://evil.example/../'],
    ['the API in a Referer', 'Referer: https://evil.example/api/get_users'],
    ['one more cookie', 'Cookie: a=../; b=/api/'],
    ['an address of its choice', 'X-Forwarded-For: 203.0.113.9'],
    ['an address in another field', 'X-Note: X-Forwarded-For: 203.0.113.9'],
    [
      'all other forwarding headers',
      'Forwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nVia: 1',
    ],
    ['a user name', 'X-Forwarded-User: root\r\nX-Auth-Request-User: root'],
    ['an upgrade in another field', 'X-Note: Upgrade: websocket'],
    ['an upgrade to HTTP/2', 'Upgrade: h2c\r\nHTTP2-Settings: AAA'],
    ['a host', 'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http'],
    ['hop-by-hop fields', 'Connection: X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 5'],
    ['conditions and ranges', 'If-None-Match: "a"\r\nRange: bytes=0-1\r\nAccept-Encoding: br'],
    ['bytes beyond ASCII', 'X-Note: \xe9\xff'],
    ['an empty body', 'Content-Length: 0'],
    ['a body that waits for 100 Continue', 'Expect: 100-continue'],
    ['many headers', Array.from({ length: 300 }, (_, i) => `X-${i}: ${i}`).join('\r\n')],
  ])('is the same five lines when the client adds %s', async (_, lines) => {
    const { result, requests } = await seen(() => alone.ask('GET /vnc.html', lines))
    expect(result.raw).toContain('HTTP/1.1 200 OK')
    expect(requests).toEqual([clean('/vnc.html')])
  })

  it.each([
    ['/', '/'],
    ['//app///ui.html', '/app/ui.html'],
    ['/%61pp/%75i.html', '/app/ui.html'],
    ['/a%c3%a9%20b', '/a%C3%A9%20b'],
    ['/a"<b>', '/a%22%3Cb%3E'],
    ['/vnc.html?resize=remote&path=/a/../b', '/vnc.html?resize=remote&path=%2Fa%2F..%2Fb'],
    ['/vnc.html?next=/api/get_users', '/vnc.html?next=%2Fapi%2Fget_users'],
    ['/vnc.html?', '/vnc.html?'],
    ['/%2561pi/get_users', '/%2561pi/get_users'],
  ])('for %s is forwarded as %s', async (asked, forwarded) => {
    const { requests } = await seen(() => alone.ask(`GET ${asked}`))
    expect(requests).toEqual([clean(forwarded)])
  })

  it('carries only the client address that the trusted proxies report', async () => {
    const proxied = await startStack({
      environment: { ...ENVIRONMENT, GATEWAY_TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.0/8' },
    })
    const visitor = await signIn(proxied.gateway)
    const chain = 'X-Forwarded-For: 203.0.113.9, 198.51.100.7:4711\r\nX-Forwarded-For: 10.1.2.3'
    await visitor.ask('GET /vnc.html', chain)
    const [request] = proxied.desktop.requests
    expect(request?.raw.match(/forwarded.*/gi)).toEqual(['Forwarded-For: 198.51.100.7'])
    await proxied.stop()
  })

  it('of a person who may only watch uses the viewer’s credentials', async () => {
    const watcher = await signIn(stack.gateway, 'victor')
    const { requests } = await seen(() => watcher.ask('GET /vnc.html'))
    expect(requests).toEqual([clean('/vnc.html', VIEW)])
  })
})

describe('a method', () => {
  it('HEAD is sent as GET, and aborted after the headers', async () => {
    const { result, requests } = await seen(() => alone.ask('HEAD /large.bin'))
    expect(result.status).toBe(200)
    expect(result.headers.get('content-length')).toEqual(['8000000'])
    expect(result.body).toBe('')
    expect(requests).toEqual([clean('/large.bin')])
    await eventually(() => expect(stack.desktop.connections.open).toBe(0))
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'])(
    '%s is not allowed, and does not reach the desktop',
    async (method) => {
      const { result, requests } = await seen(() =>
        alone.ask(`${method} /vnc.html`, 'Content-Length: 0'),
      )
      expect(result.status).toBe(405)
      expect(result.headers.get('allow')).toEqual(['GET, HEAD'])
      expect(requests).toEqual([])
    },
  )

  it('with a body is refused together with the body', async () => {
    const body = 'a=1'
    const { result, requests } = await seen(() =>
      Promise.all([
        alone.send(alone.text('GET /vnc.html', `Content-Length: ${body.length}`) + body),
        alone.send(
          `${alone.text('GET /vnc.html', 'Transfer-Encoding: chunked')}3\r\na=1\r\n0\r\n\r\n`,
        ),
        alone.send(`${alone.text('HEAD /vnc.html', 'Content-Length: 3')}a=1`),
        alone.send(`${alone.text('POST /vnc.html', 'Content-Length: 3')}a=1`),
      ]),
    )
    expect(result.map(({ status }) => status)).toEqual([400, 400, 400, 405])
    expect(result.flatMap(({ headers }) => headers.get('connection'))).toEqual(
      Array.from({ length: 4 }, () => 'close'),
    )
    expect(requests).toEqual([])
  })
})

describe('KasmVNC’s own API', () => {
  it.each([
    '/api/get_users',
    '/api/',
    '/api/create_user?name=eve&password=secret1&owner=true',
    '//api//get_users',
    '/%61%70%69/get_users',
    '/%61PI/get_users',
    '/app/api/get_users',
    '/Downloads/api/x',
    '/api/x.html',
  ])(
    'is nobody’s who is not its owner: %s is refused before the desktop hears of it',
    async (path) => {
      const { result, requests } = await seen(() => alone.ask(`GET ${path}`))
      expect(result.status).toBe(403)
      expect(result.body).toContain('"error":"forbidden","reason":"owner-api"')
      expect(requests).toEqual([])
      expect(stack.gateway.audit('access_denied').at(-1)).toMatchObject({
        sub: 'alice',
        reason: 'owner-api',
      })
    },
  )

  it.each([
    '/api%2Fget_users',
    '/app%5c..%5capi/get_users',
    String.raw`/app\..\api\get_users`,
    '/app/../api/get_users',
    '/./api/get_users',
    '/%2e%2e/api/get_users',
    '/app/..',
    '/api%00/get_users',
    '/api/%0d%0aX: y',
    '/a#/api/get_users',
    '/%',
    'http://evil.example/api/get_users',
    '*',
  ])('is refused in an ambiguous spelling: %s', async (target) => {
    const { result, requests } = await seen(() => alone.ask(`GET ${target}`))
    expect(result.status).toBe(400)
    expect(requests).toEqual([])
  })
})

describe('a target', () => {
  const withLength = (length: number): string => `/${'a'.repeat(length - 1)}`

  it('may have 1,024 bytes, and the desktop gets all of them', async () => {
    const { result, requests } = await seen(() => alone.ask(`GET ${withLength(1_024)}`))
    expect(result.status).toBe(404)
    expect(requests).toEqual([clean(withLength(1_024))])
  })

  it.each([
    ['one more byte', withLength(1_025)],
    ['a query that makes it too long', `${withLength(1_000)}?${'b'.repeat(24)}`],
    ['bytes that grow when they are escaped', `/${'"'.repeat(400)}`],
    ['slashes of a query that grow when they are escaped', `/?${'/'.repeat(400)}`],
  ])('with %s is refused', async (_, target) => {
    const { result, requests } = await seen(() => alone.ask(`GET ${target}`))
    expect(result.status).toBe(400)
    expect(requests).toEqual([])
  })
})

describe('the answer', () => {
  it.each(['/', '/app/ui.js', '/core/decoders/qoi.wasm', '/nothing-there'])(
    'to %s carries the gateway’s policies',
    async (path) => {
      const { headers } = await alone.ask(`GET ${path}`)
      expect(headers.get('content-security-policy')?.[0]).toMatch(/connect-src 'self' data:;/)
      expect(headers.get('cross-origin-opener-policy')).toEqual(['same-origin'])
      expect(headers.get('cross-origin-embedder-policy')).toEqual(['require-corp'])
      expect(headers.get('cross-origin-resource-policy')).toEqual(['same-origin'])
    },
  )

  it('has all of the desktop’s bytes, even if only the end of the connection ends them', async () => {
    expect((await alone.ask('GET /large.bin')).body).toHaveLength(8_000_000)
    const { body, headers } = await alone.ask('GET /Downloads/Downloads/')
    expect(headers.get('content-length')).toBeUndefined()
    expect(body).toContain('letter.txt')
  })

  it('to a download is a file that no browser executes, and so is a listing', async () => {
    for (const path of [
      '/Downloads/Downloads/page.html',
      '/downloads/x.html',
      '/Downloads/Downloads/',
    ]) {
      const { headers } = await alone.ask(`GET ${path}`)
      expect(headers.get('content-disposition')).toEqual(['attachment'])
      expect(headers.get('content-security-policy')).toEqual(['sandbox'])
      expect(headers.get('x-content-type-options')).toEqual(['nosniff'])
    }
  })

  it('to a folder without a trailing slash redirects to the folder on this origin', async () => {
    const { status, headers } = await alone.ask('GET /Downloads')
    expect(status).toBe(301)
    expect(headers.get('location')).toEqual(['/Downloads/'])
  })

  it('to a service worker’s script is an error', async () => {
    const { result, requests } = await seen(() =>
      alone.ask('GET /app/ui.js', 'Service-Worker: script'),
    )
    expect(result.status).toBe(400)
    expect(requests).toEqual([])
  })
})

describe('many requests at once', () => {
  it('are all answered, at most sixteen at a time, and each on its own connection', async () => {
    const { gateway, visitor, waiting, connections, stop } = await startSlowDesktop()
    const visitors = [visitor, await signIn(gateway, 'carol')]
    const asked = Array.from({ length: 300 }, () => visitors).flatMap((both) =>
      both.map((one) => one.send(one.text('GET /vnc.html'), { timeoutMs: 15_000 })),
    )
    await eventually(async () => expect(await granted(gateway)).toBe(600))
    await eventually(() => expect(waiting).toHaveLength(16))
    for (let answered = 0; answered < 600; answered += 1) {
      await eventually(() => expect(waiting.length).toBeGreaterThan(answered))
      // A length and no `Connection: close` offer to keep the connection open.
      waiting[answered]?.end('ok')
    }
    const answers = await Promise.all(asked)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(connections).toEqual({ total: 600, highest: 16 })
    await stop()
  })

  it('that are cancelled while they wait do not reach the desktop', async () => {
    const { gateway, visitor, waiting, stop } = await startSlowDesktop()
    const sockets = Array.from({ length: 200 }, () => connect(gateway.publicPort, '127.0.0.1'))
    for (const socket of sockets) socket.write(visitor.text('GET /given-up'))
    await eventually(async () => expect(await granted(gateway)).toBe(200))
    await eventually(() => expect(waiting).toHaveLength(12))
    for (const socket of sockets) socket.destroy()
    await eventually(() => expect(waiting.every(({ destroyed }) => destroyed)).toBe(true))

    const late = visitor.ask('GET /late')
    await eventually(() => expect(waiting.at(-1)?.req.url).toBe('/late'))
    waiting.at(-1)?.end('ok')
    expect(await late).toMatchObject({ status: 200 })
    expect(waiting).toHaveLength(13)
    await stop()
  })

  it('of one person leave connections for the others', async () => {
    const { gateway, visitor, waiting, stop } = await startSlowDesktop()
    const sockets = Array.from({ length: 100 }, () => connect(gateway.publicPort, '127.0.0.1'))
    for (const socket of sockets) socket.write(visitor.text('GET /slow'))
    await eventually(() => expect(waiting).toHaveLength(12))
    const other = await signIn(gateway, 'carol')
    const asked = other.ask('GET /vnc.html')
    await eventually(() => expect(waiting.at(-1)?.req.url).toBe('/vnc.html'))
    waiting.at(-1)?.end('ok')
    expect(await asked).toMatchObject({ status: 200 })
    for (const socket of sockets) socket.destroy()
    await stop()
  })

  it('that are cancelled during the gate’s decision keep no place in the queue', async () => {
    // One more than may wait for the desktop at once.
    const count = 16 + 1_024 + 1
    const { find } = Sessions.prototype as {
      find: (this: Sessions, cookie: string) => Promise<Lookup>
    }
    const { promise: mayLook, resolve: look } = Promise.withResolvers<void>()
    const finding = vi.spyOn(Sessions.prototype, 'find').mockImplementation(async function (
      this: Sessions,
      cookie,
    ) {
      await mayLook
      return find.call(this, cookie)
    })
    const giveUp = async (): Promise<void> => {
      const socket = connect(stack.gateway.publicPort, '127.0.0.1').resume()
      socket.end(alone.text('GET /given-up'))
      await once(socket, 'close')
    }
    for (let left = count; left > 0; left -= 250) {
      await Promise.all(Array.from({ length: Math.min(left, 250) }, giveUp))
    }
    expect(finding).toHaveBeenCalledTimes(count)
    finding.mockRestore()
    look()
    expect(await alone.ask('GET /vnc.html')).toMatchObject({ status: 200 })
  })
})

describe('a desktop that refuses the gateway’s credentials', () => {
  let later = 0
  let refusing: Stack
  let visitor: SignedIn
  beforeAll(async () => {
    refusing = await startStack({
      environment: ENVIRONMENT,
      desktop: {
        backlog: BACKLOG,
        users: [{ name: 'kasm_user', password: 'other', permissions: 'w' }],
      },
      gateway: { now: () => Date.now() + later },
    })
    visitor = await signIn(refusing.gateway)
  })
  afterAll(() => refusing.stop())

  const asked = (): number => refusing.desktop.requests.length
  const navigate = (): ReturnType<SignedIn['ask']> =>
    visitor.ask(
      'GET /vnc.html',
      ...Object.entries(NAVIGATION).map(([name, value]) => `${name}: ${value}`),
    )

  it('gets no request for a while, and the browser sees no Basic challenge', async () => {
    const first = await navigate()
    expect(first.status).toBe(502)
    expect(first.body).toContain('does not accept the password that the gateway uses')
    expect(first.headers.has('www-authenticate')).toBe(false)
    expect(Number(first.headers.get('retry-after')?.[0])).toBeGreaterThan(0)
    expect(asked()).toBe(1)

    const second = await navigate()
    const upgrade = await visitor.open()
    expect([second.status, upgrade.status]).toEqual([502, 502])
    later += 29_000
    expect((await navigate()).status).toBe(502)
    expect(asked()).toBe(1)
    later += 2_000
    await navigate()
    expect(asked()).toBe(2)
  })

  it('gets no request for a while after it refused a WebSocket either', async () => {
    later += 31_000
    const before = asked()
    expect((await visitor.open()).status).toBe(502)
    expect(asked()).toBe(before + 1)
    expect((await navigate()).status).toBe(502)
    expect((await visitor.open()).status).toBe(502)
    expect(asked()).toBe(before + 1)
  })

  it('does not get the requests that already wait for it', async () => {
    const { gateway, visitor, waiting, stop } = await startSlowDesktop()
    const asked = Array.from({ length: 100 }, () => visitor.ask('GET /'))
    await eventually(async () => expect(await granted(gateway)).toBe(100))
    await eventually(() => expect(waiting).toHaveLength(12))
    for (const response of waiting) response.writeHead(401).end()
    const answers = await Promise.all(asked)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([502]))
    expect(waiting).toHaveLength(12)
    await stop()
  })
})

describe('a desktop of kind rfb', () => {
  it('at an IPv6 address gets HEAD as HEAD, and the headers for caching and ranges', async () => {
    const seenThere: { method: string | undefined; url: string | undefined; raw: string[] }[] = []
    const files = createServer(({ method, url, rawHeaders }, response) => {
      seenThere.push({ method, url, raw: rawHeaders })
      response.setHeader('etag', '"1"')
      response.end(method === 'HEAD' ? undefined : 'file')
    })
    await new Promise<void>((resolve) => files.listen(0, '::1', resolve))
    const { port } = files.address() as AddressInfo
    const plain = await startStack({
      environment: {
        ...ENVIRONMENT,
        GATEWAY_DESKTOP_URL: `http://[::1]:${port}`,
        GATEWAY_DESKTOP_KIND: 'rfb',
        GATEWAY_DESKTOP_USERNAME: undefined,
        GATEWAY_DESKTOP_PASSWORD: undefined,
      },
    })
    const visitor = await signIn(plain.gateway)
    const answer = await visitor.ask('HEAD /vnc.html', 'Range: bytes=0-1', 'X-Other: 1')
    expect(answer).toMatchObject({ status: 200, body: '' })
    expect(answer.headers.get('etag')).toEqual(['"1"'])
    expect((await visitor.ask('GET /api/x')).body).toContain('file')
    const raw = ['X-Forwarded-For', '127.0.0.1', 'Host', `[::1]:${port}`]
    const end = ['Connection', 'close']
    expect(seenThere).toEqual([
      { method: 'HEAD', url: '/vnc.html', raw: [...raw, 'Range', 'bytes=0-1', ...end] },
      { method: 'GET', url: '/api/x', raw: [...raw, ...end] },
    ])
    await plain.stop()
    files.close()
  })

  it('that refuses one path still gets other requests', async () => {
    const files = createServer(({ url }, response) => {
      response.writeHead(url === '/private' ? 401 : 200).end('file')
    })
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
    const { port } = files.address() as AddressInfo
    const plain = await startStack({
      environment: {
        ...ENVIRONMENT,
        GATEWAY_DESKTOP_URL: `http://127.0.0.1:${port}`,
        GATEWAY_DESKTOP_KIND: 'rfb',
      },
    })
    const [one, other] = [await signIn(plain.gateway), await signIn(plain.gateway)]
    expect((await one.ask('GET /private')).status).toBe(502)
    expect((await other.ask('GET /vnc.html')).status).toBe(200)
    await plain.stop()
    files.close()
  })
})
