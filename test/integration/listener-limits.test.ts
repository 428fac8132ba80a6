// The limits of the public listener: sizes, times, invalid data, TLS; and how it stops.

import { mkdtemp, rename, rm, symlink, writeFile, mkdir } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate, type Certificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { environmentFor, freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startKasmVncStandIn } from '../support/kasmvnc-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import { rawRequest } from '../support/raw-client.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { encodeFrame } from '../support/websocket-wire.ts'

const bare = (status: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
const BAD = bare('400 Bad Request')
const TOO_SLOW = bare('408 Request Timeout')

/** The page helps a person whose browser has collected too many cookies. */
const TOO_LARGE = {
  status: 431,
  head: expect.stringMatching(/^cache-control: no-store\r$.*^Connection: close$/ms),
  body: expect.stringMatching(/^<!doctype html>.*Too many cookies.*<\/html> $/s),
}

let stack: Stack
let visitor: SignedIn
beforeAll(async () => {
  stack = await startStack()
  visitor = await signIn(stack.gateway)
})
afterAll(() => stack.stop())

const staying = (start: string): string =>
  visitor.text(start).replace('Connection: close', 'Connection: keep-alive')

describe('a header', () => {
  it('may have nearly 16 KiB, and the desktop receives none of it', async () => {
    const before = stack.desktop.requests.length
    expect(await visitor.ask('GET /', `Cookie: a=${'x'.repeat(15_000)}`)).toMatchObject({
      status: 200,
    })
    expect(stack.desktop.requests[before]?.raw.length).toBeLessThan(300)
  })

  it.each([
    ['with one field of 16 KiB', () => [`X: ${'x'.repeat(16_384)}`]],
    [
      'with a hundred fields that exceed the limit together',
      () => Array(100).fill(`X: ${'x'.repeat(200)}`),
    ],
    ['with a thousand empty fields', () => Array(1_000).fill('X:')],
    ['without an end', () => [`X: ${'x'.repeat(1_000_000)}`]],
  ])('%s is too large', async (_, lines) => {
    const before = stack.desktop.requests.length
    expect(await visitor.ask('GET /', ...(lines() as string[]))).toMatchObject(TOO_LARGE)
    expect(stack.desktop.requests).toHaveLength(before)
  })

  it('of an upgrade that is too large gets the same answer', async () => {
    const { head } = await visitor.open({ headers: { X: 'x'.repeat(16_384) } })
    expect(head).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
  })

  it('with a target of 16 KiB gets the same answer', async () => {
    expect(await visitor.ask(`GET /${'x'.repeat(16_384)}`)).toMatchObject(TOO_LARGE)
  })

  it('that is too large gets its answer on a keep-alive connection too, as ingresses use them', async () => {
    const { raw } = await visitor.send(
      [staying('GET /vnc.html'), visitor.text('GET /', `X: ${'x'.repeat(16_384)}`)],
      { gapMs: 200 },
    )
    expect(raw).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(raw).toMatch(/HTTP\/1\.1 431 .*Too many cookies/s)
  })
})

describe('a request body at an endpoint of the gateway', () => {
  const CHUNK = 'x'.repeat(0x5000)
  it.each([
    ['missing, without a length', [], ''],
    ['missing, with length 0', ['Content-Length: 0'], ''],
    ['with a length', ['Content-Length: 3'], 'a=b'],
    ['in chunks', ['Transfer-Encoding: chunked'], '3\r\na=b\r\n0\r\n\r\n'],
    ['too large, and never sent', ['Content-Length: 99999'], ''],
    ['too large, in chunks', ['Transfer-Encoding: chunked'], `5000\r\n${CHUNK}\r\n0\r\n\r\n`],
  ])('%s, does not change the answer of an endpoint that needs no body', async (_, lines, body) => {
    const person = await signIn(stack.gateway)
    const form = [
      `Origin: ${stack.gateway.origin}`,
      'Content-Type: application/x-www-form-urlencoded',
    ]
    for (const [path, status] of [
      ['/oauth2/stay', 204],
      ['/oauth2/nothing-of-ours', 404],
      ['/oauth2/backchannel_logout', 400],
      ['/oauth2/sign_out', 302],
    ] as const) {
      const answer = await person.send(person.text(`POST ${path}`, ...form, ...lines) + body)
      expect([path, answer.status]).toEqual([path, status])
    }
  })
})

describe('data that is not HTTP', () => {
  it.each([
    ['rubbish', '\x00\x01\x02\xff\xfe rubbish\r\n\r\n'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
    ['a method nobody knows', 'BREW /coffee HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a PROXY line', 'PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\nGET / HTTP/1.1\r\n\r\n'],
    ['a target with a byte beyond ASCII', 'GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('(%s) is a bad request', async (_, bytes) => {
    expect(await visitor.send(bytes)).toMatchObject({ raw: BAD })
  })

  it('is a bad request on a keep-alive connection too', async () => {
    const { raw } = await visitor.send([staying('GET /vnc.html'), 'rubbish\r\n\r\n'], {
      gapMs: 200,
    })
    expect(raw).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(raw.endsWith(BAD)).toBe(true)
  })

  it('gets no answer when that would be in the middle of another answer', async () => {
    const answer = await visitor.send(staying('GET /core/raw.js') + 'rubbish\r\n\r\n')
    // One complete answer or none: never the head of one in the body of another.
    expect(answer.raw).toMatch(
      /^(HTTP\/1\.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n)?$/,
    )
    expect(answer.ended).not.toBe('timeout')
  })

  it.each([
    ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a tunnel', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
  ])('(%s) ends the connection', async (_, bytes) => {
    const { raw, ended } = await visitor.send(bytes)
    expect([raw, ended]).not.toContain('timeout')
    expect(raw).not.toContain(' 200 ')
  })
})

it('a connection stays open for longer than the minute for which ingresses keep one', async () => {
  const { headers } = await visitor.send(staying('GET /vnc.html'), { timeoutMs: 200 })
  expect(headers.get('keep-alive')).toEqual(['timeout=75'])
})

it('an upgrade after a request that is not answered yet is not treated as an upgrade', async () => {
  const held: ServerResponse[] = []
  const { held: slow, stop, visitor } = await inFrontOfSlowDesktop(held)
  const upgrade = visitor
    .text('GET /websockify', 'Upgrade: websocket', `Origin: ${slow.gateway.origin}`)
    .replace('Connection: close', 'Connection: Upgrade')
  const { raw, ended } = await visitor.send(
    visitor.text('GET /slow').replace('Connection: close', 'Connection: keep-alive') + upgrade,
  )
  expect([raw, ended === 'timeout']).toEqual(['', false])
  expect(slow.gateway.audit('tunnel_opened')).toEqual([])
  await stop()
})

describe.concurrent('over time', () => {
  it('a client that sends nothing is disconnected', async () => {
    const { raw } = await rawRequest(stack.gateway.publicPort, [], { timeoutMs: 24_000 })
    expect(raw).toBe(TOO_SLOW)
  }, 30_000)

  it('a client that sends its header byte by byte is disconnected', async () => {
    const socket = connect(stack.gateway.publicPort, '127.0.0.1')
    let raw = ''
    socket.on('error', () => {}).on('data', (chunk: Buffer) => (raw += chunk.toString()))
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nX: ')
    const drip = setInterval(() => socket.write('x'), 500)
    await new Promise((resolve) => socket.once('close', resolve))
    clearInterval(drip)
    expect(raw).toBe(TOO_SLOW)
  }, 30_000)

  it('a client that never starts its TLS handshake is disconnected', async () => {
    const folder = await certificateFolder()
    const secured = await startSecured(folder)
    const answer = await rawRequest(secured.gateway.publicPort, [], { timeoutMs: 24_000 })
    expect(answer).toMatchObject({ raw: '', ended: 'fin' })
    await secured.stop()
    await rm(folder, { recursive: true })
  }, 30_000)

  it('a changed certificate is loaded, and an invalid one is not', async () => {
    const [first, second] = [createCertificate('first'), createCertificate('second')]
    const folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
    // As Kubernetes mounts a secret: the files are links into a folder that is a link, which is swapped.
    const mount = async (version: string, { cert, key }: Certificate): Promise<void> => {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'tls.crt'), cert)
      await writeFile(join(folder, version, 'tls.key'), key)
      await symlink(version, join(folder, '..data_tmp'))
      await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    await mount('1', first)
    const secured = await startSecured(join(folder, '..data'))
    const { gateway } = secured
    const old = await handshake(gateway)
    expect(nameOf(old)).toBe('first')

    await mount('2', { cert: second.cert, key: 'not a key' })
    await eventually(() => expect(messages(gateway)).toContain('TLS certificate not reloaded'))
    expect(nameOf(await handshake(gateway))).toBe('first')

    await mount('3', second)
    await eventually(async () => expect(nameOf(await handshake(gateway))).toBe('second'))
    expect(messages(gateway)).toContain('TLS certificate reloaded')
    expect(old.destroyed).toBe(false)
    await secured.stop()
    await rm(folder, { recursive: true })
  }, 30_000)
})

describe('TLS', () => {
  let folder: string
  let secured: Awaited<ReturnType<typeof startSecured>>
  beforeAll(async () => {
    folder = await certificateFolder()
    secured = await startSecured(folder)
  })
  afterAll(async () => {
    await secured.stop()
    await rm(folder, { recursive: true })
  })

  it('always negotiates HTTP/1.1', async () => {
    const socket = await handshake(secured.gateway, { ALPNProtocols: ['h2', 'http/1.1'] })
    expect(socket.alpnProtocol).toBe('http/1.1')
    expect((await handshake(secured.gateway)).alpnProtocol).toBe(false)
  })

  it('refuses a client that accepts only HTTP/2', async () => {
    await expect(handshake(secured.gateway, { ALPNProtocols: ['h2'] })).rejects.toThrow(/alert/)
  })

  it.each(['TLSv1', 'TLSv1.1'] as const)('refuses %s', async (version) => {
    await expect(
      handshake(secured.gateway, { minVersion: version, maxVersion: version }),
    ).rejects.toThrow()
  })

  it('is required on the port', async () => {
    const { raw } = await rawRequest(
      secured.gateway.publicPort,
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    )
    expect(raw).not.toContain('HTTP/1.1 200')
    expect((await handshake(secured.gateway)).authorizationError).toBeDefined()
  })

  it('carries a page and a tunnel, and counts every byte', async () => {
    const { gateway, desktop } = secured
    const usual = getGlobalDispatcher()
    const trusting = new Agent({ connect: { rejectUnauthorized: false } })
    setGlobalDispatcher(trusting)
    const visitor = await signIn(gateway).finally(() => setGlobalDispatcher(usual))
    await trusting.close()
    expect(visitor.cookie).toMatch(/(?:^|; )__Host-ghostwire=/)
    const page = await visitor.send(visitor.text('GET /vnc.html'), { tls: true })
    expect(page).toMatchObject({ status: 200 })
    const client = await visitor.open({ tls: true })
    expect(client.status).toBe(101)
    const hello = encodeFrame('RFB 003.008\n', { masked: true })
    client.socket.write(hello)
    await client.nextFrame()
    await client.nextFrame()
    expect(desktop.tunnels.at(-1)?.frames[0]?.bytes).toEqual(hello)
    client.socket.end()
    await eventually(() => {
      expect(gateway.audit('tunnel_closed')).toMatchObject([
        { reason: 'client-closed', bytesToDesktop: hello.length, bytesToBrowser: 14 + 4 },
      ])
    })
    expect(desktop.tunnels.at(-1)?.closedBecause).toBeDefined()
  })
})

describe('stopping', () => {
  it('answers requests in progress, and does not wait for idle connections', async () => {
    const answers: ServerResponse[] = []
    const { held, stop, visitor } = await inFrontOfSlowDesktop(answers)
    const { publicPort } = held.gateway
    const idle = connect(publicPort, '127.0.0.1').resume()
    const kept = visitor.text('GET /slow').replace('Connection: close', 'Connection: keep-alive')
    const asked = visitor.send(kept, { timeoutMs: 10_000 })
    await eventually(() => expect(answers).toHaveLength(1))
    const stopping = stop()
    await eventually(async () => {
      const { raw, ended } = await rawRequest(publicPort, 'rubbish\r\n\r\n')
      expect([raw, ended]).toEqual(['', 'rst'])
    })
    const since = performance.now()
    answers[0]?.end('ok')
    expect(await asked).toMatchObject({ status: 200, ended: 'fin' })
    await stopping
    expect(performance.now() - since).toBeLessThan(5_000)
    expect(idle.destroyed).toBe(true)
  })

  it('does not wait for TLS handshakes in progress', async () => {
    const folder = await certificateFolder()
    const secured = await startSecured(folder)
    let release = (): void => {}
    const relay = createTcpServer((client) => {
      const server = connect(secured.gateway.publicPort, '127.0.0.1')
      for (const socket of [client, server]) socket.on('error', () => {})
      server.pipe(client)
      // The ClientHello passes; the client's next data would complete its part of the handshake.
      client.once('data', (hello) => {
        server.write(hello)
        client.pause()
        release = () => void client.pipe(server)
      })
    })
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    const socket = await handshake({ publicPort: (relay.address() as AddressInfo).port })
    const stopping = secured.stop()
    await eventually(() => expect(messages(secured.gateway)).toContain('draining'))
    const since = performance.now()
    release()
    await stopping
    expect(performance.now() - since).toBeLessThan(5_000)
    socket.destroy()
    relay.close()
    await rm(folder, { recursive: true })
  })
})

const messages = ({ lines }: TestGateway): unknown[] => lines.map((line) => line['msg'])

const nameOf = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN)

async function handshake(
  { publicPort }: Pick<TestGateway, 'publicPort'>,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: publicPort,
    rejectUnauthorized: false,
    ...options,
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject)
    socket.once('close', () => reject(new Error('closed without an alert')))
  })
  socket.on('error', () => {})
  return socket
}

