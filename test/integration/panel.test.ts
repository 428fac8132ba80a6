// The panel over HTTP: which answers of the desktop get its script, and what the gateway tells it.

import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Script } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLIENT_FILES } from '../support/kasmvnc/client-page.ts'
import { NAVIGATION, type Answer } from '../support/person.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack, type StackOptions } from '../support/stack.ts'

const PAGE = String(CLIENT_FILES['/index.html']?.body)
const TAG = /<script src="(\/oauth2\/session\.js\?v=[\w-]{16})"><\/script>/
const ENVIRONMENT = { GATEWAY_LOGIN_LIMIT: 'off' }

let stack: Stack
let alice: SignedIn
beforeAll(async () => {
  stack = await startStack({
    environment: ENVIRONMENT,
    desktop: {
      backlog: 64,
      files: {
        '/screen.html': { body: PAGE },
        '/Downloads/index.html': { body: PAGE },
      },
    },
  })
  alice = await signIn(stack.gateway)
})
afterAll(() => stack.stop())

const visit = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  alice.person.visit(stack.gateway.origin + path, headers)
const fetchIt = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  alice.person.request(stack.gateway.origin + path, { headers })

describe('a person who goes to the desktop', () => {
  it.each(['/', '/index.html', '/vnc.html', '/vnc.html?path=websockify&resize=remote'])(
    'gets its page at %s with the script first in the head, and nothing else changed',
    async (path) => {
      const answer = await visit(path)
      expect(answer.status).toBe(200)
      expect(answer.body.replace(TAG, '')).toBe(PAGE)
      expect(answer.body).toMatch(new RegExp(`<head>${TAG.source}`))
      expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(answer.body)))
      expect(answer.headers.get('cache-control')).toBe('private, no-cache')
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'self'")
    },
  )

  it('is also recognised in an older browser and in a prefetch', async () => {
    expect((await fetchIt('/', { accept: 'text/html,*/*;q=0.8' })).body).toMatch(TAG)
    expect((await visit('/', { 'sec-purpose': 'prefetch;prerender' })).body).toMatch(TAG)
  })

  it.each([
    ['a second screen', '/screen.html', {}],
    ['a page somebody saved', '/Downloads/index.html', {}],
    ['a script that reads the page', '/', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['a frame', '/', { 'sec-fetch-dest': 'iframe' }],
    ['an object', '/vnc.html', { 'sec-fetch-dest': 'object' }],
  ])('is not %s: that answer is not changed', async (_, path, headers) => {
    const answer = await visit(path, headers)
    expect(answer.status).toBe(200)
    expect(answer.body).toBe(PAGE)
  })

  it('sends KasmVNC the same header fields as for any other request', async () => {
    const before = stack.desktop.requests.length
    await visit('/vnc.html', { 'if-none-match': '"x"', range: 'bytes=0-1' })
    const asked = stack.desktop.requests.slice(before).map(({ raw }) => raw.split('\r\n'))
    expect(asked.map((lines) => lines.map((line) => line.split(':', 1)[0]))).toEqual([
      ['GET /vnc.html HTTP/1.1', 'Authorization', 'X-Forwarded-For', 'Host', 'Connection', '', ''],
    ])
  })

  it('gets a page in UTF-16 unchanged', async () => {
    const body = Buffer.from('<html><head>', 'utf16le')
    await inFrontOf(
      (_, response) => response.setHeader('content-type', 'text/html; charset=UTF-16LE').end(body),
      async (go) => expect(Buffer.from((await go()).body)).toEqual(Buffer.from(body.toString())),
    )
  })
})

describe('ui.panel: false', () => {
  it('does not change the page', async () => {
    const off = await startStack({ environment: { ...ENVIRONMENT, GATEWAY_UI_PANEL: 'false' } })
    try {
      const visitor = await signIn(off.gateway)
      for (const path of ['/', '/index.html', '/vnc.html']) {
        const { body } = await visitor.person.visit(off.gateway.origin + path)
        expect(body).toBe(PAGE)
      }
    } finally {
      await off.stop()
    }
  })
})

