// Tests of the stand-in: every oddity of the real server that the gateway depends on. With a stand-in that
// behaves differently, the gateway's own tests would pass for a server that does not exist.

import { afterEach, describe, expect, it, vi } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import {
  KASM_USERS,
  startKasmVncStandIn,
  type StandIn,
  type StandInOptions,
  type Tunnel,
} from '../support/kasmvnc-stand-in.ts'
import {
  openWebSocket,
  rawRequest,
  upgradeRequest,
  type RawAnswer,
  type RawWebSocket,
  type UpgradeOptions,
} from '../support/raw-client.ts'
import { acceptFor, encodeClose, encodeFrame, OPCODE } from '../support/websocket-wire.ts'

const [USER, VIEWER] = KASM_USERS
const started: StandIn[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((standIn) => standIn.stop()))
})

async function start(options?: StandInOptions): Promise<StandIn & { port: number }> {
  const standIn = await startKasmVncStandIn(options)
  started.push(standIn)
  return Object.assign(standIn, { port: Number(standIn.url.port) })
}

function basic({ name, password } = USER): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}

/** A request text, with the kasmweb user's credentials unless `lines` contain others. */
function request(start: string, ...lines: string[]): string {
  return [`${start} HTTP/1.1`, 'Host: desktop', ...lines, '\r\n'].join('\r\n')
}

function get(path: string, ...lines: string[]): string {
  return request(`GET ${path}`, `Authorization: ${basic()}`, ...lines)
}

function getAs(user: typeof USER, path: string, ...lines: string[]): string {
  return request(`GET ${path}`, `Authorization: ${basic(user)}`, ...lines)
}

async function ask(standIn: { port: number }, ...texts: string[]): Promise<RawAnswer> {
  return rawRequest(standIn.port, texts)
}

function open(standIn: { port: number }, options: UpgradeOptions = {}): Promise<RawWebSocket> {
  const headers = { Authorization: basic(), ...options.headers }
  return openWebSocket(standIn.port, { ...options, headers })
}

/** Performs the RFB handshake, with one client message in each frame. */
async function enter(
  standIn: StandIn & { port: number },
  user = USER,
  shared = 1,
): Promise<{ client: RawWebSocket; tunnel: Tunnel }> {
  const client = await open(standIn, { headers: { Authorization: basic(user) } })
  const tunnel = standIn.tunnels.at(-1) as Tunnel
  for (const message of [Buffer.from('RFB 003.008\n'), [1], [shared]]) {
    await client.nextFrame()
    client.sendFrame(Buffer.from(message))
  }
  const serverInit = await client.nextFrame()
  expect(serverInit.payload).toHaveLength(27)
  return { client, tunnel }
}

const key = (character: string): Buffer =>
  Buffer.from([4, 1, 0, 0, 0, 0, 0, character.charCodeAt(0)])
const qemuKey = (character: string): Buffer =>
  Buffer.from([255, 0, 0, 1, 0, 0, 0, character.charCodeAt(0), 0, 0, 0, 30])
const pointer = (x: number, y: number, buttons = 0): Buffer =>
  Buffer.from([5, 0, buttons, x >> 8, x & 255, y >> 8, y & 255, 0, 0, 0, 0])
const resize = Buffer.from([251, 0, 3, 32, 2, 88, 0, 0])
const updateRequest = (incremental: number): Buffer =>
  Buffer.from([3, incremental, 0, 0, 0, 0, 4, 0, 3, 0])
const KEEP_ALIVE = Buffer.from([185])

function paste(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return Buffer.concat([
    Buffer.from([180, 1, 10]),
    Buffer.from('text/plain'),
    length,
    Buffer.from(text),
  ])
}

/** When this message has been read, everything sent before has been read too. */
async function settle(client: RawWebSocket, tunnel: Tunnel): Promise<void> {
  const before = tunnel.messages.filter(({ type }) => type === 185).length
  client.sendFrame(KEEP_ALIVE)
  await vi.waitFor(() => {
    expect(tunnel.messages.filter(({ type }) => type === 185)).toHaveLength(before + 1)
  })
}

