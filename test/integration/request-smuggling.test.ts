// A client sends requests that can be read in two ways, to a gateway in front of a very lenient desktop server. Every request
// that this server finds must be one that passed the gate and that the gateway built.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startHostileUpstream, type HostileUpstream } from '../support/hostile-upstream.ts'
import type { RawAnswer } from '../support/raw-client.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: desktop\r\n\r\n'
const SIZE = HIDDEN.length
const CHUNK = `${SIZE.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
const EMPTY_CHUNK = `0\r\n\r\n${HIDDEN}`

let upstream: HostileUpstream
let stack: Stack
let visitor: SignedIn
beforeAll(async () => {
  upstream = await startHostileUpstream('lenient')
  stack = await startStack({ environment: { GATEWAY_DESKTOP_URL: upstream.url.origin } })
  visitor = await signIn(stack.gateway)
})
afterAll(async () => {
  await stack.stop()
  await upstream.stop()
})

/** The requests that the desktop finds while `run` runs. Each must be one that the gateway built. */
async function reached(run: () => Promise<unknown>): Promise<string[]> {
  const before = upstream.requests.length
  await run()
  await eventually(() => expect(upstream.openSockets).toBe(0))
  const requests = upstream.requests.slice(before)
  for (const request of requests) {
    const [start = '', ...lines] = request.split('\r\n')
    expect(start).toMatch(/^GET \/\S* HTTP\/1\.1$/)
    expect(lines.map((line) => line.replace(/:.*/, ''))).toEqual([
      'Authorization',
      'X-Forwarded-For',
      'Host',
      'Connection',
      '',
      '',
    ])
  }
  return requests.map((request) => request.split(' ', 2)[1] ?? '')
}

const say = (bytes: string): Promise<RawAnswer> => visitor.send(bytes, { timeoutMs: 150 })

describe('a request that can be read in two ways', () => {
  const head = (start: string, ...lines: string[]): string => visitor.text(start, ...lines)
  const ours = (): string => new URL(stack.gateway.origin).host
  const both = [`Content-Length: ${SIZE}`, 'Transfer-Encoding: chunked']

  it.each<[string, () => string, number]>([
    ['two lengths of two kinds', () => head('GET /', ...both) + CHUNK, 400],
    ['the same in the other order', () => head('GET /', ...both.toReversed()) + CHUNK, 400],
    [
      'a POST of two lengths',
      () => head('POST /', 'Content-Length: 4', 'Transfer-Encoding: chunked') + EMPTY_CHUNK,
      400,
    ],
    [
      'two lengths that differ',
      () => head('GET /', 'Content-Length: 0', `Content-Length: ${SIZE}`) + HIDDEN,
      400,
    ],
    ['two lengths in one field', () => head('GET /', `Content-Length: 0, ${SIZE}`) + HIDDEN, 400],
    ['a length with a sign', () => head('GET /', `Content-Length: +${SIZE}`) + HIDDEN, 400],
    [
      'a length in hexadecimal',
      () => head('GET /', `Content-Length: 0x${SIZE.toString(16)}`) + HIDDEN,
      400,
    ],
    ['a length with a blank in it', () => head('GET /', 'Content-Length: 4 2') + HIDDEN, 400],
    [
      'a length beyond every number',
      () => head('GET /', 'Content-Length: 18446744073709551616') + HIDDEN,
      400,
    ],
    ['a body on GET', () => head('GET /', `Content-Length: ${SIZE}`) + HIDDEN, 400],
    ['a chunked GET', () => head('GET /', 'Transfer-Encoding: chunked') + CHUNK, 400],
    [
      'a chunked GET with nothing in it',
      () => head('GET /', 'Transfer-Encoding: chunked') + EMPTY_CHUNK,
      400,
    ],
    ['a chunked HEAD', () => head('HEAD /', 'Transfer-Encoding: chunked') + CHUNK, 400],
    ['a chunked DELETE', () => head('DELETE /', 'Transfer-Encoding: chunked') + CHUNK, 405],
    [
      'an encoding that is unknown',
      () => head('GET /', 'Transfer-Encoding: xchunked') + CHUNK,
      400,
    ],
    [
      'chunked that is not last',
      () => head('GET /', 'Transfer-Encoding: chunked, identity') + CHUNK,
      400,
    ],
    [
      'chunked after another',
      () => head('GET /', 'Transfer-Encoding: identity, chunked') + CHUNK,
      400,
    ],
    [
      'chunked twice',
      () => head('GET /', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + CHUNK,
      400,
    ],
    ['chunked in quotes', () => head('GET /', 'Transfer-Encoding: "chunked"') + CHUNK, 400],
    [
      'chunked and a vertical tab',
      () => head('GET /', 'Transfer-Encoding: chunked\x0b') + CHUNK,
      400,
    ],
    ['a blank before the colon', () => head('GET /', 'Transfer-Encoding : chunked') + CHUNK, 400],
    ['a tab before the colon', () => head('GET /', 'Transfer-Encoding\t: chunked') + CHUNK, 400],
    ['a blank before the name', () => head('GET /', ' Transfer-Encoding: chunked') + CHUNK, 400],
    ['a folded value', () => head('GET /', 'Transfer-Encoding:\r\n chunked') + CHUNK, 400],
    ['a folded line', () => head('GET /', 'X: y\r\n\tTransfer-Encoding: chunked') + CHUNK, 400],
    [
      'a line that ends in LF',
      () => head('GET /', 'X: y\nTransfer-Encoding: chunked') + CHUNK,
      400,
    ],
    [
      'a line that ends in CR',
      () => head('GET /', 'X: y\rTransfer-Encoding: chunked') + CHUNK,
      400,
    ],
    ['lines that all end in LF', () => head('GET /').replaceAll('\r\n', '\n') + HIDDEN, 400],
    ['an empty line of LF', () => `${head('GET /').slice(0, -2)}\n${HIDDEN}`, 400],
    ['a NUL in a field', () => head('GET /', 'X: a\0b'), 400],
    ['a field without a colon', () => head('GET /', 'Transfer-Encoding'), 400],
    ['a field without a name', () => head('GET /', ': chunked'), 400],
    [
      'an encoding behind more fields than Node keeps',
      () =>
        head('GET /', ...Array.from({ length: 2_000 }, () => 'a:'), 'Transfer-Encoding: chunked') +
        CHUNK,
      431,
    ],
    [
      'a chunk with an LF alone',
      () => `${head('GET /', 'Transfer-Encoding: chunked')}0\n\n${HIDDEN}`,
      400,
    ],
    [
      'a chunk beyond every number',
      () => `${head('GET /', 'Transfer-Encoding: chunked')}FFFFFFFFFFFFFFFFF\r\n${HIDDEN}`,
      400,
    ],
    ['a trailer', () => `${head('GET /', 'Transfer-Encoding: chunked')}0\r\nX: ${HIDDEN}`, 400],
    ['a blank in the target', () => head('GET / HTTP/1.1 /hidden'), 400],
    ['a tab after the method', () => head('GET\t/hidden'), 400],
    ['no version', () => `GET /\r\nCookie: ${visitor.cookie}\r\n\r\n`, 200],
    ['a version that is none', () => head('GET /hidden').replace('HTTP/1.1', 'HTTP/1.7'), 400],
    ['no host', () => `GET /hidden HTTP/1.1\r\nCookie: ${visitor.cookie}\r\n\r\n`, 400],
    ['an absolute target', () => head('GET http://desktop/hidden'), 400],
    ['an absolute target that names a user', () => head('GET http://a@localhost/hidden'), 400],
    ['an absolute target of another scheme', () => head('GET ftp://localhost/hidden'), 400],
    ['two hosts', () => head('GET /hidden', 'Host: desktop'), 400],
    ['two hosts that are the same', () => head('GET /hidden', `host: ${ours()}`), 400],
    ['two hosts in one field', () => head('GET /').replace(`Host: ${ours()}`, 'Host: a, b'), 400],
    ['a host with a path', () => head('GET /').replace(ours(), `${ours()}/x`), 400],
    ['a host with a user', () => head('GET /').replace(ours(), `a@${ours()}`), 400],
    ['a tunnel to the desktop', () => head(`CONNECT ${upstream.url.host}`) + HIDDEN, 0],
    ['line breaks in the path', () => head('GET /%0d%0aGET%20/hidden'), 400],
    ['line breaks in the query', () => head('GET /?%0d%0a%0d%0aGET%20/hidden'), 200],
    [
      'an upgrade with a body',
      () =>
        head('GET /', 'Upgrade: websocket', 'Connection: upgrade', `Content-Length: ${SIZE}`) +
        HIDDEN,
      403,
    ],
    [
      'an upgrade that is chunked',
      () =>
        head(
          'DELETE /',
          'Upgrade: websocket',
          'Connection: upgrade',
          'Transfer-Encoding: chunked',
        ) + CHUNK,
      403,
    ],
    [
      'an upgrade to h2c with a body',
      () =>
        head('GET /', 'Upgrade: h2c', 'Connection: upgrade', `Content-Length: ${SIZE}`) + HIDDEN,
      400,
    ],
    [
      'CVE-2026-29057: an upgrade named by DELETE, chunked',
      () => head('DELETE /', 'Connection: upgrade', 'Transfer-Encoding: chunked') + CHUNK,
      405,
    ],
    [
      'an upgrade named by GET, chunked',
      () => head('GET /', 'Connection: upgrade', 'Transfer-Encoding: chunked') + CHUNK,
      400,
    ],
    [
      'an upgrade named by OPTIONS',
      () => head('OPTIONS /', 'Connection: upgrade', 'Transfer-Encoding: chunked') + CHUNK,
      405,
    ],
  ])('(%s) does not smuggle a second request', async (_, bytes, status) => {
    let answer: RawAnswer | undefined
    const requests = await reached(async () => {
      answer = await say(bytes())
    })
    expect(answer?.status).toBe(status)
    expect(requests.filter((target) => target.startsWith('/hidden'))).toEqual([])
    expect(requests).toHaveLength(status === 200 ? 1 : 0)
  })
})

describe('a request behind another', () => {
  const staying = (start: string, ...lines: string[]): string =>
    visitor.text(start, ...lines).replace('Connection: close', 'Connection: keep-alive')
  const statuses = ({ raw }: RawAnswer): number[] =>
    [...raw.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))

  it.each<[string, () => string, number[], string[]]>([
    [
      'with a right to it',
      () => staying('GET /a') + visitor.text('GET /b'),
      [200, 200],
      ['/a', '/b'],
    ],
    ['with none of its own', () => staying('GET /a') + HIDDEN, [200, 401], ['/a']],
    ['before one with a right', () => HIDDEN + visitor.text('GET /a'), [401, 200], ['/a']],
    [
      'where a body would be',
      () => staying('GET /a', 'Content-Length: 0') + HIDDEN,
      [200, 401],
      ['/a'],
    ],
    [
      'where the length is misspelt',
      () => staying('GET /a', `Content_Length: ${SIZE}`) + HIDDEN,
      [200, 401],
      ['/a'],
    ],
    ['after an empty line', () => `\r\n${staying('GET /a')}\r\n${HIDDEN}`, [200, 401], ['/a']],
    [
      'that was refused for its method',
      () => staying('POST /a', 'Content-Length: 0') + HIDDEN,
      [405],
      [],
    ],
    [
      'that was refused for its body',
      () => staying('GET /a', `Content-Length: ${SIZE}`) + HIDDEN + HIDDEN,
      [400],
      [],
    ],
    [
      'that waits to be asked for its body',
      () => staying('GET /a', 'Expect: 100-continue', `Content-Length: ${SIZE}`) + HIDDEN,
      [100, 400],
      [],
    ],
    ['for the gateway itself', () => `${staying('GET /oauth2/userinfo')}${HIDDEN}`, [200, 401], []],
  ])('(%s) is decided on separately', async (_, bytes, answers, targets) => {
    let answer: RawAnswer | undefined
    const requests = await reached(async () => {
      answer = await say(bytes())
    })
    expect(statuses(answer as RawAnswer)).toEqual(answers)
    expect(requests.toSorted()).toEqual(targets)
  })
  it('that announced the end of the connection is not processed', async () => {
    const requests = await reached(async () => {
      expect(await say(visitor.text('GET /a') + HIDDEN)).toMatchObject({ status: 400 })
    })
    expect(requests).not.toContain('/hidden')
  })
})