/** A desktop of kind rfb with the given answer, and a person who visits its page. */
async function inFrontOf(
  answer: RequestListener,
  run: (
    go: (path?: string, headers?: Record<string, string>) => Promise<Answer>,
    asked: readonly IncomingHttpHeaders[],
    visitor: SignedIn,
  ) => Promise<void>,
  options: StackOptions = {},
): Promise<void> {
  const asked: IncomingHttpHeaders[] = []
  const server: Server = createServer((request, response) => {
    asked.push(request.headers)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const environment = {
    ...ENVIRONMENT,
    GATEWAY_DESKTOP_URL: `http://127.0.0.1:${port}`,
    GATEWAY_DESKTOP_KIND: 'rfb',
  }
  const own = await startStack({ ...options, environment })
  try {
    const visitor = await signIn(own.gateway)
    const go = (path = '/', headers = {}): Promise<Answer> =>
      visitor.person.visit(own.gateway.origin + path, headers)
    await run(go, asked, visitor)
  } finally {
    await own.stop()
    server.closeAllConnections()
    server.close()
  }
}

describe('the desktop', () => {
  it('is asked for the whole page without compression, and its headers about the old bytes are removed', async () => {
    await inFrontOf(
      (_, response) => {
        response.writeHead(200, {
          'content-type': 'Text/HTML;charset=utf-8',
          etag: '"1"',
          'last-modified': 'Mon, 23 Nov 2026 10:00:00 GMT',
          'accept-ranges': 'bytes',
          'content-digest': 'sha-256=:x:',
          'cache-control': 'max-age=3600',
          'referrer-policy': 'no-referrer',
          'x-other': 'kept',
        })
        response.end('<p>x')
      },
      async (go, asked) => {
        const { headers, body } = await go('/', {
          'accept-encoding': 'gzip, br',
          'if-none-match': '"1"',
          'if-modified-since': 'Mon, 23 Nov 2026 10:00:00 GMT',
          range: 'bytes=0-1',
        })
        expect(body).toMatch(new RegExp(`^${TAG.source}<p>x$`))
        expect(asked).toHaveLength(1)
        expect(asked[0]).toMatchObject({ 'accept-encoding': 'identity', accept: NAVIGATION.accept })
        for (const name of ['if-none-match', 'if-modified-since', 'range']) {
          expect(asked[0]).not.toHaveProperty(name)
        }
        for (const name of ['etag', 'last-modified', 'accept-ranges', 'content-digest']) {
          expect(headers.get(name), name).toBeNull()
        }
        expect(headers.get('cache-control')).toBe('private, no-cache')
        // Under `no-referrer` the POST of the sign-out form would have `Origin: null`.
        expect(headers.get('referrer-policy')).toBe('same-origin')
        expect(headers.get('x-other')).toBe('kept')
      },
    )
  })

  it.each([
    ['another type', 200, { 'content-type': 'text/plain' }],
    ['a type that only looks like it', 200, { 'content-type': 'text/html-template' }],
    ['no type', 200, {}],
    ['a coded body, though none was asked for', 200, { 'content-encoding': 'gzip' }],
    ['an error', 404, { 'content-type': 'text/html' }],
  ])('may answer with %s, which is not changed', async (_, status, headers) => {
    const type = 'content-encoding' in headers ? { 'content-type': 'text/html' } : {}
    await inFrontOf(
      (_, response) =>
        response.writeHead(status, { ...type, ...headers, etag: '"1"' }).end('<html><head>'),
      async (go) => {
        const answer = await go()
        expect(answer.status).toBe(status)
        expect(answer.body).toBe('<html><head>')
        expect(answer.headers.get('etag')).toBe('"1"')
      },
    )
  })

  it('may send its page slowly, in pieces and without end: each piece is passed on at once', async () => {
    let finish = (): void => {}
    await inFrontOf(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' })
        response.write('<!doctype html><html><he')
        setTimeout(() => response.write('ad><title>x</title>'), 50)
        finish = () => response.end('</html>')
      },
      async (_, __, visitor) => {
        const text = visitor.text('GET /', 'Accept: text/html')
        const { raw } = await visitor.send(text, { timeoutMs: 500 })
        expect(raw).toContain('<title>x</title>')
        expect(raw).not.toContain('</html>')
        finish()
      },
    )
  })

  it('may break off: the browser sees an incomplete page', async () => {
    await inFrontOf(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/html', 'content-length': '1000' })
        response.write('<html><head><title>')
        setTimeout(() => response.destroy(), 50)
      },
      async (_, __, visitor) => {
        const { head, body, ended } = await visitor.ask('GET /', 'Accept: text/html')
        const promised = Number(/content-length: (\d+)/i.exec(head)?.[1])
        expect(promised).toBeGreaterThan(1_000)
        expect(body.length).toBeLessThan(promised)
        expect(ended).not.toBe('timeout')
      },
    )
  })

  it('may send a page of many megabytes', async () => {
    const large = `<!doctype html><head>${'x'.repeat(8_000_000)}`
    await inFrontOf(
      (_, response) => response.setHeader('content-type', 'text/html').end(large),
      async (go) => {
        const { body, headers } = await go()
        expect(body.replace(TAG, '')).toBe(large)
        expect(headers.get('content-length')).toBe(String(body.length))
      },
    )
  })
})