describe('the credentials', () => {
  it('are requested with a Basic challenge on every path, also for static files', async () => {
    const answer = await ask(await start(), request('GET /app/ui.js'))
    expect(answer.raw).toBe(
      'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="Websockify"\r\n\r\n',
    )
    expect(answer.ended).toBe('fin')
  })

  it('get an odd status text and no challenge when they are wrong', async () => {
    const wrong = `Authorization: ${basic({ ...USER, password: 'guess' })}`
    const answer = await ask(await start(), request('GET /', wrong))
    expect(answer.raw).toBe('HTTP/1.1 401 Forbidden\r\n\r\n')
    const withHeaders = await start({ headers: { 'X-Extra': '1' } })
    expect((await ask(withHeaders, request('GET /', wrong))).raw).toBe(
      'HTTP/1.1 401 Forbidden\r\nX-Extra: 1\r\n\r\n',
    )
  })

  it.each(['', ':', 'kasm_user', 'kasm_user:', `${'n'.repeat(128)}:x`, 'nobody:kasm-password'])(
    'are wrong as %j',
    async (credential) => {
      const encoded = Buffer.from(credential).toString('base64')
      const answer = await ask(await start(), request('GET /', `Authorization: Basic ${encoded}`))
      expect(answer.head).toBe('HTTP/1.1 401 Forbidden')
    },
  )

  it('get 403 when they are longer than 256 bytes, which counts as a failure', async () => {
    const standIn = await start({ blacklistThreshold: 1 })
    const long = request('GET /', `Authorization: Basic ${'A'.repeat(260)}`)
    const answer = await ask(standIn, long)
    expect(answer.status).toBe(403)
    expect(answer.body).toBe('403 Forbidden')
    expect((await ask(standIn, get('/'))).raw).toBe('HTTP/1.1 401 Forbidden\r\n\r\n')
  })

  it('are found in any header that contains the name, in any case', async () => {
    const standIn = await start()
    for (const name of ['Proxy-Authorization', 'authorization', 'X-AUTHORIZATION']) {
      const answer = await ask(standIn, request('GET /', `${name}: ${basic()}`))
      expect(answer.status, name).toBe(200)
    }
  })

  it('are taken from the first match in the text, even before the real header', async () => {
    const smuggled = `User-Agent: Authorization: ${basic({ ...USER, password: 'bad' })}`
    const real = `Authorization: ${basic()}`
    const standIn = await start()
    expect((await ask(standIn, request('GET /', smuggled, real))).status).toBe(401)
    expect((await ask(standIn, request('GET /', real, smuggled))).status).toBe(200)
  })

  it('need exactly one space after the colon', async () => {
    const standIn = await start()
    for (const line of [`Authorization:${basic()}`, `Authorization:  ${basic()}`]) {
      expect((await ask(standIn, request('GET /', line))).head).toContain('401 Unauthorized')
    }
  })

  it('have a user name of at most 127 bytes', async () => {
    const long = (length: number): typeof USER => ({ ...USER, name: 'n'.repeat(length) })
    const standIn = await start({ users: [long(127), long(128)] })
    expect((await ask(standIn, getAs(long(127), '/'))).status).toBe(200)
    expect((await ask(standIn, getAs(long(128), '/'))).status).toBe(401)
  })

  it('are not needed with -disableBasicAuth, where nobody is an owner', async () => {
    const standIn = await start({ disableBasicAuth: true })
    expect((await ask(standIn, request('GET /'))).status).toBe(200)
    expect((await ask(standIn, get('/api/get_users'))).status).toBe(401)
    const client = await openWebSocket(standIn.port)
    expect(client.status).toBe(101)
    expect(standIn.tunnels[0]).toMatchObject({ user: '', permissions: 'rw' })
  })
})

describe('the blacklist', () => {
  const BANNED = 'HTTP/1.1 401 Forbidden\r\n\r\n'

  it('bans after five failures, including missing credentials, and then refuses everything', async () => {
    const standIn = await start({ headers: { 'X-Extra': '1' } })
    for (let failures = 0; failures < 5; failures += 1) {
      expect((await ask(standIn, request('GET /'))).head).toContain('401 Unauthorized')
    }
    const { raw } = await ask(standIn, get('/'))
    expect(raw).toBe(BANNED)
    expect(raw).toHaveLength(26)
    expect((await open(standIn)).status).toBe(401)
  })

  it('does not reset failures after a success', async () => {
    const standIn = await start()
    for (let failures = 0; failures < 5; failures += 1) {
      expect((await ask(standIn, get('/'))).status).toBe(200)
      await ask(standIn, request('GET /'))
    }
    expect((await ask(standIn, get('/'))).raw).toBe(BANNED)
  })

  it('is extended by every request, and lifted after 11 s without one', async () => {
    let now = 1_790_000_000_000
    const standIn = await start({ blacklistThreshold: 1, now: () => now })
    await ask(standIn, request('GET /'))
    for (let tries = 0; tries < 4; tries += 1) {
      now += 4_000
      expect((await ask(standIn, get('/'))).raw).toBe(BANNED)
    }
    now += 10_000
    expect((await ask(standIn, get('/'))).raw).toBe(BANNED)
    now += 11_000
    expect((await ask(standIn, get('/'))).status).toBe(200)
  })

  it('starts at zero again once a ban is lifted', async () => {
    let now = 1_790_000_000_000
    const standIn = await start({ blacklistThreshold: 2, now: () => now })
    for (let failures = 0; failures < 2; failures += 1) await ask(standIn, request('GET /'))
    now += 11_000
    expect((await ask(standIn, request('GET /'))).head).toContain('401 Unauthorized')
    expect((await ask(standIn, get('/'))).status).toBe(200)
  })

  it('counts by the first X-Forwarded-For value, from any sender', async () => {
    const standIn = await start({ blacklistThreshold: 1 })
    await ask(standIn, request('GET /', 'X-Forwarded-For: 203.0.113.7, 10.0.0.1'))
    expect((await ask(standIn, get('/', 'x-forwarded-for: 203.0.113.7'))).raw).toBe(BANNED)
    expect((await ask(standIn, get('/', 'X-Forwarded-For: 203.0.113.7:5678'))).status).toBe(200)
    expect((await ask(standIn, get('/', 'X-Forwarded-For: 203.0.113.8'))).status).toBe(200)
    const behind = get('/', 'User-Agent: X-Forwarded-For: 203.0.113.7', 'X-Forwarded-For: 10.1.1.1')
    expect((await ask(standIn, behind)).raw).toBe(BANNED)
  })

  it.each(['not-an-address', '1'.repeat(64)])(
    'falls back to the TCP peer for %s',
    async (value) => {
      const standIn = await start({ blacklistThreshold: 1 })
      await ask(standIn, request('GET /', `X-Forwarded-For: ${value}`))
      expect((await ask(standIn, get('/'))).raw).toBe(BANNED)
    },
  )

  it('is off with a threshold of 0', async () => {
    const standIn = await start({ blacklistThreshold: 0 })
    for (let failures = 0; failures < 8; failures += 1) await ask(standIn, request('GET /'))
    expect((await ask(standIn, get('/'))).status).toBe(200)
  })

  it('does not close open tunnels', async () => {
    const standIn = await start({ blacklistThreshold: 1 })
    const { client, tunnel } = await enter(standIn)
    await ask(standIn, request('GET /'))
    client.sendFrame(key('a'))
    await settle(client, tunnel)
    expect(tunnel.effects.typed).toBe('a')
  })
})

