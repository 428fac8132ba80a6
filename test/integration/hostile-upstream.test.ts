// Tests of the hostile upstreams themselves, with a raw client: they misbehave as intended and record what they receive.

import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  startHostileUpstream,
  type Behaviour,
  type HostileUpstream,
} from '../support/hostile-upstream.ts'
import { openWebSocket, rawRequest, upgradeRequest } from '../support/raw-client.ts'
import { acceptFor } from '../support/websocket-wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: upstream\r\n\r\n'
const started: HostileUpstream[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((upstream) => upstream.stop()))
})

async function start(behaviour: Behaviour): Promise<HostileUpstream & { port: number }> {
  const upstream = await startHostileUpstream(behaviour, { everyMs: 30 })
  started.push(upstream)
  // This must not be a copy, because the counters are getters.
  return Object.assign(upstream, { port: Number(upstream.url.port) })
}

describe('an upstream that', () => {
  it('never answers keeps the connection until the client closes it', async () => {
    const upstream = await start('never answers')
    const asked = rawRequest(upstream.port, GET, { timeoutMs: 200 })
    await vi.waitFor(() => expect(upstream.openSockets).toBe(1))
    expect(await asked).toMatchObject({ raw: '', ended: 'timeout' })
    await vi.waitFor(() => expect(upstream.openSockets).toBe(0))
    expect(upstream.connections).toEqual([{ raw: GET }])
  })

  it('resets does so after it got the request', async () => {
    const { port } = await start('resets')
    expect(await rawRequest(port, GET)).toMatchObject({ raw: '', ended: 'rst' })
  })

  it('answers an upgrade with 200', async () => {
    const { port } = await start('answers an upgrade with 200')
    expect(await rawRequest(port, upgradeRequest(port))).toMatchObject({ status: 200, body: 'ok' })
  })

  it('answers an upgrade with a chunked 403 leaves the connection open', async () => {
    const { port } = await start('answers an upgrade with a chunked 403')
    const answer = await rawRequest(port, upgradeRequest(port), { timeoutMs: 100 })
    expect(answer).toMatchObject({ status: 403, body: '4\r\nnope\r\n0\r\n\r\n', ended: 'timeout' })
  })

  it('answers 101 with a wrong accept', async () => {
    const { port } = await start('answers 101 with a wrong accept')
    const client = await openWebSocket(port, { key: 'abc' })
    expect(client.status).toBe(101)
    expect(client.headers.get('sec-websocket-accept')).not.toEqual([acceptFor('abc')])
  })

  it('answers 101 with a subprotocol that was not requested', async () => {
    const { port } = await start('answers 101 with a subprotocol nobody asked for')
    const client = await openWebSocket(port, { key: 'abc' })
    expect(client.headers.get('sec-websocket-accept')).toEqual([acceptFor('abc')])
    expect(client.headers.get('sec-websocket-protocol')).toEqual(['surprise'])
  })

  it.each([
    ['sends the head byte by byte', 0],
    ['sends the body byte by byte', 200],
  ] as const)('%s', async (behaviour, status) => {
    const { port } = await start(behaviour)
    const answer = await rawRequest(port, GET, { timeoutMs: 200 })
    expect(answer).toMatchObject({ status, ended: 'timeout' })
    const dripped = status === 0 ? answer.raw : answer.body
    expect(dripped.length).toBeGreaterThan(0)
    expect(dripped.length).toBeLessThan(20)
  })

  it.each([
    ['ends in mid-body', 'fin'],
    ['resets in mid-body', 'rst'],
  ] as const)('%s', async (behaviour, ended) => {
    const { port } = await start(behaviour)
    const answer = await rawRequest(port, GET)
    expect(answer.headers.get('content-length')).toEqual(['1000'])
    expect(answer).toMatchObject({ body: 'x'.repeat(100), ended })
  })

  it('resets in mid-tunnel leaves a frame unfinished', async () => {
    const { port } = await start('resets in mid-tunnel')
    const client = await openWebSocket(port)
    expect((await client.nextFrame()).payload.toString()).toBe('whole')
    expect(await client.closed).toEqual({ how: 'rst' })
    await expect(client.nextFrame()).rejects.toThrow('ended')
  })

  it('sends FIN and never reads accepts no more than the kernel buffers', async () => {
    const upstream = await start('sends FIN and never reads')
    const client = await openWebSocket(upstream.port, { allowHalfOpen: true })
    expect(client.status).toBe(101)
    await vi.waitFor(() => expect(client.socket.readableEnded).toBe(true))
    const chunk = Buffer.alloc(1_048_576)
    for (let sent = 0; sent < 32; sent += 1) client.socket.write(chunk)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(client.socket.writableLength).toBeGreaterThan(0)
    expect(upstream.openSockets).toBe(1)
    client.socket.destroy()
  })

  it('floods is stopped while the client reads nothing', async () => {
    const upstream = await start('floods')
    const client = await openWebSocket(upstream.port)
    expect((await client.nextFrame()).payload).toHaveLength(49_132)
    client.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const before = upstream.bytesSent
    expect(before).toBeGreaterThan(49_132)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(upstream.bytesSent).toBe(before)
    client.socket.destroy()
    await vi.waitFor(() => expect(upstream.openSockets).toBe(0))
  })

  it('sends cookies and hop-by-hop headers', async () => {
    const { port } = await start('sends cookies and hop-by-hop headers')
    const answer = await rawRequest(port, GET)
    expect(answer.headers.get('set-cookie')?.[0]).toContain('__Host-ghostwire=planted')
    expect(answer.headers.get('connection')).toEqual(['close, X-Hop'])
    expect(answer.body).toBe('ok')
  })

  it('redirects to itself', async () => {
    const { port, url } = await start('redirects to itself')
    const answer = await rawRequest(port, GET)
    expect(answer.headers.get('location')).toEqual([`${url.href}next?x=1`])
  })

  it('sends a huge head', async () => {
    const { port } = await start('sends a huge head')
    expect((await rawRequest(port, GET)).head.length).toBeGreaterThan(200_000)
    expect((await openWebSocket(port)).head.length).toBeGreaterThan(200_000)
  })
})

