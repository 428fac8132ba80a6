// Refused upgrades: each is refused as early as possible, with plain HTTP, and the desktop gets no request.

import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Sessions } from '../../src/session/sessions.ts'
import type { Lookup } from '../../src/session/session.ts'
import { eventually } from '../support/eventually.ts'
import { rawRequest, type RawAnswer } from '../support/raw-client.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { acceptFor, encodeFrame } from '../support/websocket-wire.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

let stack: Stack
let alice: SignedIn
let origin: string
beforeAll(async () => {
  stack = await startStack({
    environment: { GATEWAY_LOGIN_LIMIT: 'off' },
    desktop: { backlog: 64 },
  })
  ;({ origin } = stack.gateway)
  alice = await signIn(stack.gateway)
})
afterAll(() => stack.stop())
afterEach(() => vi.restoreAllMocks())

type Fields = Readonly<Record<string, string | undefined>>

/** An upgrade as a browser sends it from our page, except for the `changed` headers; undefined removes one. */
function upgrade(changed: Fields = {}, start = 'GET /websockify HTTP/1.1'): string {
  const fields: Fields = {
    Host: new URL(origin).host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    Origin: origin,
    Cookie: alice.cookie,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Protocol': 'binary',
    ...changed,
  }
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  )
  return [start, ...lines, '\r\n'].join('\r\n')
}

const send = (bytes: string | Uint8Array, timeoutMs = 2_000): Promise<RawAnswer> =>
  rawRequest(stack.gateway.publicPort, bytes, { timeoutMs })

/** Sends it and expects exactly that answer, a count in the metrics, and no request at the desktop. */
async function expectRefused(bytes: string, answer: string, reason: string): Promise<void> {
  const counted = (): Promise<number> =>
    metric(stack.gateway, 'ghostwire_upgrades_refused_total', { reason })
  const before = await counted()
  const requests = stack.desktop.requests.length
  const { raw, ended } = await send(bytes)
  expect(raw).toBe(`HTTP/1.1 ${answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  expect(ended).toBe('fin')
  expect(await counted()).toBe(before + 1)
  expect(stack.desktop.requests).toHaveLength(requests)
}

describe('an Origin', () => {
  const port = (): string => new URL(origin).port

  it.each([
    ['none', () => undefined],
    ['an empty one', () => ''],
    ['null', () => 'null'],
    ['another site', () => 'https://evil.example'],
    ['another port', () => `http://localhost:${Number(port()) + 1}`],
    ['no port', () => 'http://localhost'],
    ['another scheme', () => origin.replace('http', 'https')],
    ['the same address by another name', () => `http://127.0.0.1:${port()}`],
    ['a host below ours', () => `http://x.localhost:${port()}`],
    ['ours as the beginning of another', () => `${origin}.evil.example`],
    ['ours in capitals', () => origin.toUpperCase()],
    ['a slash after it', () => `${origin}/`],
    ['a dot after the host', () => `http://localhost.:${port()}`],
    ['somebody before the host', () => `http://me@localhost:${port()}`],
    ['two in one', () => `${origin}, ${origin}`],
    ['ours and another', () => `${origin} https://evil.example`],
  ])(
    'that is not ours (%s) is refused before the store is read or the gate is asked',
    async (_, made) => {
      const find = vi.spyOn(Sessions.prototype, 'find')
      const asked = await metric(stack.gateway, 'ghostwire_authorizations_total')
      await expectRefused(upgrade({ Origin: made() }), '403 Forbidden', 'origin')
      expect(find).not.toHaveBeenCalled()
      expect(await metric(stack.gateway, 'ghostwire_authorizations_total')).toBe(asked)
    },
  )

  it('that appears twice is refused, even if the first is ours', async () => {
    const twice = upgrade().replace('\r\nCookie', '\r\nOrigin: https://evil.example\r\nCookie')
    await expectRefused(twice, '403 Forbidden', 'origin')
  })

  it('in the old header Sec-WebSocket-Origin does not count', async () => {
    const old = upgrade({ Origin: undefined, 'Sec-WebSocket-Origin': origin })
    await expectRefused(old, '403 Forbidden', 'origin')
  })

  it('is checked before the rest of the handshake and before the cookie', async () => {
    const nothing = { Cookie: undefined, 'Sec-WebSocket-Key': undefined }
    await expectRefused(upgrade({ ...nothing, Origin: 'null' }), '403 Forbidden', 'origin')
  })
})