describe('a request', () => {
  it('is recorded byte for byte, including what was pipelined behind it', async () => {
    const standIn = await start()
    const text = `${get('/', 'X-Odd:\tvalue')}${get('/vnc.html')}`
    const answer = await ask(standIn, text)
    expect(standIn.requests).toHaveLength(1)
    expect(standIn.requests[0]).toMatchObject({ raw: text })
    expect(standIn.requests[0]?.peer).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(answer.raw.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(answer.headers.get('connection')).toEqual(['close'])
  })

  it('is the only one on its connection', async () => {
    const answer = await ask(await start(), get('/'), get('/vnc.html'))
    expect(answer.raw.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(answer.ended).not.toBe('timeout')
  })

  it('may have 16,383 bytes and not one more', async () => {
    const standIn = await start()
    const filler = (bytes: number): string => {
      const rest = get('/', 'Cookie: ').length
      return get('/', `Cookie: ${'c'.repeat(bytes - rest)}`)
    }
    expect((await ask(standIn, filler(16_383))).status).toBe(200)
    const answer = await ask(standIn, filler(16_384))
    expect(answer.status).toBe(400)
    expect(answer.body).toBe('400 Bad Request, too large')
  })

  it('must arrive in at most ten reads', async () => {
    const standIn = await start()
    const pieces = (count: number): string[] => {
      const text = get('/')
      return Array.from({ length: count }, (_, index) =>
        index === count - 1 ? text.slice(index) : text.charAt(index),
      )
    }
    expect((await ask(standIn, ...pieces(10))).status).toBe(200)
    const answer = await ask(standIn, ...pieces(11))
    expect(answer.raw).toBe('')
    expect(answer.ended).not.toBe('timeout')
  })

  it('has no time limit', async () => {
    const standIn = await start()
    const silent = await rawRequest(standIn.port, 'GET / HTT', { timeoutMs: 300 })
    expect(silent).toMatchObject({ raw: '', ended: 'timeout' })
  })

  it('ends at its first NUL', async () => {
    const hidden = `${request('GET /', 'X: \0').slice(0, -4)}\r\nAuthorization: ${basic()}\r\n\r\n`
    const answer = await rawRequest((await start()).port, hidden, { timeoutMs: 300 })
    expect(answer).toMatchObject({ raw: '', ended: 'timeout' })
  })

  it('waits for a SYN retry when more than the backlog of 5 arrive at once', async () => {
    const standIn = await start()
    const before = performance.now()
    const answers = await Promise.all(Array.from({ length: 16 }, () => ask(standIn, get('/'))))
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200))
    expect(performance.now() - before).toBeGreaterThan(900)
    expect(standIn.connections).toMatchObject({ open: 0, total: 16 })
    expect(standIn.connections.highest).toBeGreaterThan(1)

    const roomy = await start({ backlog: 64 })
    const again = performance.now()
    await Promise.all(Array.from({ length: 16 }, () => ask(roomy, get('/'))))
    expect(performance.now() - again).toBeLessThan(900)
  })
})