describe('/oauth2/session.js', () => {
  it('is one classic script, cached permanently under the address in the page', async () => {
    const [, path = ''] = TAG.exec((await visit('/')).body) ?? []
    const { status, headers, body } = await fetchIt(path)
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    // A script with an import or an export would not parse.
    expect(() => new Script(body)).not.toThrow()
  })

  it('is revalidated under any other address, with 304 when it has not changed', async () => {
    const { headers } = await fetchIt('/oauth2/session.js?v=of-an-older-one')
    expect(headers.get('cache-control')).toBe('private, no-cache')
    const etag = headers.get('etag') ?? ''
    const again = await fetchIt('/oauth2/session.js', { 'if-none-match': etag })
    expect(again.status).toBe(304)
    expect(again.body).toBe('')
    expect((await fetchIt('/oauth2/session.js', { 'if-none-match': '"x"' })).status).toBe(200)
  })

  it('needs no session, and the request never reaches the desktop', async () => {
    const before = stack.desktop.requests.length
    const answer = await fetch(`${stack.gateway.origin}/oauth2/session.js`)
    expect(answer.status).toBe(200)
    expect(stack.desktop.requests).toHaveLength(before)
  })
})

describe('/oauth2/panel', () => {
  const panel = async (visitor: SignedIn): Promise<Record<string, unknown>> => {
    const url = `${stack.gateway.origin}/oauth2/panel`
    const { status, headers, body } = await visitor.person.request(url)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    return JSON.parse(body) as Record<string, unknown>
  }

  it('reports who is signed in and how much time is left, in seconds instead of clock times', async () => {
    const told = await panel(alice)
    expect(told).toEqual({
      state: 'live',
      who: 'Alice Adams',
      email: 'alice@example.com',
      role: 'control',
      canStepUp: false,
      expiresIn: expect.any(Number) as number,
      idleExpiresIn: expect.any(Number) as number,
      idleTimeout: 1_800,
    })
    expect(told['expiresIn']).toBeGreaterThan(12 * 3_600 - 60)
    expect(told['expiresIn']).toBeLessThanOrEqual(12 * 3_600)
    expect(told['idleExpiresIn']).toBeLessThanOrEqual(1_800)
  })

  it('does not count as human input, unlike /oauth2/stay', async () => {
    const before = Number((await panel(alice))['idleExpiresIn'])
    await new Promise((resolve) => void setTimeout(resolve, 60))
    const after = Number((await panel(alice))['idleExpiresIn'])
    expect(after).toBeLessThan(before)
    const { origin } = stack.gateway
    await alice.person.request(`${origin}/oauth2/stay`, { method: 'POST', headers: { origin } })
    expect(Number((await panel(alice))['idleExpiresIn'])).toBeGreaterThan(after)
  })

  it('reports why a session ended, or that there is no session', async () => {
    const visitor = await signIn(stack.gateway)
    const { cookie } = visitor
    await visitor.signOut()
    const kept = await fetchAs(cookie)
    expect(kept).toEqual({ state: 'ended', reason: 'signed-out' })
    expect(await fetchAs('')).toEqual({ state: 'ended', reason: null })
  })

  const fetchAs = async (cookie: string): Promise<unknown> =>
    (await fetch(`${stack.gateway.origin}/oauth2/panel`, { headers: { cookie } })).json()
})
