import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { kasmvnc } from '../../../src/desktop/kasmvnc.ts'
import { rfbOverWebSocket } from '../../../src/desktop/rfb-over-websocket.ts'
import { requestHeaders, responseHeaders, upgradeHeaders } from '../../../src/proxy/headers.ts'

const upstream = { authorization: 'Basic eA==', clientAddress: '192.0.2.1', host: 'desktop:6901' }
const desktopUrl = new URL('http://desktop:6901')

describe('towards KasmVNC', () => {
  it('sends the credentials first, one client address, the host, and no header of the client', () => {
    const tricks = {
      cookie: '__Host-ghostwire=x',
      'proxy-authorization': 'Basic evil',
      authorization: 'Basic evil',
      'user-agent': 'Authorization: Basic evil',
      referer: 'https://desk.example.com/api/../',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-user': 'root',
      accept: '*/*',
    }
    expect(Object.entries(requestHeaders(kasmvnc, tricks, upstream))).toEqual([
      ['Authorization', 'Basic eA=='],
      ['X-Forwarded-For', '192.0.2.1'],
      ['Host', 'desktop:6901'],
    ])
  })

  it('upgrades with its own headers, in canonical spelling', () => {
    expect(
      Object.entries(upgradeHeaders(upstream, 'https://desk.example.com', 'a2V5', ['binary'])),
    ).toEqual([
      ['Authorization', 'Basic eA=='],
      ['X-Forwarded-For', '192.0.2.1'],
      ['Host', 'desktop:6901'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Origin', 'https://desk.example.com'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'a2V5'],
      ['Sec-WebSocket-Protocol', 'binary'],
    ])
  })
})

it('passes the headers for caching and ranges to a plain file server, and none over 1,024 bytes', () => {
  const client = {
    accept: 'text/html',
    range: 'bytes=0-1',
    cookie: 'x',
    'if-none-match': 'e'.repeat(1_025),
  }
  expect(
    requestHeaders(rfbOverWebSocket, client, { ...upstream, authorization: undefined }),
  ).toEqual({
    'X-Forwarded-For': '192.0.2.1',
    Host: 'desktop:6901',
    Accept: 'text/html',
    Range: 'bytes=0-1',
  })
})

describe('towards the browser', () => {
  const answer = (headers: object): IncomingMessage => ({ headers }) as unknown as IncomingMessage

  it('drops cookies, hop-by-hop headers and headers that act on the origin', () => {
    const headers = responseHeaders(
      answer({
        'content-type': 'text/html',
        connection: 'close, x-secret',
        'x-secret': '1',
        'keep-alive': 'timeout=5',
        'transfer-encoding': 'chunked',
        'set-cookie': ['__Host-ghostwire=evil', 'a=b'],
        'www-authenticate': 'Basic realm="Websockify"',
        'clear-site-data': '"*"',
        'content-security-policy': 'default-src *',
        'service-worker-allowed': '/',
        'access-control-allow-origin': '*',
      }),
      'client',
      'the policy',
      desktopUrl,
    )
    expect(headers).toEqual({
      'content-type': 'text/html',
      'content-security-policy': 'the policy',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'same-origin',
      'cache-control': 'private, no-cache',
    })
  })

  it('makes a download a file that no browser executes', () => {
    expect(
      responseHeaders(answer({ 'content-type': 'text/html' }), 'download', 'p', desktopUrl),
    ).toMatchObject({
      'content-disposition': 'attachment',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
    })
  })

  it.each([
    ['/dir/', '/dir/'],
    ['http://desktop:6901/dir/?x=1', '/dir/?x=1'],
    ['https://elsewhere.example/', 'https://elsewhere.example/'],
  ])('turns a redirect to %s into one to %s', (location, expected) => {
    expect(responseHeaders(answer({ location }), 'client', 'p', desktopUrl)['location']).toBe(
      expected,
    )
  })
})

it.each([
  ['/', 'client'],
  ['/api/get_users', 'owner-api'],
  ['/x/API/y', 'owner-api'],
  ['/Downloads/Downloads/a.html', 'download'],
  ['/apix', 'client'],
])('classifies the KasmVNC path %s as %s', (path, meaning) => {
  expect(kasmvnc.meaningOf(path)).toBe(meaning)
})
