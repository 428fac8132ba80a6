// The web client's own files: fetched from the desktop once, served from memory, and never served for long after they change.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { alice, mallory } from '../../demo/people.ts'
import { eventually } from '../support/eventually.ts'
import {
  startKasmVncStandIn,
  type StandIn,
  type StandInOptions,
} from '../support/kasmvnc-stand-in.ts'
import { CLIENT_FILES } from '../support/kasmvnc/client-page.ts'
import { rawRequest, type RawAnswer } from '../support/raw-client.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

const victor = { ...alice, username: 'victor', password: 'victor', groups: ['watchers'] }
const LONG = `export const text = '${'wire '.repeat(20_000)}'\n`
const FILES = {
  '/app/long.js': { body: LONG },
  '/app/noise.js': { body: Buffer.from(Array.from({ length: 4_000 }, () => Math.random() * 256)) },
  '/assets/app.3f9c01ab.js': { body: 'export {}' },
  '/assets/app-translate.js': { body: 'export {}' },
  '/assets/app-20261122.js': { body: 'export {}' },
  '/huge.js': { body: Buffer.alloc(4_200_000, 'x') },
  '/Downloads/Downloads/saved.js': { body: 'alert(1)' },
  '/notes.txt': { body: 'text' },
}

let stack: Stack
let visitor: SignedIn
let again: StandIn | undefined
let later: number

async function start(desktop: StandInOptions = {}): Promise<void> {
  later = 0
  stack = await startStack({
    environment: {
      GATEWAY_LOGIN_LIMIT: 'off',
      GATEWAY_VIEW_GROUPS: 'watchers',
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
    },
    provider: { people: [alice, mallory, victor] },
    desktop: { files: FILES, ...desktop },
    gateway: { now: () => Date.now() + later },
  })
  visitor = await signIn(stack.gateway)
}
afterEach(async () => {
  await stack.stop()
  await again?.stop()
  again = undefined
})

const asked = (): number => stack.desktop.requests.length
const field = (answer: RawAnswer, name: string): string | undefined => answer.headers.get(name)?.[0]

