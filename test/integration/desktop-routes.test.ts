// Other servers beside the desktop, each under its own path: their own credentials, the same gate.

import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { alice, mallory } from '../../demo/people.ts'
import { eventually } from '../support/eventually.ts'
import { NAVIGATION } from '../support/person.ts'
import { rawRequest } from '../support/raw-client.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { OPCODE } from '../support/websocket-wire.ts'

const victor = { ...alice, username: 'victor', password: 'victor', groups: ['watchers'] }

interface Heard {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly raw: readonly string[]
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A server beside the desktop. It records requests and answers WebSockets. */
class Neighbour {
  readonly heard: Heard[] = []
  readonly sockets: WebSocket[] = []
  readonly handshakes: IncomingMessage[] = []
  readonly messages: { text: string; isBinary: boolean }[] = []
  /** Open requests to `/endless`, whose answers have started. */
  readonly endless = new Set<ServerResponse>()
  answer: { status: number; headers: Record<string, string> } = { status: 200, headers: {} }
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      if (request.url === '/endless') {
        this.endless.add(response)
        response.on('close', () => this.endless.delete(response))
        response.writeHead(200).write('sound')
        request.on('error', () => {}).resume()
        return
      }
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method, url, rawHeaders, headers } = request
        const body = Buffer.concat(chunks).toString('latin1')
        this.heard.push({ method, url, raw: rawHeaders, headers, body })
        response.writeHead(this.answer.status, this.answer.headers).end('neighbour')
      })
    })
    const tunnels = new WebSocketServer({ server: this.#server })
    tunnels.on('connection', (socket, request) => {
      this.sockets.push(socket)
      this.handshakes.push(request)
      socket.on('message', (data: Buffer, isBinary) => {
        this.messages.push({ text: data.toString('latin1'), isBinary })
      })
      socket.on('error', () => {})
    })
  }

  async start(): Promise<URL> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`)
  }

  stop(): void {
    for (const socket of this.sockets) socket.terminate()
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

const audio = new Neighbour()
const upload = new Neighbour()
const gone = 'http://127.0.0.1:1'
let audioUrl: URL
let uploadUrl: URL
let stack: Stack
let visitor: SignedIn
let watcher: SignedIn
let ours: string
beforeAll(async () => {
  audioUrl = await audio.start()
  uploadUrl = await upload.start()
  const tls = { caFile: undefined, fingerprint: undefined, insecure: false }
  const route = { stripPrefix: true, credentials: undefined, tls }
  stack = await startStack({
    environment: {
      GATEWAY_LOGIN_LIMIT: 'off',
      GATEWAY_VIEW_GROUPS: 'watchers',
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
    },
    provider: { people: [alice, mallory, victor] },
    desktop: { backlog: 64 },
    gateway: {
      settings: (loaded) => ({
        ...loaded,
        desktop: {
          ...loaded.desktop,
          routes: [
            { ...route, path: '/audio', url: audioUrl, role: 'view' },
            {
              ...route,
              path: '/upload',
              url: uploadUrl,
              role: 'control',
              credentials: { username: 'kasm_user', password: 'token' },
            },
            { ...route, path: '/audio/kept', url: uploadUrl, role: 'control', stripPrefix: false },
            { ...route, path: '/admin', url: uploadUrl, role: 'owner' },
            { ...route, path: '/gone', url: new URL(gone), role: 'view' },
          ],
        },
      }),
    },
  })
  visitor = await signIn(stack.gateway)
  watcher = await signIn(stack.gateway, 'victor')
  ours = `Origin: ${stack.gateway.origin}`
})
afterAll(async () => {
  await stack.stop()
  audio.stop()
  upload.stop()
})
beforeEach(() => {
  audio.heard.length = 0
  upload.heard.length = 0
  upload.answer = { status: 200, headers: {} }
})

const TOKEN = `Basic ${Buffer.from('kasm_user:token').toString('base64')}`

describe('a path', () => {
  it.each([
    ['/audio', '/'],
    ['/audio/', '/'],
    ['/audio/stream?x=1', '/stream?x=1'],
    ['//audio///stream', '/stream'],
    ['/%61udio/%73tream', '/stream'],
    ['/audio/keptx', '/keptx'],
  ])('of a route, %s, is forwarded to its server as %s', async (path, sent) => {
    const before = stack.desktop.requests.length
    expect((await visitor.ask(`GET ${path}`)).body).toContain('neighbour')
    expect(audio.heard.map(({ url }) => url)).toEqual([sent])
    expect(stack.desktop.requests).toHaveLength(before)
  })

  it.each(['/audiox', '/x/audio', '/Audio', '/'])(
    '%s is forwarded to the desktop',
    async (path) => {
      const before = stack.desktop.requests.length
      await visitor.ask(`GET ${path}`)
      expect(audio.heard).toEqual([])
      expect(stack.desktop.requests).toHaveLength(before + 1)
    },
  )

  it('belongs to the longest matching route, and keeps its prefix if the route says so', async () => {
    await visitor.ask('GET /audio/kept/x')
    expect(audio.heard).toEqual([])
    expect(upload.heard.map(({ url }) => url)).toEqual(['/audio/kept/x'])
  })

  it.each(['/audio/../upload', '/audio%2Fkept', '/audio/%2e%2e/upload'])(
    'with an ambiguous spelling is refused: %s',
    async (path) => {
      expect((await visitor.ask(`GET ${path}`)).status).toBe(400)
      expect([...audio.heard, ...upload.heard]).toEqual([])
    },
  )
})

describe('a request', () => {
  it('arrives with the route’s credentials and no headers of the client', async () => {
    await visitor.ask(
      'GET /upload/list',
      'Authorization: Basic ZXZpbA==',
      'X-Forwarded-For: 203.0.113.9',
      'X-Other: 1',
      'Accept: text/html',
      'Referer: https://evil.example/',
    )
    const [heard] = upload.heard
    const canonical = ['Authorization', 'X-Forwarded-For', 'Host', 'Accept', 'Connection']
    const values = [TOKEN, '127.0.0.1', uploadUrl.host, 'text/html', 'close']
    expect(heard?.raw).toEqual(canonical.flatMap((name, index) => [name, values[index]]))
    await visitor.ask('GET /audio/')
    expect(audio.heard[0]?.headers.authorization).toBeUndefined()
  })

  describe.each(['POST', 'PUT', 'PATCH', 'DELETE'])('by %s', (method) => {
    it.each([
      ['with a length', 'content-length', (body: string) => body],
      [
        'in chunks',
        'transfer-encoding',
        (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      ],
    ])(
      'forwards a body %s of any size, with one header that gives its length',
      async (_, name, frame) => {
        const body = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10_000)
        const value = name === 'content-length' ? body.length : 'chunked'
        const framing = `${name}: ${value}`
        const head = visitor.text(
          `${method} /upload/file`,
          ours,
          'Content-Type: text/plain',
          framing,
        )
        expect((await visitor.send(head + frame(body))).status).toBe(200)
        expect(upload.heard).toMatchObject([{ method, url: '/file', body }])
        expect(upload.heard[0]?.headers['content-type']).toBe('text/plain')
        const framings = upload.heard[0]?.raw.filter((field) =>
          /^(content-length|transfer-encoding)$/i.test(field),
        )
        expect(framings).toEqual([name])
      },
    )
  })

  it('without a body has a Content-Length of 0', async () => {
    expect((await visitor.ask('POST /upload/touch', ours)).status).toBe(200)
    expect((await visitor.ask('DELETE /upload/file', ours)).status).toBe(200)
    expect(upload.heard.map(({ headers }) => headers['content-length'])).toEqual(['0', '0'])
    expect(upload.heard.every(({ headers }) => !('transfer-encoding' in headers))).toBe(true)
  })

  it('that changes something is forwarded only from a page of this origin', async () => {
    for (const [start, line] of [
      ['POST /upload/file', 'Origin: https://evil.example'],
      ['PUT /upload/file', 'Sec-Fetch-Site: same-site'],
      ['DELETE /upload/file', 'Accept: */*'],
    ] as const) {
      expect((await visitor.ask(start, line, 'Content-Length: 0')).status).toBe(403)
    }
    expect((await visitor.ask('PROPFIND /upload/file', ours)).status).toBe(405)
    expect((await visitor.ask('GET /upload/sw.js', 'Service-Worker: script')).status).toBe(400)
    const twice = visitor.text('POST /upload/file', ours, 'Transfer-Encoding: gzip, chunked')
    expect((await visitor.send(`${twice}0\r\n\r\n`)).status).toBe(400)
    expect(upload.heard).toEqual([])
  })

  it('is answered without headers that act on this origin', async () => {
    upload.answer = {
      status: 302,
      headers: { 'set-cookie': 'a=b', location: '/list', 'clear-site-data': '"*"' },
    }
    const answer = await visitor.ask('GET /upload/')
    expect(answer.status).toBe(302)
    expect(answer.headers.get('set-cookie')).toBeUndefined()
    expect(answer.headers.get('clear-site-data')).toBeUndefined()
    expect(answer.headers.get('location')).toEqual(['/upload/list'])
    expect(answer.headers.get('content-security-policy')?.[0]).toContain("connect-src 'self'")
  })

  it('that the server refuses with 401 does not block later requests, or requests to the desktop', async () => {
    upload.answer = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
    const answer = await visitor.ask('GET /upload/')
    expect(answer.status).toBe(502)
    expect(answer.headers.get('www-authenticate')).toBeUndefined()
    expect(stack.gateway.lines.at(-2)?.['msg']).toContain('desktop.routes /upload')
    upload.answer = { status: 200, headers: {} }
    expect((await visitor.ask('GET /upload/')).status).toBe(200)
    expect((await visitor.ask('GET /vnc.html')).status).toBe(200)
  })

  it('to a server that is down shows a page that retries, not the page that waits for the desktop', async () => {
    const lines = Object.entries(NAVIGATION).map(([name, value]) => `${name}: ${value}`)
    const page = await visitor.ask('GET /gone/', ...lines)
    expect(page.status).toBe(503)
    expect(page.body).toContain('This part of the desktop is not answering')
    expect(page.body).not.toContain('<script')
    expect(await visitor.ask('GET /gone/')).toMatchObject({ status: 503 })
    expect(await visitor.open({ path: '/gone/' })).toMatchObject({ status: 503 })
  })
})

describe('a request that lasts for hours', () => {
  it.each([
    ['an answer', 'GET /audio/endless', '', ''],
    ['a body', 'POST /upload/endless', 'Transfer-Encoding: chunked', '5\r\nsound\r\n'],
  ])('because %s does not end is closed when its session ends', async (_, start, line, body) => {
    const person = await signIn(stack.gateway)
    const lines = line === '' ? [ours] : [ours, line]
    const asked = person.send(person.text(start, ...lines) + body, { timeoutMs: 10_000 })
    const neighbour = start.includes('audio') ? audio : upload
    await eventually(() => expect(neighbour.endless.size).toBe(1))
    await sleep(50)
    const at = Date.now()
    await person.signOut()
    const answer = await asked
    expect(Date.now() - at).toBeLessThan(2_000)
    expect(answer.ended).not.toBe('timeout')
    expect(answer.body).toContain('sound')
    await eventually(() => expect(neighbour.endless.size).toBe(0))
  })

  it('is not closed when another session ends', async () => {
    const [one, other] = [await signIn(stack.gateway), await signIn(stack.gateway)]
    const asked = other.send(other.text('GET /audio/endless'), { timeoutMs: 1_000 })
    await eventually(() => expect(audio.endless.size).toBe(1))
    await one.signOut()
    expect((await asked).ended).toBe('timeout')
  })
})

describe('the gate', () => {
  it('lets each role use its own routes only, for requests and for streams', async () => {
    const reached = async (person: SignedIn): Promise<number[]> => {
      const statuses: number[] = []
      for (const path of ['/audio/', '/upload/', '/admin/']) {
        statuses.push((await person.ask(`GET ${path}`)).status)
        const stream = await person.open({ path })
        statuses.push(stream.status)
        stream.socket.destroy()
      }
      return statuses
    }
    expect(await reached(watcher)).toEqual([200, 101, 403, 403, 403, 403])
    expect(await reached(visitor)).toEqual([200, 101, 200, 101, 403, 403])
    expect(stack.gateway.audit('access_denied').at(-1)).toMatchObject({ reason: 'route' })
  })

  it('refuses a request without a session, or from a page of another site', async () => {
    const host = new URL(stack.gateway.origin).host
    const { status } = await rawRequest(
      stack.gateway.publicPort,
      `GET /audio/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    )
    expect(status).toBe(401)
    expect((await visitor.open({ path: '/audio/', cookie: 'x=1' })).status).toBe(401)
    expect((await visitor.open({ path: '/audio/', origin: 'https://evil.example' })).status).toBe(
      403,
    )
    expect(audio.heard).toEqual([])
  })
})