describe('static files', () => {
  it('have a length, no validators, and the extra headers', async () => {
    const standIn = await start({ headers: { 'Cross-Origin-Opener-Policy': 'same-origin' } })
    const answer = await ask(standIn, get('/package.json'))
    expect(answer.head.split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'Server: KasmVNC/4.0',
      'Connection: close',
      'Content-type: application/javascript',
      `Content-length: ${answer.body.length}`,
      'Cross-Origin-Opener-Policy: same-origin',
    ])
  })

  it.each([
    ['/', 'text/html'],
    ['/vnc.html?autoconnect=1', 'text/html'],
    ['/app/ui.js', 'application/javascript'],
    ['/app/locale/de.json', 'application/javascript'],
    ['/app/styles/base.css', 'text/css'],
    ['/app/images/icon.svg', 'image/svg+xml'],
    ['/core/extra.mjs', 'application/octet-stream'],
    ['/core/decoders/qoi.wasm', 'application/octet-stream'],
    ['/app/fonts/Text.woff', 'application/octet-stream'],
    ['/Downloads/Downloads/page.html', 'application/octet-stream'],
  ])('give %s the type %s, chosen by a prefix of the extension', async (path, type) => {
    const answer = await ask(await start(), get(path))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toEqual([type])
  })

  it('can be set by a test', async () => {
    const standIn = await start({ files: { '/big.js': { body: Buffer.alloc(300_000, 'x') } } })
    expect((await ask(standIn, get('/big.js'))).body).toHaveLength(300_000)
  })

  it.each(['HEAD', 'POST', 'OPTIONS', 'PUT'])('answer %s with 404 and a body', async (method) => {
    const answer = await ask(await start(), request(`${method} /`, `Authorization: ${basic()}`))
    expect(answer.status).toBe(404)
    expect(answer.body).toBe('404')
    expect(answer.headers.has('content-length')).toBe(false)
  })

  it('answer an HTTP/1.0 request with 1.1', async () => {
    const text = `GET / HTTP/1.0\r\nAuthorization: ${basic()}\r\n\r\n`
    expect((await ask(await start(), text)).head).toContain('HTTP/1.1 200 OK')
  })

  it('are hidden by `../` anywhere behind the method', async () => {
    const standIn = await start()
    for (const text of [
      get('/app/../index.html'),
      get('/app/%2e%2e/../index.html'),
      get('/', 'Cookie: a=../b'),
      get('/', 'Referer: http://x/y/../z'),
    ]) {
      expect((await ask(standIn, text)).status).toBe(404)
    }
    expect((await ask(standIn, get('/%2e%2e%2findex.html'))).status).toBe(404)
  })

  it('have percent-encoded slashes turned into underscores', async () => {
    const standIn = await start({ files: { '/a_b.txt': { body: 'found' } } })
    expect((await ask(standIn, get('/a%2Fb.txt'))).body).toBe('found')
    expect((await ask(standIn, get('/%61_b.txt?x=/../'.replace('../', '..')))).body).toBe('found')
  })

  it('are 404 under a URL of more than 1,024 bytes', async () => {
    const standIn = await start()
    const url = (length: number): string => `/?${'q'.repeat(length - 2)}`
    expect((await ask(standIn, get(url(1_024)))).status).toBe(200)
    expect((await ask(standIn, get(url(1_025)))).status).toBe(404)
  })

  it('list a folder, and redirect to it when the slash is missing', async () => {
    const standIn = await start({ files: { '/Downloads/Downloads/a b.txt': { body: '' } } })
    const listing = await ask(standIn, get('/Downloads/Downloads/'))
    expect(listing.headers.get('content-type')).toEqual(['text/html'])
    expect(listing.headers.has('content-length')).toBe(false)
    expect(listing.body).toBe(
      '<html><title>Directory Listing</title><body><h2>/Downloads/Downloads/</h2><hr><ul>' +
        '<li><a href="a%20b.txt">a b.txt</a></li><li><a href="letter.txt">letter.txt</a></li>' +
        '<li><a href="page.html">page.html</a></li></ul></body></html>',
    )
    expect((await ask(standIn, get('/Downloads/'))).body).toContain('href="Downloads/"')

    const moved = await ask(standIn, get('/Downloads/Downloads?x=1'))
    expect(moved.status).toBe(301)
    expect(moved.headers.get('location')).toEqual(['/Downloads/Downloads/'])
    expect(moved.headers.has('content-length')).toBe(false)
    expect(moved.body).toBe('')
  })

  it('put file names into the listing as markup', async () => {
    const standIn = await start({ files: { '/Downloads/<img src=x>': { body: '' } } })
    expect((await ask(standIn, get('/Downloads/'))).body).toContain('><img src=x></a>')
  })
})

describe('the owner API', () => {
  it('refuses a caller who is not owner, without a challenge', async () => {
    const standIn = await start()
    const answer = await ask(standIn, getAs(VIEWER, '/api/get_users'))
    expect(answer.head).toContain('401 Unauthorized')
    expect(answer.body).toBe('401 Unauthorized')
    expect(answer.headers.has('www-authenticate')).toBe(false)
    expect(answer.headers.has('content-length')).toBe(false)
  })

  it('treats `/api/` anywhere in the text as a call', async () => {
    const standIn = await start()
    for (const text of [
      getAs(VIEWER, '/?x=/api/'),
      getAs(VIEWER, '/', 'Referer: http://x/api/y'),
    ]) {
      expect((await ask(standIn, text)).status).toBe(401)
    }
    expect((await ask(standIn, get('/', 'Referer: http://x/api/y'))).status).toBe(200)
    expect((await ask(standIn, get('/api/unknown'))).status).toBe(404)
  })

  it('shows users, sessions that stay listed after their end, and invalid JSON for statistics before the first frame', async () => {
    const standIn = await start()
    const api = async (path: string): Promise<string> =>
      (await ask(standIn, get(`/api/${path}`, 'X-Forwarded-For: 203.0.113.7'))).body
    expect(JSON.parse(await api('get_users'))).toContainEqual({
      user: 'kasm_viewer',
      read: true,
      write: false,
      owner: false,
    })
    expect(await api('get_sessions')).toBe('{"users":[]}')
    expect(await api('get_bottleneck_stats')).toBe('{\n}\n')

    const { client } = await enter(standIn)
    expect(await api('get_bottleneck_stats')).toContain('[ -nan, -nan, -nan, -nan ]')
    client.sendFrame(updateRequest(0))
    await client.nextFrame()
    const stats = JSON.parse(await api('get_bottleneck_stats')) as Record<string, object>
    expect(Object.keys(stats['kasm_user'] ?? {})[0]).toMatch(/^127\.0\.0\.1_\d+\.\d{6}::websocket$/)

    client.socket.destroy()
    await vi.waitFor(() => expect(standIn.tunnels[0]?.closedBecause).toBeDefined())
    expect(await api('get_sessions')).toMatch(
      /\{"username":"kasm_user", "connected_since":"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"\}/,
    )
  })

  it('truncates the user list to 80 bytes for each user', async () => {
    const long = { name: 'n'.repeat(80), password: 'kasm-password', permissions: 'o' }
    const body = (await ask(await start({ users: [long] }), getAs(long, '/api/get_users'))).body
    expect(body).toHaveLength(79)
    expect(() => JSON.parse(body) as unknown).toThrow(SyntaxError)
  })

  it('adds, changes and removes users, by query and by JSON', async () => {
    const standIn = await start()
    const added = { name: 'new', password: 'new-password', permissions: 'r' }
    const done = get('/api/create_user?name=new&password=new-password&read=true')
    expect((await ask(standIn, done)).body).toBe('200 OK')
    expect((await ask(standIn, getAs(added, '/'))).status).toBe(200)

    const body = JSON.stringify([{ user: 'new', owner: true }])
    expect((await ask(standIn, post('/api/update_user', body))).body).toBe('200 OK')
    expect((await ask(standIn, getAs(added, '/api/get_users'))).status).toBe(200)
    expect((await ask(standIn, get('/api/remove_user?name=new'))).body).toBe('200 OK')
    expect((await ask(standIn, getAs(added, '/'))).status).toBe(401)
    expect((await ask(standIn, get('/api/remove_user?name=new'))).status).toBe(400)
  })

  it('needs the body in the same read as the headers, and not chunked', async () => {
    const standIn = await start()
    const body = JSON.stringify([{ user: 'kasm_viewer', read: true }])
    const text = post('/api/update_user', body)
    const head = text.slice(0, -body.length)
    expect((await ask(standIn, text)).status).toBe(200)
    expect((await ask(standIn, head, body)).status).toBe(400)
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    const chunked = head.replace(/Content-Length: .*/, 'Transfer-Encoding: chunked')
    const answer = await ask(standIn, `${chunked}${chunks}`)
    expect(answer.status).toBe(400)
    expect(answer.body).toBe('400 Bad Request')
  })

  it('answers system stats and downloads without a length', async () => {
    const standIn = await start()
    for (const path of ['/api/system/stats', '/api/downloads']) {
      const answer = await ask(standIn, get(path))
      expect(answer.headers.has('content-length'), path).toBe(false)
      expect(answer.headers.get('content-type')).toEqual(['text/json'])
      expect(JSON.parse(answer.body)).toBeTypeOf('object')
    }
    expect((await ask(standIn, get('/api/downloads?path=none'))).status).toBe(400)
  })

  it('makes get_frame_stats wait', async () => {
    const standIn = await start()
    const answer = await rawRequest(standIn.port, get('/api/get_frame_stats?client=all'), {
      timeoutMs: 300,
    })
    expect(answer).toMatchObject({ raw: '', ended: 'timeout' })
  })

  function post(path: string, body: string): string {
    const length = `Content-Length: ${body.length}`
    return `${request(`POST ${path}`, `Authorization: ${basic()}`, length)}${body}`
  }
})

