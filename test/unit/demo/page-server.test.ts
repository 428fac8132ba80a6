import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { startPageServer, type PageServer } from '../../../demo/page-server.ts'
import { connectRfb } from './rfb-client.ts'

const credentials = { username: 'gateway', password: 'secret' }
const authorization = `Basic ${Buffer.from('gateway:secret').toString('base64')}`

let server: PageServer
afterEach(() => server.stop())

/** Exactly this path: no client tidies it. */
async function ask(path: string, method = 'GET', headers: Record<string, string> = {}) {
  const sent = request({ host: '127.0.0.1', port: server.url.port, path, method, headers })
  sent.end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

const start = async (withCredentials = false): Promise<void> => {
  const onViewer = (socket: WebSocket): void => socket.send(Buffer.from('RFB'))
  server = await startPageServer(withCredentials ? { onViewer, credentials } : { onViewer })
}

it('serves the page, its parts and noVNC, each with its content type', async () => {
  await start()
  for (const [path, type] of [
    ['/', 'text/html; charset=utf-8'],
    ['/?autoconnect=1', 'text/html; charset=utf-8'],
    ['/desktop.js', 'text/javascript; charset=utf-8'],
    ['/desktop.css', 'text/css; charset=utf-8'],
    ['/novnc/core/rfb.js', 'text/javascript; charset=utf-8'],
    ['/novnc/vendor/pako/lib/zlib/inflate.js', 'text/javascript; charset=utf-8'],
  ] as const) {
    const { status, headers, body } = await ask(path)
    expect({ path, status, type: headers['content-type'] }).toEqual({ path, status: 200, type })
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
  }
})

it('answers HEAD without a body and refuses methods that write', async () => {
  await start()
  const head = await ask('/', 'HEAD')
  expect([head.status, head.body, Number(head.headers['content-length']) > 100]).toEqual([
    200,
    '',
    true,
  ])
  const post = await ask('/', 'POST')
  expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD'])
})

it.each([
  '/nothing.js',
  '/novnc/',
  '/novnc/package.json',
  '/../page-server.ts',
  '/../painted/../page/../../vitest.config.js',
  '/novnc/../ws/index.js',
  '/novnc/%2e%2e/%2e%2e/ws/index.js',
  '/novnc/..%2f..%2fws%2findex.js',
  '//novnc/core/rfb.js',
  '/file:///etc/passwd.html',
  '/%00.html',
  '/%zz.html',
  '*',
])('answers %s with 404', async (path) => {
  await start()
  expect((await ask(path)).status).toBe(404)
})

it('accepts a WebSocket on one path, with the subprotocol binary', async () => {
  await start()
  const url = `ws://127.0.0.1:${server.url.port}`
  const client = await connectRfb(`${url}/websockify`)
  expect(client.socket.protocol).toBe('binary')
  expect((await client.read(3)).toString()).toBe('RFB')
  await expect(connectRfb(`${url}/elsewhere`)).rejects.toThrow('404')
})

it('asks for its password on every path when it has one', async () => {
  await start(true)
  const url = `ws://127.0.0.1:${server.url.port}/websockify`
  const refused = await ask('/')
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([
    401,
    'Basic realm="Demo desktop"',
  ])
  expect((await ask('/', 'GET', { authorization })).status).toBe(200)
  await expect(connectRfb(url)).rejects.toThrow('401')
  const client = await connectRfb(url, { authorization })
  expect((await client.read(3)).toString()).toBe('RFB')
})

it('disconnects its viewers when it stops', async () => {
  await start()
  const client = await connectRfb(`ws://127.0.0.1:${server.url.port}/websockify`)
  const closed = once(client.socket, 'close')
  await server.stop()
  await closed
  await start()
})