describe('the lenient upstream', () => {
  async function see(...writes: string[]): Promise<readonly string[]> {
    const upstream = await start('lenient')
    await rawRequest(upstream.port, writes, { timeoutMs: 200 })
    return upstream.requests
  }
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n'
  const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`

  it('finds one request where there is one, chunked or not, in one write or many', async () => {
    const plain = `POST / HTTP/1.1\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`
    expect(await see(plain)).toEqual([plain])
    expect(await see(...(plain.match(/.{1,40}/gs) ?? []))).toEqual([plain])
    const framed = `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`
    expect(await see(framed)).toEqual([framed])
  })

  it('finds both requests of a pipeline', async () => {
    expect(await see(GET + hidden)).toEqual([GET, hidden])
  })

  it.each([
    ['a length that is zero', `DELETE / HTTP/1.1\r\nContent-Length: 0\r\n\r\n${hidden}`],
    [
      'a length that contradicts `chunked`',
      `POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    ],
    ['an underscore', `POST / HTTP/1.1\r\nContent_Length: 0\r\n\r\n${hidden}`],
    ['a space before the colon', `POST / HTTP/1.1\r\nContent-Length : 0\r\n\r\n${hidden}`],
    ['the first of two lengths', `POST / HTTP/1.1\r\nContent-Length: 0, 99\r\n\r\n${hidden}`],
    ['bare line feeds', `POST / HTTP/1.1\nContent-Length: 0\n\n${hidden}`],
  ])('finds a request smuggled by %s', async (_, text) => {
    const requests = await see(text)
    expect(requests).toHaveLength(2)
    expect(requests[1]).toBe(hidden)
  })
})