describe('an upgrade', () => {
  it('is answered with four headers and the first requested subprotocol', async () => {
    const standIn = await start({ headers: { 'X-Extra': '1' } })
    const key = 'dGhlIHNhbXBsZSBub25jZQ=='
    const client = await open(standIn, { key, protocol: 'foo, binary' })
    expect(client.head.split('\r\n')).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptFor(key)}`,
      'Sec-WebSocket-Protocol: foo',
    ])
  })

  it.each(['/', '/vnc/abc?x=1', '/api/get_users', '/no/such/file'])(
    'is accepted on %s, because the path is ignored',
    async (path) => {
      const viewer = { Authorization: basic(VIEWER) }
      expect((await open(await start(), { path, headers: viewer })).status).toBe(101)
    },
  )

  it('is accepted from any origin, also given as `Sec-WebSocket-Origin`', async () => {
    const standIn = await start()
    expect((await open(standIn, { origin: 'http://evil.example' })).status).toBe(101)
    const headers = { 'Sec-WebSocket-Origin': 'http://evil.example' }
    expect((await open(standIn, { origin: null, headers })).status).toBe(101)
  })

  it.each([{ origin: null }, { protocol: null }])('is a plain 404 with %o', async (missing) => {
    const client = await open(await start(), missing)
    expect(client.status).toBe(404)
  })

  it.each(['Host', 'Connection', 'Sec-WebSocket-Key', 'Upgrade'])(
    'is a plain 404 without %s',
    async (name) => {
      const text = upgradeRequest(1, { headers: { Authorization: basic() } })
      const without = text.replace(new RegExp(`${name}: .*\r\n`), '')
      expect((await ask(await start(), without)).status).toBe(404)
    },
  )

  it('is recognised by `Upgrade: websocket` anywhere', async () => {
    const text = upgradeRequest(1, { headers: { Authorization: basic() } })
    const moved = text.replace('Upgrade: websocket', 'X-Note: upgrade: WebSocket')
    const answer = await rawRequest((await start()).port, moved, { timeoutMs: 200 })
    expect(answer.status).toBe(101)
  })

  it('needs credentials like everything else', async () => {
    const standIn = await start()
    expect((await openWebSocket(standIn.port)).status).toBe(401)
    expect(standIn.tunnels).toEqual([])
  })

  it('is treated as plain HTTP, and so 404, with a header over 1,024 bytes', async () => {
    const standIn = await start()
    const at = (length: number, prefix = ''): string => prefix + 'a'.repeat(length - prefix.length)
    const cases: ((length: number) => UpgradeOptions)[] = [
      (length) => ({ path: at(length, '/') }),
      (length) => ({ origin: at(length) }),
      (length) => ({ protocol: at(length) }),
      (length) => ({ key: at(length) }),
    ]
    for (const options of cases) {
      expect((await open(standIn, options(1_024))).status).toBe(101)
      expect((await open(standIn, options(1_025))).status).toBe(404)
    }
  })

  it('records the user, their rights and their address', async () => {
    const standIn = await start()
    const headers = { Authorization: basic(VIEWER), 'X-Forwarded-For': '203.0.113.7' }
    await open(standIn, { path: '/websockify?x', headers })
    const [tunnel] = standIn.tunnels
    expect(tunnel).toMatchObject({ user: 'kasm_viewer', permissions: 'r', address: '203.0.113.7' })
    expect(tunnel?.handshake).toBe(standIn.requests[0]?.raw)
    expect(tunnel?.handshake).toContain('GET /websockify?x HTTP/1.1\r\n')
  })

  it('loses frames that arrive in the same read as the request', async () => {
    const standIn = await start()
    const text = upgradeRequest(1, { headers: { Authorization: basic() } })
    const early = encodeFrame('RFB 003.008\n', { masked: true })
    const answer = await rawRequest(standIn.port, Buffer.concat([Buffer.from(text), early]), {
      timeoutMs: 300,
    })
    expect(answer.status).toBe(101)
    expect(answer.body).toBe(encodeFrame('RFB 003.008\n').toString('latin1'))
    expect(standIn.tunnels[0]?.frames).toEqual([])
  })
})

describe('frames from the client', () => {
  it('are recorded as they arrived', async () => {
    const standIn = await start()
    const { client, tunnel } = await enter(standIn)
    client.sendFrame(key('a'), { fin: false, rsv: 4 })
    await settle(client, tunnel)
    expect(tunnel.frames[0]).toMatchObject({ payloadLength: 12, bytes: { length: 18 } })
    expect(tunnel.frames.at(-2)).toMatchObject({
      opcode: OPCODE.binary,
      fin: false,
      rsv: 4,
      masked: true,
      payloadLength: 8,
    })
    expect(tunnel.effects.typed).toBe('a')
  })

  it('get no Pong for a Ping, and nothing for a Pong, even before the version exchange', async () => {
    const client = await open(await start())
    expect((await client.nextFrame()).payload.toString()).toBe('RFB 003.008\n')
    client.sendFrame('are you there', { opcode: OPCODE.ping })
    client.sendFrame('', { opcode: OPCODE.pong })
    client.sendFrame('RFB 003.008\n')
    expect([...(await client.nextFrame()).payload]).toEqual([1, 1])
  })

  it('lose the data of continuations', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(key('a').subarray(0, 4), { fin: false })
    client.sendFrame(key('a').subarray(4), { opcode: OPCODE.continuation })
    client.sendFrame(Buffer.from([0, 0, 0, 0x62]))
    await settle(client, tunnel)
    expect(tunnel.effects.typed).toBe('b')
    expect(tunnel.frames.at(-3)).toMatchObject({ opcode: OPCODE.continuation, payloadLength: 4 })
  })

  it('may split a message, or contain several', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(key('a').subarray(0, 3))
    client.sendFrame(Buffer.concat([key('a').subarray(3), key('b'), qemuKey('c')]))
    await settle(client, tunnel)
    expect(tunnel.effects.typed).toBe('abc')
    expect(tunnel.messages.map(({ name }) => name)).toEqual([
      'KeyEvent',
      'KeyEvent',
      'QemuKeyEvent',
      'KeepAlive',
    ])
  })

  it('are decoded from base64 when they are text', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(key('a').toString('base64'), { opcode: OPCODE.text })
    client.sendFrame('not base64!', { opcode: OPCODE.text })
    await settle(client, tunnel)
    expect(tunnel.effects.typed).toBe('a')
  })

  it('end the connection when they are over 65,527 bytes', async () => {
    const standIn = await start()
    const { client, tunnel } = await enter(standIn)
    client.sendFrame(Buffer.alloc(65_527, KEEP_ALIVE))
    await vi.waitFor(() => expect(tunnel.messages).toHaveLength(65_527))
    client.sendFrame(Buffer.alloc(65_528, KEEP_ALIVE))
    await client.closed
    expect(tunnel.messages).toHaveLength(65_527)
    expect(tunnel.closedBecause).toBe('frame over the buffer')
  })

  it('end the connection when their length is in the 64-bit form, however small', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(key('a'), { lengthBits: 64 })
    expect(await client.closed).toEqual({ how: 'fin' })
    expect(tunnel).toMatchObject({ closedBecause: '64-bit length', effects: { typed: '' } })
    expect(tunnel.frames.at(-1)?.payloadLength).toBe(-1)
  })

  it('end the connection when they are not masked', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(key('a'), { masked: false })
    expect(await client.closed).toEqual({ how: 'fin' })
    expect(tunnel).toMatchObject({ closedBecause: 'unmasked payload', effects: { typed: '' } })
  })

  it('end the connection with a Close, which gets no answer and discards data from the same read', async () => {
    const { client, tunnel } = await enter(await start())
    const close = encodeClose(1000, 'bye', { masked: true })
    client.socket.write(Buffer.concat([encodeFrame(key('a'), { masked: true }), close]))
    expect(await client.closed).toEqual({ how: 'fin' })
    expect(tunnel.frames.at(-1)).toMatchObject({ opcode: OPCODE.close, payloadLength: 5 })
    expect(tunnel).toMatchObject({ closedBecause: 'client sent Close', effects: { typed: '' } })
  })

  it('close the connection without a Close frame when they end with FIN', async () => {
    const { client, tunnel } = await enter(await start())
    client.socket.end()
    expect(await client.closed).toEqual({ how: 'fin' })
    expect(tunnel.closedBecause).toBe('client closed connection')
  })
})

describe('frames from the server', () => {
  it('are unfragmented, binary, unmasked, and at most 49,132 bytes long', async () => {
    const standIn = await start()
    const { client, tunnel } = await enter(standIn)
    standIn.send(tunnel, Buffer.alloc(100_000, 1))
    for (const length of [49_132, 49_132, 1_736]) {
      const frame = await client.nextFrame()
      expect(frame).toMatchObject({ opcode: OPCODE.binary, fin: true, rsv: 0, masked: false })
      expect(frame.payload).toHaveLength(length)
    }
  })

  it('are base64 text for the subprotocol base64', async () => {
    const client = await open(await start(), { protocol: 'base64' })
    const frame = await client.nextFrame()
    expect(frame.opcode).toBe(OPCODE.text)
    expect(Buffer.from(frame.payload.toString(), 'base64').toString()).toBe('RFB 003.008\n')
  })

  it.each(['fin', 'rst'] as const)('end by %s, never by Close', async (kind) => {
    const standIn = await start()
    const { client, tunnel } = await enter(standIn)
    standIn.closeTunnel(tunnel, kind)
    expect(await client.closed).toEqual({ how: kind })
  })

  it('are not sent while the screen does not change', async () => {
    const { client } = await enter(await start())
    client.sendFrame(updateRequest(1))
    await expect(client.nextFrame(300)).rejects.toThrow('no frame')
  })
})

describe('RFB', () => {
  it('is version 3.8 without security, with a description of 27 bytes', async () => {
    const client = await open(await start())
    const next = async (): Promise<Buffer> => (await client.nextFrame()).payload
    expect((await next()).toString()).toBe('RFB 003.008\n')
    client.sendFrame('RFB 003.008\n')
    expect([...(await next())]).toEqual([1, 1])
    client.sendFrame(Buffer.from([1]))
    expect([...(await next())]).toEqual([0, 0, 0, 0])
    client.sendFrame(Buffer.from([1]))
    const init = await next()
    expect(init).toHaveLength(27)
    expect([init.readUInt16BE(0), init.readUInt16BE(2)]).toEqual([1_024, 768])
  })

  it('answers an update request with a raw rectangle, an incremental one when something changed', async () => {
    const { client } = await enter(await start())
    client.sendFrame(updateRequest(0))
    const { payload } = await client.nextFrame()
    expect([...payload.subarray(0, 4)]).toEqual([0, 0, 0, 1])
    expect(payload.readInt32BE(12)).toBe(0)
    expect(payload).toHaveLength(16 + payload.readUInt16BE(8) * payload.readUInt16BE(10) * 4)
    client.sendFrame(updateRequest(1))
    client.sendFrame(key('a'))
    expect((await client.nextFrame()).payload.readUInt8(0)).toBe(0)
  })

  it('splits every message of the dialect at its length', async () => {
    const { client, tunnel } = await enter(await start())
    const filled = (length: number, ...head: number[]): Buffer =>
      Buffer.concat([Buffer.from(head), Buffer.alloc(length - head.length)])
    const messages: [name: string, bytes: Buffer][] = [
      ['SetPixelFormat', filled(20, 0, 0, 0, 0, 32)],
      ['SetEncodings', filled(12, 2, 0, 0, 2)],
      ['FramebufferUpdateRequest', filled(10, 3)],
      ['KeyEvent', filled(8, 4)],
      ['PointerEvent', filled(11, 5)],
      ['ClientCutText', filled(11, 6, 0, 0, 0, 0, 0, 0, 3)],
      ['ClientCutText', filled(12, 6, 0, 0, 0, 255, 255, 255, 252)],
      ['EnableContinuousUpdates', filled(10, 150)],
      ['RequestStats', filled(4, 178)],
      ['FrameStats', filled(12, 179)],
      ['BinaryClipboard', paste('some text')],
      ['BinaryClipboard', filled(2, 180, 0)],
      ['UpgradeToUdp', filled(7, 181, 0, 4)],
      ['SubscribeUnixRelay', filled(9, 182, 7)],
      ['UnixRelay', filled(12, 183, 3, 0, 0, 0, 0, 0, 0, 3)],
      // The reader gives up after a name of 64 bytes; its data is read as messages (SMsgReader.cxx:420).
      ['UnixRelay', filled(66, 183, 64)],
      ['VideoEncoders', filled(10, 184, 2)],
      ['KeepAlive', KEEP_ALIVE],
      ['DirectMouseEvent', filled(10, 188)],
      ['LatencyMeasurement', filled(8, 189)],
      ['NetworkStats', filled(4, 190)],
      ['SystemStats', filled(4, 191)],
      ['Fence', filled(12, 248, 0, 0, 0, 0, 0, 0, 0, 3)],
      ['Fence', filled(109, 248, 0, 0, 0, 0, 0, 0, 0, 100)],
      ['SetDesktopSize', filled(24, 251, 0, 0, 0, 0, 0, 1)],
      ['SetMaxVideoResolution', filled(5, 252)],
      ['QemuKeyEvent', filled(12, 255)],
    ]
    client.sendFrame(Buffer.concat(messages.map(([, bytes]) => bytes)))
    await vi.waitFor(() => expect(tunnel.messages).toHaveLength(messages.length))
    expect(tunnel.messages.map(({ name, bytes }) => [name, bytes])).toEqual(messages)
  })

  it.each([
    ['an unknown type', [7]],
    ['an unknown QEMU submessage', [255, 1]],
    ['an extended clipboard without flags', [6, 0, 0, 0, 255, 255, 255, 254]],
  ])('closes the connection on %s', async (_, bytes) => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(Buffer.from([...bytes, 185, 185]))
    expect(await client.closed).toEqual({ how: 'fin' })
    expect(tunnel.messages).toEqual([])
  })

  it.each([
    ['a wrong version', 'HTTP/1.1 200'],
    ['a security type not offered', 'RFB 003.008\n\x02'],
  ])('closes the connection on %s', async (_, bytes) => {
    const client = await open(await start())
    client.sendFrame(bytes)
    expect(await client.closed).toEqual({ how: 'fin' })
  })

  it('shows the effects of a user with write access', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(
      Buffer.concat([key('H'), qemuKey('i'), pointer(300, 200, 1), pointer(300, 201)]),
    )
    client.sendFrame(Buffer.concat([paste('käse'), resize]))
    await settle(client, tunnel)
    expect(tunnel.effects).toEqual({
      typed: 'Hi',
      pointers: [
        { x: 300, y: 200, buttons: 1 },
        { x: 300, y: 201, buttons: 0 },
      ],
      clipboards: [{ mime: 'text/plain', text: 'käse' }],
      resizes: [{ width: 800, height: 600, permitted: true }],
    })
  })

  it('ignores key releases, the old keep-alive and keys without a keycode', async () => {
    const { client, tunnel } = await enter(await start())
    client.sendFrame(Buffer.from([4, 0, 0, 0, 0, 0, 0, 0x61]))
    client.sendFrame(Buffer.from([4, 1, 0, 0, 0, 0, 0, 1]))
    client.sendFrame(Buffer.from([255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0]))
    await settle(client, tunnel)
    expect(tunnel.effects.typed).toBe('')
  })

  it('lets a viewer do nothing, and reports refused input only where KasmVNC does', async () => {
    const { client, tunnel } = await enter(await start(), VIEWER)
    client.sendFrame(Buffer.concat([key('a'), qemuKey('b'), pointer(1, 2, 1), paste('x'), resize]))
    client.sendFrame(Buffer.from([182, 7, ...Buffer.from('printer')]))
    expect((await client.nextFrame()).payload.toString('latin1')).toBe('\xb6\0\x0eNo permissions')
    expect(tunnel.effects).toEqual({
      typed: '',
      pointers: [],
      clipboards: [],
      resizes: [{ width: 800, height: 600, permitted: false }],
    })
    client.sendFrame(updateRequest(0))
    expect((await client.nextFrame()).payload.readUInt8(0)).toBe(0)
  })

  it('shows a blank screen to a user without any right, and keeps them connected', async () => {
    const nobody = { name: 'nobody', password: 'kasm-password', permissions: '' }
    const { client } = await enter(await start({ users: [nobody] }), nobody)
    client.sendFrame(updateRequest(0))
    await expect(client.nextFrame(200)).rejects.toThrow('no frame')
  })

  it('gives the pointer to one user with write access while a button is down', async () => {
    const standIn = await start()
    const first = await enter(standIn)
    const second = await enter(standIn)
    first.client.sendFrame(pointer(1, 1, 1))
    await settle(first.client, first.tunnel)
    second.client.sendFrame(pointer(2, 2))
    await settle(second.client, second.tunnel)
    expect(second.tunnel.effects.pointers).toEqual([])
    first.client.sendFrame(pointer(1, 1))
    await settle(first.client, first.tunnel)
    second.client.sendFrame(pointer(2, 2))
    await settle(second.client, second.tunnel)
    expect(second.tunnel.effects.pointers).toHaveLength(1)
  })

  it('disconnects everybody else for a client that will not share, even for a viewer', async () => {
    const standIn = await start()
    const first = await enter(standIn)
    const second = await enter(standIn)
    expect(second.tunnel.shared).toBe(true)
    const alone = await enter(standIn, VIEWER, 0)
    expect(alone.tunnel.shared).toBe(false)
    for (const { client, tunnel } of [first, second]) {
      expect(await client.closed).toEqual({ how: 'fin' })
      expect(tunnel.closedBecause).toBe('non-shared connection requested')
    }
    expect(alone.tunnel.closedBecause).toBeUndefined()
  })

  it('keeps the rights of a connected user who was removed', async () => {
    const standIn = await start()
    const { client, tunnel } = await enter(standIn)
    await ask(standIn, get('/api/remove_user?name=kasm_user'))
    client.sendFrame(key('a'))
    await settle(client, tunnel)
    expect(tunnel.effects.typed).toBe('a')
  })
})

describe('TLS', () => {
  const tls = createCertificate()

  it('is accepted on the same port as plain HTTP', async () => {
    const standIn = await start({ tls })
    expect(standIn.url.protocol).toBe('https:')
    expect((await rawRequest(standIn.port, get('/'), { tls: true })).status).toBe(200)
    expect((await rawRequest(standIn.port, get('/'))).status).toBe(200)
  })

  it('with -sslOnly, closes plain connections without an answer', async () => {
    const standIn = await start({ tls, sslOnly: true })
    expect(await rawRequest(standIn.port, get('/'))).toMatchObject({ raw: '' })
    expect((await rawRequest(standIn.port, get('/'), { tls: true })).status).toBe(200)
  })

  it('closes TLS connections when there is no certificate', async () => {
    const standIn = await start()
    const answer = await rawRequest(standIn.port, get('/'), { tls: true })
    expect(answer.raw).toBe('')
    expect(answer.ended).not.toBe('timeout')
  })

  it.each(['fin', 'rst'] as const)('carries tunnels, which can end by %s', async (kind) => {
    const standIn = await start({ tls })
    const headers = { Authorization: basic() }
    const client = await openWebSocket(standIn.port, { headers, tls: true })
    expect((await client.nextFrame()).payload.toString()).toBe('RFB 003.008\n')
    standIn.closeTunnel(standIn.tunnels[0] as Tunnel, kind)
    expect(await client.closed).toEqual({ how: kind })
    await vi.waitFor(() => expect(standIn.connections.open).toBe(0))
  })
})