async function certificateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  const { cert, key } = createCertificate()
  await writeFile(join(folder, 'tls.crt'), cert)
  await writeFile(join(folder, 'tls.key'), key)
  return folder
}

async function startSecured(folder: string): Promise<{
  gateway: TestGateway
  desktop: Awaited<ReturnType<typeof startKasmVncStandIn>>
  stop: () => Promise<void>
}> {
  const origin = `https://localhost:${await freePort()}`
  const provider = await startTestProvider(origin)
  const desktop = await startKasmVncStandIn()
  const gateway = await startTestGateway({
    ...environmentFor(origin, provider.issuer, desktop.url.origin),
    GATEWAY_TLS_CERT_FILE: join(folder, 'tls.crt'),
    GATEWAY_TLS_KEY_FILE: join(folder, 'tls.key'),
  })
  await gateway.ready()
  return {
    gateway,
    desktop,
    async stop() {
      await gateway.stop()
      await Promise.all([provider.stop(), desktop.stop()])
    },
  }
}

/** A desktop that answers only when the test says so. */
async function inFrontOfSlowDesktop(
  answers: ServerResponse[],
): Promise<{ held: Stack; visitor: SignedIn; stop: () => Promise<void> }> {
  const slow = createServer((_, response) => void answers.push(response))
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  const { port } = slow.address() as AddressInfo
  const held = await startStack({
    environment: { GATEWAY_DESKTOP_URL: `http://127.0.0.1:${port}` },
  })
  return {
    held,
    visitor: await signIn(held.gateway),
    async stop() {
      await held.stop()
      slow.closeAllConnections()
      slow.close()
    },
  }
}