describe('a file of the client', () => {
  it('is fetched once for all people and roles', async () => {
    await start()
    const watcher = await signIn(stack.gateway, 'victor')
    const first = await visitor.ask('GET /app/long.js')
    const second = await visitor.ask('GET /app/long.js', 'User-Agent: other', 'Cookie: x=../')
    const third = await watcher.ask('GET /%61pp//long.js')
    for (const answer of [first, second, third]) {
      expect(answer).toMatchObject({ status: 200, body: LONG })
    }
    expect(asked()).toBe(1)
  })

  it('is not served to a person without access', async () => {
    await start()
    await visitor.ask('GET /app/long.js')
    const before = asked()
    const stranger = await rawRequest(
      stack.gateway.publicPort,
      `GET /app/long.js HTTP/1.1\r\nHost: ${new URL(stack.gateway.origin).host}\r\nConnection: close\r\n\r\n`,
    )
    expect(stranger).toMatchObject({ status: 401 })
    expect(stranger.body).not.toContain('wire')
    await visitor.signOut()
    expect(await visitor.ask('GET /app/long.js')).toMatchObject({ status: 401 })
    expect(asked()).toBe(before)
  })

  it.each([
    ['/app/ui.js', 'text/javascript; charset=utf-8'],
    ['/core/extra.mjs', 'text/javascript; charset=utf-8'],
    ['/core/decoders/qoi.wasm', 'application/wasm'],
    ['/app/locale/de.json', 'application/json'],
    ['/app/styles/base.css', 'text/css; charset=utf-8'],
    ['/app/images/icon.svg', 'image/svg+xml'],
    ['/app/fonts/Text.woff', 'font/woff'],
  ])('has its own content type: %s', async (path, type) => {
    await start()
    for (const query of ['', '?v=1']) {
      const answer = await visitor.ask(`GET ${path}${query}`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toEqual([type])
    }
    const answer = await visitor.ask(`GET ${path}`)
    expect(field(answer, 'x-content-type-options')).toBe('nosniff')
    expect(field(answer, 'content-security-policy')).toContain("connect-src 'self' data:")
    expect(field(answer, 'cross-origin-embedder-policy')).toBe('require-corp')
    expect(field(answer, 'cross-origin-resource-policy')).toBe('same-origin')
    expect(field(answer, 'cache-control')).toBe('private, no-cache')
  })

  it('is compressed for browsers that accept it, if that makes it smaller', async () => {
    await start()
    const zipped = await visitor.ask('GET /app/long.js', 'Accept-Encoding: gzip, deflate, br')
    expect(field(zipped, 'content-encoding')).toBe('gzip')
    expect(field(zipped, 'vary')).toBe('Accept-Encoding')
    expect(zipped.body.length).toBeLessThan(LONG.length / 50)
    expect(field(zipped, 'content-length')).toBe(String(zipped.body.length))
    expect(gunzipSync(Buffer.from(zipped.body, 'latin1')).toString()).toBe(LONG)
    for (const offer of ['br', 'gzip;q=0', 'gzip;q=0, *', '', 'identity']) {
      const plain = await visitor.ask('GET /app/long.js', `Accept-Encoding: ${offer}`)
      expect(field(plain, 'content-encoding'), offer).toBeUndefined()
      expect(plain.body).toBe(LONG)
      expect(field(plain, 'etag')).not.toBe(field(zipped, 'etag'))
    }
    for (const path of ['/app/noise.js', '/app/ui.js?x=1', '/app/styles/base.css']) {
      const plain = await visitor.ask(`GET ${path}`, 'Accept-Encoding: gzip')
      expect(field(plain, 'content-encoding'), path).toBeUndefined()
    }
  })

  it('is not sent again to a browser that has it', async () => {
    await start()
    const ask = (...lines: string[]): Promise<RawAnswer> =>
      visitor.ask('GET /app/long.js', ...lines)
    const etag = field(await ask(), 'etag') ?? ''
    const zippedEtag = field(await ask('Accept-Encoding: gzip'), 'etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{43}"$/)
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await ask(`If-None-Match: ${tag}`)
      expect(answer, tag).toMatchObject({ status: 304, body: '' })
      expect(field(answer, 'etag')).toBe(etag)
      expect(field(answer, 'cache-control')).toBe('private, no-cache')
    }
    expect((await ask('Accept-Encoding: gzip', `If-None-Match: ${zippedEtag}`)).status).toBe(304)
    for (const tag of ['"other"', zippedEtag, etag.slice(1, -1)]) {
      expect((await ask(`If-None-Match: ${tag}`)).status, tag).toBe(200)
    }
    expect(asked()).toBe(1)
  })

  it('is cached permanently if its name contains a hash, but not for a word or a date', async () => {
    await start()
    const control = async (path: string): Promise<string | undefined> =>
      field(await visitor.ask(`GET ${path}`), 'cache-control')
    expect(await control('/assets/app.3f9c01ab.js')).toBe('private, max-age=31536000, immutable')
    expect(await control('/assets/app-translate.js')).toBe('private, no-cache')
    expect(await control('/assets/app-20261122.js')).toBe('private, no-cache')
  })

  it('is answered from the cache for HEAD too', async () => {
    await start()
    const answer = await visitor.ask('HEAD /app/long.js')
    expect(answer).toMatchObject({ status: 200, body: '' })
    expect(field(answer, 'content-length')).toBe(String(LONG.length))
    expect(field(answer, 'etag')).toBe(field(await visitor.ask('GET /app/long.js'), 'etag'))
    expect(asked()).toBe(1)
  })
})

describe('the cache does not keep', () => {
  it.each([
    ['a request with a query', 'GET /app/long.js?v=1', []],
    ['a range request', 'GET /app/long.js', ['Range: bytes=0-1']],
    ['the document', 'GET /vnc.html', []],
    ['the front page', 'GET /', []],
    ['a person’s file', 'GET /Downloads/Downloads/saved.js', []],
    ['a file of another kind', 'GET /notes.txt', []],
    ['a file too large to be one of the client’s', 'GET /huge.js', []],
  ])('%s', async (_, ask, lines) => {
    await start()
    const answers = [await visitor.ask(ask, ...lines), await visitor.ask(ask, ...lines)]
    expect(answers[1]?.status).toBe(answers[0]?.status)
    expect(answers[1]?.body).toBe(answers[0]?.body)
    expect(field(answers[1] as RawAnswer, 'etag')).toBeUndefined()
    // The gateway knows only after the first answer that it cannot keep it.
    expect(asked()).toBeGreaterThanOrEqual(2)
  })

  it('a download, which stays an attachment', async () => {
    await start()
    const answer = await visitor.ask('GET /Downloads/Downloads/saved.js')
    expect(field(answer, 'content-disposition')).toBe('attachment')
    expect(field(answer, 'content-security-policy')).toBe('sandbox')
  })

  it.each([
    ['Vary', '*'],
    ['Set-Cookie', 'a=b'],
    ['Cache-Control', 'no-store'],
    ['Content-Encoding', 'br'],
  ])('an answer that may be specific to one person: %s: %s', async (name, value) => {
    await start({ headers: { [name]: value } })
    await visitor.ask('GET /app/long.js')
    const before = asked()
    const answer = await visitor.ask('GET /app/long.js')
    expect(answer.status).toBe(200)
    expect(field(answer, 'etag')).toBeUndefined()
    expect(field(answer, 'set-cookie')).toBeUndefined()
    expect(asked()).toBe(before + 1)
  })
})

describe('a new image of the desktop', () => {
  const changed = { '/app/long.js': { body: 'export const text = 2\n' } }
  const isNew = async (): Promise<void> =>
    expect(await visitor.ask('GET /app/long.js')).toMatchObject({
      status: 200,
      body: 'export const text = 2\n',
    })

  /** Replaces the desktop by one at the same address with other files. */
  async function replace(): Promise<void> {
    const port = Number(stack.desktop.url.port)
    await stack.desktop.stop()
    again = await startKasmVncStandIn({ port, files: changed })
  }

  it('is served after a minute at the latest', async () => {
    await start()
    await visitor.ask('GET /app/long.js')
    await replace()
    later += 59_000
    expect((await visitor.ask('GET /app/long.js')).body).toBe(LONG)
    later += 2_000
    await isNew()
  })

  it('is served within seconds for files that the old one did not have, which are then cached', async () => {
    await start({ files: {} })
    expect(await visitor.ask('GET /app/long.js')).toMatchObject({ status: 404 })
    await replace()
    later += 5_001
    await isNew()
    await isNew()
    expect(again?.requests).toHaveLength(1)
  })

  it('is served at once if a stream ended with the old one', async () => {
    await start()
    const client = await visitor.open()
    expect(client.status).toBe(101)
    await visitor.ask('GET /app/long.js')
    await replace()
    expect(await client.closed).toMatchObject({ code: 1013 })
    await isNew()
  })

  it('is served at once if a request failed in between', async () => {
    await start()
    await visitor.ask('GET /app/long.js')
    const port = Number(stack.desktop.url.port)
    await stack.desktop.stop()
    expect((await visitor.ask('GET /vnc.html')).status).toBe(503)
    again = await startKasmVncStandIn({ port, files: changed })
    await isNew()
  })
})

describe('a file that the desktop does not have', () => {
  it('is requested once in five seconds for everybody, and answered as the desktop answered', async () => {
    await start()
    const other = await signIn(stack.gateway, 'victor')
    const direct = await visitor.ask('GET /app/nowhere.js?v=1')
    const before = asked()
    const answers = [
      await visitor.ask('GET /app/nowhere.js'),
      await visitor.ask('GET /app/nowhere.js', 'If-None-Match: *'),
      await other.ask('GET /app/nowhere.js'),
    ]
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 404, body: '404' })
      for (const name of ['content-type', 'content-security-policy', 'cache-control']) {
        expect(field(answer, name), name).toBe(field(direct, name))
      }
      expect(field(answer, 'etag')).toBeUndefined()
    }
    expect(await visitor.ask('HEAD /app/nowhere.js')).toMatchObject({ status: 404, body: '' })
    expect(asked()).toBe(before + 1)
    later += 5_001
    await visitor.ask('GET /app/nowhere.js')
    expect(asked()).toBe(before + 2)
  })

  it('does not evict cached files, even for many invented names', async () => {
    await start()
    await visitor.ask('GET /app/long.js')
    for (let round = 0; round < 6; round += 1) {
      await Promise.all(
        Array.from({ length: 100 }, (_, at) => visitor.ask(`GET /nope-${round}-${at}.js`)),
      )
    }
    const before = asked()
    await visitor.ask('GET /app/long.js')
    await visitor.ask('GET /nope-5-99.js')
    expect(asked()).toBe(before)
    // The oldest of these names was evicted.
    await visitor.ask('GET /nope-0-0.js')
    expect(asked()).toBe(before + 1)
  })
})