describe('a person', () => {
  const name = (): string => `ghostwire-${new URL(origin).port}`

  it.each([
    ['without a cookie', () => undefined],
    ['with an invented cookie', () => `${name()}=${'A'.repeat(43)}`],
    ['with an incomplete cookie', () => alice.cookie.slice(0, -1)],
    ['with a cookie of another name', () => alice.cookie.replaceAll('=', '-x=')],
    ['with an empty cookie', () => `${name()}=`],
    ['with a malformed Cookie header', () => `=;;\xff; ${name()}`],
  ])('%s gets 401', async (_, cookie) => {
    await expectRefused(upgrade({ Cookie: cookie() }), '401 Unauthorized', 'unauthenticated')
  })

  it('whose session has ended gets 401', async () => {
    const leaver = await signIn(stack.gateway)
    await leaver.signOut()
    await expectRefused(upgrade({ Cookie: leaver.cookie }), '401 Unauthorized', 'unauthenticated')
  })

  it('without a right to the desktop gets no session', async () => {
    await expect(signIn(stack.gateway, 'mallory')).rejects.toThrow('403')
  })

  it('gets 403 for a path that their role may not use, and the audit says why', async () => {
    await expectRefused(upgrade({}, 'GET /%61pi/websockify HTTP/1.1'), '403 Forbidden', 'forbidden')
    expect(stack.gateway.audit('access_denied').at(-1)).toMatchObject({
      sub: 'alice',
      reason: 'owner-api',
    })
  })
})