describe('a stream', () => {
  const last = <T>(list: readonly T[]): T => {
    const value = list.at(-1)
    if (value === undefined) throw new Error('nothing there')
    return value
  }

  it('carries text, fragments and large messages in both directions, which no desktop accepts', async () => {
    const client = await visitor.open({ path: '/audio/stream', protocol: null })
    expect(client.status).toBe(101)
    await eventually(() => expect(audio.sockets.length).toBeGreaterThan(0))
    const server = last(audio.sockets)
    expect(last(audio.handshakes).url).toBe('/stream')
    audio.messages.length = 0
    client.sendFrame('{"hello":1}', { opcode: OPCODE.text })
    client.sendFrame('in ', { opcode: OPCODE.text, fin: false })
    client.sendFrame('parts', { opcode: OPCODE.continuation })
    client.sendFrame('x'.repeat(100_000))
    await eventually(() => expect(audio.messages).toHaveLength(3))
    expect(audio.messages.map(({ text, isBinary }) => [text.slice(0, 11), isBinary])).toEqual([
      ['{"hello":1}', false],
      ['in parts', false],
      ['xxxxxxxxxxx', true],
    ])
    server.send('text')
    expect((await client.nextFrame()).payload.toString()).toBe('text')
    server.send(Buffer.alloc(200_000, 'y'))
    expect((await client.nextFrame()).payload).toHaveLength(200_000)
    client.socket.destroy()
    await eventually(() => {
      expect(stack.gateway.audit('tunnel_closed').at(-1)).toMatchObject({
        desktop: audioUrl.host,
        reason: 'client-closed',
      })
    })
  })

  it.each([
    [null, undefined],
    ['chat, superchat', 'chat'],
    ['binary', 'binary'],
  ])('offers the subprotocols that the browser does: %s', async (protocol, chosen) => {
    const client = await visitor.open({ path: '/audio/', protocol })
    expect(client.status).toBe(101)
    expect(last(audio.handshakes).headers['sec-websocket-protocol']).toBe(protocol ?? undefined)
    expect(client.headers.get('sec-websocket-protocol')?.[0]).toBe(chosen)
    expect(last(audio.handshakes).headers).not.toHaveProperty('cookie')
    client.socket.destroy()
  })

  it.each(['a b', 'a,,b', 'a\u{7f}', 'x'.repeat(129), Array(9).fill('a').join(',')])(
    'is refused for an invalid list of subprotocols: %j',
    async (protocol) => {
      expect((await visitor.open({ path: '/audio/', protocol })).status).toBe(400)
    },
  )

  it('ends with its session: a Close follows a whole frame, and the server gets nothing more', async () => {
    const person = await signIn(stack.gateway)
    const client = await person.open({ path: '/audio/' })
    const server = last(audio.sockets)
    const closed = once(server, 'close')
    server.send(Buffer.alloc(50_000))
    const at = Date.now()
    await person.signOut()
    client.sendFrame('too late')
    expect(await client.closed).toMatchObject({ code: 4401, reason: 'signed-out' })
    expect(Date.now() - at).toBeLessThan(2_000)
    await closed
    expect(audio.messages.some(({ text }) => text === 'too late')).toBe(false)
  })

  it('does not count as human input, because only a desktop’s messages are parsed', async () => {
    const person = await signIn(stack.gateway)
    const idle = async (): Promise<string> =>
      (await person.person.request(`${stack.gateway.origin}/oauth2/userinfo`)).body
    const before = await idle()
    const client = await person.open({ path: '/audio/' })
    audio.messages.length = 0
    client.sendFrame(Buffer.from([4, 1, 0, 0, 0, 0, 0, 97]))
    await eventually(() => expect(audio.messages).toHaveLength(1))
    expect(await idle()).toBe(before)
    client.socket.destroy()
  })

  it('gets the reason desktop-gone when the server ends it', async () => {
    const client = await visitor.open({ path: '/audio/' })
    last(audio.sockets).terminate()
    expect(await client.closed).toMatchObject({ code: 1013, reason: 'desktop-gone' })
  })
})