describe('many requests at once', () => {
  it('are all answered, each file once from the desktop, although its backlog is five', async () => {
    await start()
    const paths = Object.keys(CLIENT_FILES).filter((path) =>
      /\.(?:js|css|json|svg|woff|wasm|mjs)$/.test(path),
    )
    const { connections, requests } = stack.desktop
    const answers = await Promise.all(
      Array.from({ length: 600 }, (_, index) =>
        visitor.send(visitor.text(`GET ${paths[index % paths.length] ?? ''}`), {
          timeoutMs: 15_000,
        }),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(connections.highest).toBeLessThanOrEqual(16)
    expect(requests).toHaveLength(paths.length)
  })

  it('for a file that breaks off all fail, and it is not cached', async () => {
    await start()
    let isCut = true
    const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789'
    let connections = 0
    const cutting = createServer((socket) => {
      connections += 1
      socket.on('error', () => {})
      socket.once('data', () =>
        setTimeout(() => socket.end(isCut ? whole.slice(0, -5) : whole), 50),
      )
    })
    await new Promise<void>((resolve) => cutting.listen(0, '127.0.0.1', resolve))
    const { port } = cutting.address() as AddressInfo
    await stack.stop()
    stack = await startStack({ environment: { GATEWAY_DESKTOP_URL: `http://127.0.0.1:${port}` } })
    visitor = await signIn(stack.gateway)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => visitor.ask('GET /app/ui.js')),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect(connections).toBe(1)
    isCut = false
    expect(await visitor.ask('GET /app/ui.js')).toMatchObject({ status: 200, body: '0123456789' })
    await eventually(() => expect(connections).toBe(2))
    cutting.close()
  })

  it('use a password that the desktop refuses only once', async () => {
    await start({ users: [{ name: 'kasm_user', password: 'other', permissions: 'w' }] })
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => visitor.ask('GET /app/ui.js')),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([502]))
    expect(asked()).toBe(1)
  })
})