describe('a handshake', () => {
  const VERSION = '400 Bad Request\r\nSec-WebSocket-Version: 13'

  it.each<[string, Fields, string?]>([
    ['of another version', { 'Sec-WebSocket-Version': '8' }],
    ['of no version', { 'Sec-WebSocket-Version': undefined }],
    ['of two versions', { 'Sec-WebSocket-Version': '13, 8' }],
    ['without a key', { 'Sec-WebSocket-Key': undefined }],
    ['with a short key', { 'Sec-WebSocket-Key': 'AAAA' }],
    ['with a long key', { 'Sec-WebSocket-Key': `AAAA${KEY}` }],
    ['with a key in another alphabet', { 'Sec-WebSocket-Key': KEY.replace('b', '-') }],
    ['with two keys', { 'Sec-WebSocket-Key': `${KEY}, ${KEY}` }],
    ['for text', { 'Sec-WebSocket-Protocol': 'base64' }],
    ['for anything but binary', { 'Sec-WebSocket-Protocol': 'chat, superchat' }],
    ['for binary in capitals', { 'Sec-WebSocket-Protocol': 'BINARY' }],
    ['by POST', {}, 'POST /websockify HTTP/1.1'],
    ['by HTTP/1.0', {}, 'GET /websockify HTTP/1.0'],
  ])('%s is refused', async (_, changed, start) => {
    await expectRefused(upgrade(changed, start), VERSION, 'handshake')
  })

  it.each(['/a/../b', '/api%2Fx', `/${'a'.repeat(1_024)}`])(
    'for %s, which is not a valid path, is refused',
    async (target) => {
      await expectRefused(upgrade({}, `GET ${target} HTTP/1.1`), '400 Bad Request', 'handshake')
    },
  )

  it('for another host in absolute form (RFC 9112 3.2.2) is refused', async () => {
    const { status, headers } = await send(
      upgrade({}, 'GET http://evil.example/websockify HTTP/1.1'),
      300,
    )
    expect(status).toBe(400)
    expect(headers.has('upgrade')).toBe(false)
  })

  it.each(['/%6Fauth2/auth', '//oauth2/', '/oauth%32'])(
    'below /oauth2/ in another spelling (%s) gets 404',
    async (target) => {
      await expectRefused(upgrade({}, `GET ${target} HTTP/1.1`), '404 Not Found', 'not-found')
    },
  )

  it('below /oauth2/ is a plain request to the gateway, not an upgrade', async () => {
    const { status, headers, body } = await send(upgrade({}, 'GET /oauth2/userinfo HTTP/1.1'), 300)
    expect(status).toBe(200)
    expect(headers.has('upgrade')).toBe(false)
    expect(body).toContain('"sub":"alice"')
  })

  it.each([
    ['h2c', { Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }],
    ['h2c and websocket', { Upgrade: 'websocket, h2c' }],
    ['TLS', { Upgrade: 'TLS/1.0' }],
    ['no named protocol', { Connection: 'keep-alive' }],
  ])('for %s is a plain request, and the desktop gets it as one', async (_, changed) => {
    const before = stack.desktop.requests.length
    const { status } = await send(upgrade(changed, 'GET /vnc.html HTTP/1.1'), 300)
    expect(status).toBe(200)
    const [request] = stack.desktop.requests.slice(before)
    expect(request?.raw).toMatch(/^GET \/vnc.html HTTP\/1.1\r\nAuthorization: /)
    expect(request?.raw).not.toMatch(/upgrade|websocket|settings|origin|cookie/i)
  })

  it('with a body is refused together with the body', async () => {
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const [field, body] of [
      [{ 'Content-Length': String(hidden.length) }, hidden],
      [
        { 'Transfer-Encoding': 'chunked' },
        `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
      ],
    ] as const) {
      const before = stack.desktop.requests.length
      const { status } = await send(upgrade(field) + body, 300)
      expect(status).toBe(400)
      const reached = stack.desktop.requests.slice(before).map(({ raw }) => raw)
      expect(reached.join('')).not.toContain('hidden')
    }
  })
})

describe('an upgrade that is let through', () => {
  it.each([
    ['binary', 'binary'],
    ['chat, binary', 'binary'],
    [undefined, undefined],
  ])('offering %s is answered with %s, and asks the desktop for binary', async (offered, named) => {
    const before = stack.desktop.requests.length
    const text = upgrade({
      'Sec-WebSocket-Protocol': offered,
      'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
      'X-Forwarded-For': '203.0.113.9',
      'User-Agent': 'Authorization: Basic ZXZpbDpldmls',
    })
    const { raw } = await send(text, 200)
    const [head] = raw.split('\r\n\r\n')
    expect(head?.split('\r\n')).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptFor(KEY)}`,
      ...(named === undefined ? [] : [`Sec-WebSocket-Protocol: ${named}`]),
    ])
    expect(stack.desktop.requests.slice(before).map((request) => request.raw)).toEqual([
      [
        'GET /websockify HTTP/1.1',
        `Authorization: Basic ${Buffer.from('kasm_user:kasm-password').toString('base64')}`,
        'X-Forwarded-For: 127.0.0.1',
        `Host: ${stack.desktop.url.host}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Origin: ${origin}`,
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${KEY}`,
        'Sec-WebSocket-Protocol: binary',
        '\r\n',
      ].join('\r\n'),
    ])
  })

  it('is forwarded with the path that the gate decided on', async () => {
    const before = stack.desktop.requests.length
    await send(upgrade({}, 'GET //websockif%79?next=/api/ HTTP/1.1'), 100)
    const [request] = stack.desktop.requests.slice(before)
    expect(request?.raw).toMatch(/^GET \/websockify\?next=%2Fapi%2F HTTP\/1\.1\r\n/)
  })

  it('loses no data that was sent in the same packet', async () => {
    const hello = encodeFrame('RFB 003.008\n', { masked: true })
    await send(Buffer.concat([Buffer.from(upgrade()), hello]), 200)
    expect(stack.desktop.tunnels.at(-1)?.frames[0]?.bytes).toEqual(hello)
  })

  it.each(['FIN', 'RST'])(
    'is dropped when its browser disconnects (%s) during the gate’s decision',
    async (how) => {
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
      const requests = stack.desktop.requests.length
      const granted = (): Promise<number> =>
        metric(stack.gateway, 'ghostwire_authorizations_total', { decision: 'granted' })
      const before = await granted()
      const socket = connect(stack.gateway.publicPort, '127.0.0.1').resume()
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.write(upgrade())
      await eventually(() => expect(finding).toHaveBeenCalled())
      if (how === 'FIN') socket.end()
      else socket.resetAndDestroy()
      // This answer arrives after the gateway has noticed the disconnect.
      await granted()
      look()
      await eventually(async () => expect(await granted()).toBe(before + 1))
      await closed
      // Anything else would have reached the desktop by now.
      await alice.ask('GET /vnc.html')
      const reached = stack.desktop.requests.slice(requests)
      expect(reached.map(({ raw }) => raw.split(' ')[1])).toEqual(['/vnc.html'])
    },
  )
})
