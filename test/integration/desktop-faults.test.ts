// A desktop that misbehaves in many ways. Each time the answer is clear, no connection stays open, and the gateway
// continues to work.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { freePort } from '../support/gateway.ts'
import { eventually } from '../support/eventually.ts'
import { startHostileUpstream, type Behaviour } from '../support/hostile-upstream.ts'
import { NAVIGATION } from '../support/person.ts'
import type { RawAnswer } from '../support/raw-client.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { acceptFor } from '../support/websocket-wire.ts'

interface Upstream {
  readonly url: URL
  readonly openSockets: number
  stop(): Promise<void>
}

let upstream: Upstream
let stack: Stack
let visitor: SignedIn

/** A gateway in front of it, and a signed-in person. */
async function inFrontOf(desktop: Upstream): Promise<void> {
  upstream = desktop
  stack = await startStack({ environment: { GATEWAY_DESKTOP_URL: desktop.url.origin } })
  visitor = await signIn(stack.gateway)
}

const behaving = (behaviour: Behaviour): Promise<void> =>
  startHostileUpstream(behaviour, { everyMs: 20 }).then(inFrontOf)

/** A desktop that answers every request with these bytes and closes. */
async function saying(bytes: string | ((request: string) => string)): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.once('data', (request) => {
      socket.end(typeof bytes === 'string' ? bytes : bytes(request.toString('latin1')), 'latin1')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await inFrontOf({
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    get openSockets() {
      return sockets.size
    },
    stop: () => new Promise((resolve) => void server.close(() => resolve())),
  })
}

let leavesNothing = true
beforeEach(() => {
  leavesNothing = true
})
afterEach(async () => {
  vi.useRealTimers()
  if (leavesNothing) await eventually(() => expect(upstream.openSockets).toBe(0))
  expect((await visitor.person.request(`${stack.gateway.origin}/oauth2/userinfo`)).status).toBe(200)
  expect(await metric(stack.gateway, 'ghostwire_tunnels_open')).toBe(0)
  await stack.stop()
  await upstream.stop()
})

const navigate = (): Promise<RawAnswer> =>
  visitor.ask('GET /', ...Object.entries(NAVIGATION).map(([name, value]) => `${name}: ${value}`))

describe('a page from a desktop that', () => {
  it.each([
    ['resets', 503, 'Your desktop is not answering yet'],
    ['sends a huge head', 502, 'The desktop sent an invalid answer'],
    ['answers 101 with a wrong accept', 502, 'The desktop sent an invalid answer'],
  ] as const)('%s shows an error page with status %i', async (behaviour, status, title) => {
    await behaving(behaviour)
    const answer = await navigate()
    expect(answer.status).toBe(status)
    expect(answer.body).toContain(`<h1>${title}</h1>`)
    if (status === 503) expect(answer.headers.get('retry-after')).toEqual(['5'])
  })

  it.each([
    ['closes without an answer', '', 503],
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.2p1\r\n', 502],
    ['speaks HTTP/2', '\0\0\x12\x04\0\0\0\0\0', 502],
    ['sends an unknown status', 'HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n', 502],
    ['sends nothing but 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(50), 503],
    ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 502],
    [
      'sends both Content-Length and Transfer-Encoding',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      502,
    ],
    ['folds its lines', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n', 502],
    ['puts a NUL in its head', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n', 502],
  ])('%s gives an error status', async (_, bytes, status) => {
    await saying(bytes)
    expect(await navigate()).toMatchObject({ status })
  })

  it('is not running shows a page that retries automatically', async () => {
    const port = await freePort()
    leavesNothing = false
    await inFrontOf({
      url: new URL(`http://127.0.0.1:${port}`),
      openSockets: 0,
      stop: () => Promise.resolve(),
    })
    const answer = await navigate()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toEqual(['5'])
    expect(await visitor.open()).toMatchObject({ status: 503 })
  })

  it.each(['never answers', 'sends the head byte by byte'] as const)(
    '%s shows an error page after half a minute',
    async (behaviour) => {
      await behaving(behaviour)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const asked = visitor.send(visitor.text('GET /vnc.html'), { timeoutMs: 60_000 })
      await untilAsked()
      vi.advanceTimersByTime(30_000)
      expect(await asked).toMatchObject({ status: 503 })
    },
  )

  it('never answers is disconnected when the person gives up', async () => {
    await behaving('never answers')
    expect(await visitor.send(visitor.text('GET /'), { timeoutMs: 100 })).toMatchObject({ raw: '' })
    await isLetGoAtOnce()
  })

  it('sends the body byte by byte is passed on byte by byte, and disconnected when the person gives up', async () => {
    await behaving('sends the body byte by byte')
    const answer = await visitor.send(visitor.text('GET /'), { timeoutMs: 300 })
    expect(answer).toMatchObject({ status: 200, ended: 'timeout' })
    expect(answer.body).toMatch(/^x+$/)
    await isLetGoAtOnce()
  })

  it.each(['ends in mid-body', 'resets in mid-body', 'sends FIN and never reads'] as const)(
    '%s ends the browser’s connection too, so that the answer is not taken for complete',
    async (behaviour) => {
      // The upstream's own end stays open, because it never reads.
      leavesNothing = behaviour !== 'sends FIN and never reads'
      await behaving(behaviour)
      const answer = await visitor.ask('GET /')
      expect(answer.raw).toMatch(/^$|^HTTP\/1.1 200 OK\r\n.*content-length: 1000\r\n/s)
      expect(answer.body.length).toBeLessThan(1_000)
      expect(answer.ended).not.toBe('timeout')
    },
  )

  it('dies in mid-chunk does not give an answer that looks complete', async () => {
    await saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwor')
    const answer = await visitor.ask('GET /')
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.body).not.toContain('0\r\n\r\n')
  })

  it('floods is paused while the person reads nothing, and disconnected with them', async () => {
    const flood = await startHostileUpstream('floods')
    await inFrontOf(flood)
    const client = connect(stack.gateway.publicPort, '127.0.0.1').pause()
    client.write(visitor.text('GET /'))
    await eventually(() => expect(flood.bytesSent).toBeGreaterThan(100_000))
    await standsStill(() => flood.bytesSent)
    client.destroy()
  })

  it('sends headers that act on the origin has them removed: cookies, policies, hop-by-hop headers', async () => {
    await behaving('sends cookies and hop-by-hop headers')
    const { status, headers, body } = await visitor.ask('GET /')
    expect([status, body]).toEqual([200, 'ok'])
    expect([...headers.keys()].sort()).toEqual([
      'cache-control',
      'connection',
      'content-length',
      'content-security-policy',
      'content-type',
      'cross-origin-embedder-policy',
      'cross-origin-opener-policy',
      'cross-origin-resource-policy',
      'date',
      'referrer-policy',
    ])
    expect(headers.get('connection')).toEqual(['close'])
  })

  it.each([
    ['itself', (host: string) => `http://${host}/next?x=1`, '/next?x=1'],
    ['a path', () => '/next/', '/next/'],
    ['a relative path', () => 'next/?a#b', 'next/?a#b'],
    ['another site', () => 'https://elsewhere.example/', 'https://elsewhere.example/'],
    [
      'itself under another host’s path',
      (host: string) => `http://${host}//evil.example/`,
      '/evil.example/',
    ],
  ])('redirects to %s leads to that path on this origin', async (_, target, expected) => {
    await saying((request) => {
      const host = /^host: (.*)\r$/im.exec(request)?.[1] ?? ''
      return `HTTP/1.1 302 Found\r\nLocation: ${target(host)}\r\nContent-Length: 0\r\n\r\n`
    })
    const { headers } = await visitor.ask('GET /a/b')
    expect(headers.get('location')).toEqual([expected])
  })
})

describe('a WebSocket to a desktop that', () => {
  it.each([
    ['resets', 503],
    ['answers an upgrade with 200', 502],
    ['answers an upgrade with a chunked 403', 502],
    ['answers 101 with a wrong accept', 502],
    ['answers 101 with a subprotocol nobody asked for', 502],
    ['ends in mid-body', 502],
    ['sends cookies and hop-by-hop headers', 502],
    ['redirects to itself', 502],
    ['sends a huge head', 502],
    ['lenient', 502],
  ] as const)('%s is refused with a bare %i', async (behaviour, status) => {
    await behaving(behaviour)
    const { head, headers, socket } = await visitor.open()
    const text = { 502: 'Bad Gateway', 503: 'Service Unavailable' }[status]
    expect(head.split('\r\n')).toEqual([
      `HTTP/1.1 ${status} ${text}`,
      ...(status === 503 ? ['Retry-After: 5'] : []),
      'Content-Length: 0',
      'Connection: close',
    ])
    expect(headers.has('upgrade')).toBe(false)
    await eventually(() => expect(socket.destroyed).toBe(true))
    expect(stack.gateway.audit('tunnel_opened')).toEqual([])
  })

  it.each([
    ['closes without an answer', () => '', 503],
    ['speaks another protocol', () => 'SSH-2.0-OpenSSH_9.2p1\r\n', 502],
    ['switches to another protocol', (key: string) => switching(key, 'Upgrade: h2c'), 502],
    [
      'adds an extension that nobody offered',
      (key: string) => switching(key, 'Upgrade: websocket\r\nSec-WebSocket-Extensions: x-evil'),
      502,
    ],
    ['leaves out Sec-WebSocket-Accept', () => switching('', 'Upgrade: websocket'), 502],
  ])('%s is refused', async (_, answer, status) => {
    await saying((request) => answer(/^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? ''))
    expect(await visitor.open()).toMatchObject({ status })
  })

  it.each(['never answers', 'sends the head byte by byte'] as const)(
    '%s is refused with 504 after ten seconds',
    async (behaviour) => {
      await behaving(behaviour)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const asked = visitor.send(upgradeText(), { timeoutMs: 60_000 })
      await untilAsked()
      vi.advanceTimersByTime(10_000)
      expect(await asked).toMatchObject({ status: 504 })
    },
  )

  it('never answers is disconnected when the person gives up', async () => {
    await behaving('never answers')
    expect(await visitor.send(upgradeText(), { timeoutMs: 100 })).toMatchObject({ raw: '' })
    await isLetGoAtOnce()
  })

  it('resets in mid-tunnel ends the tunnel, and the audit says so', async () => {
    await behaving('resets in mid-tunnel')
    const client = await visitor.open()
    expect(client.status).toBe(101)
    expect((await client.nextFrame()).payload.toString()).toBe('whole')
    await client.closed
    await eventually(() => {
      expect(stack.gateway.audit('tunnel_closed')).toMatchObject([{ reason: 'desktop-gone' }])
    })
  })

  it('sends FIN and never reads ends the tunnel, even with data still to be sent', async () => {
    leavesNothing = false
    await behaving('sends FIN and never reads')
    const client = await visitor.open({ allowHalfOpen: true })
    expect(client.status).toBe(101)
    client.socket.write(Buffer.alloc(4_000_000))
    await eventually(() => {
      expect(stack.gateway.audit('tunnel_closed')).toMatchObject([{ reason: 'desktop-gone' }])
    })
    // The gateway has closed its end.
    await eventually(() => {
      client.socket.write('x')
      expect(client.socket.destroyed).toBe(true)
    })
  })
})

function upgradeText(): string {
  return visitor
    .text(
      'GET /websockify',
      'Upgrade: websocket',
      `Origin: ${stack.gateway.origin}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: binary',
    )
    .replace('Connection: close', 'Connection: Upgrade')
}

function switching(key: string, lines: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${lines}\r\nSec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`
}

/** At once, not after a timeout. */
async function isLetGoAtOnce(): Promise<void> {
  const since = performance.now()
  await eventually(() => expect(upstream.openSockets).toBe(0))
  expect(performance.now() - since).toBeLessThan(5_000)
}

/** Works under fake timers: waits until the request has reached the desktop. */
async function untilAsked(): Promise<void> {
  while (upstream.openSockets === 0) await new Promise((resolve) => setImmediate(resolve))
}

async function standsStill(figure: () => number): Promise<void> {
  const since = { value: figure(), time: Date.now() }
  await eventually(() => {
    if (figure() !== since.value) Object.assign(since, { value: figure(), time: Date.now() })
    expect(Date.now() - since.time).toBeGreaterThan(200)
  })
}
