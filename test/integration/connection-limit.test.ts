// More connections than the memory allows: the process survives, and signed-in people notice nothing.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { environmentFor, freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startKasmVncStandIn } from '../support/kasmvnc-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import { openWebSocket, rawRequest } from '../support/raw-client.ts'
import { signIn } from '../support/signed-in.ts'
import { startStack, type Stack, type StackOptions } from '../support/stack.ts'
import { encodeFrame } from '../support/websocket-wire.ts'

const MAX = 20
/** A flood takes longer on a busy machine. */
const FLOOD = { timeout: 40_000, interval: 100 }

// 350 headers of 42 bytes: under 16 KiB on the wire, and as much memory as such a request can use.
const UNFINISHED = `GET / HTTP/1.1\r\nHost: x\r\n${`${'a'.repeat(20)}:${'b'.repeat(19)}\r\n`.repeat(350)}`

const flooders: Socket[] = []
afterEach(() => {
  for (const socket of flooders.splice(0)) socket.destroy()
})

function openConnection(port: number, bytes: string | Uint8Array = '', from = '127.0.0.1'): Socket {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from }).on('error', () => {})
  flooders.push(socket)
  socket.write(bytes)
  return socket
}

const openConnections = (count: number, ...args: Parameters<typeof openConnection>): Socket[] =>
  Array.from({ length: count }, () => openConnection(...args))

async function figure({ admin }: Pick<TestGateway, 'admin'>, name: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`ghostwire_${name}`))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

const openNow = (gateway: TestGateway): Promise<number> => figure(gateway, 'connections_open')
const refused = (gateway: TestGateway, reason: string): Promise<number> =>
  figure(gateway, `connections_refused_total{reason="${reason}"}`)

async function withLimit(use: (stack: Stack) => Promise<void>, options: StackOptions = {}) {
  const stack = await startStack({
    ...options,
    environment: { GATEWAY_LIMITS_CONNECTIONS: String(MAX), ...options.environment },
  })
  try {
    await use(stack)
  } finally {
    for (const socket of flooders.splice(0)) socket.destroy()
    await stack.stop()
  }
}

describe('the limit of connections', () => {
  it('closes the next connection, counts it, and logs it once', async () => {
    await withLimit(async ({ gateway }) => {
      await eventually(async () => expect(await openNow(gateway)).toBe(0))
      const held = openConnections(MAX, gateway.publicPort)
      await eventually(async () => expect(await openNow(gateway)).toBe(MAX))
      expect(await rawRequest(gateway.publicPort, 'GET / HTTP/1.1\r\n')).toMatchObject({ raw: '' })
      openConnections(5, gateway.publicPort)
      await eventually(async () => expect(await refused(gateway, 'limit')).toBe(6))
      expect(await openNow(gateway)).toBe(MAX)
      expect(held.filter(({ destroyed }) => destroyed)).toEqual([])
      const said = gateway.lines.filter(({ limit }) => limit === MAX)
      expect(said).toMatchObject([
        { level: 'warn', msg: expect.stringContaining('GATEWAY_LIMITS_CONNECTIONS') as string },
      ])

      held[0]?.destroy()
      await eventually(async () => expect(await openNow(gateway)).toBe(MAX - 1))
      const again = await rawRequest(gateway.publicPort, 'rubbish\r\n\r\n')
      expect(again.status).toBe(400)
    })
  })

  it('does not affect signed-in people, on keep-alive connections and in tunnels', async () => {
    await withLimit(async ({ gateway, desktop }) => {
      const visitor = await signIn(gateway)
      const tunnel = await visitor.open()
      expect(tunnel.status).toBe(101)
      const page = visitor.text('GET /vnc.html').replace('Connection: close', 'X: y')
      const kept = openConnection(gateway.publicPort, page)
      let answered = ''
      kept.on('data', (chunk: Buffer) => (answered += chunk.toString('latin1')))
      await eventually(() => expect(answered).toContain('200 OK'))

      openConnections(100, gateway.publicPort, UNFINISHED)
      openConnections(100, gateway.publicPort, UNFINISHED, '127.0.0.2')
      await eventually(async () => expect(await refused(gateway, 'limit')).toBeGreaterThan(100))
      expect(await openNow(gateway)).toBeLessThanOrEqual(MAX)

      answered = ''
      kept.write(page)
      await eventually(() => expect(answered).toContain('200 OK'))
      tunnel.socket.write(encodeFrame('RFB 003.008\n', { masked: true }))
      await eventually(() => expect(desktop.tunnels[0]?.frames).toHaveLength(1))
    })
  })

  it('lets a person from another address in while one address floods', async () => {
    await withLimit(async ({ gateway }) => {
      const flood = openConnections(MAX, gateway.publicPort, UNFINISHED, '127.0.0.2')
      await eventually(async () => expect(await openNow(gateway)).toBe(MAX))
      const visitor = await signIn(gateway)
      expect((await visitor.ask('GET /vnc.html')).status).toBe(200)
      expect(await refused(gateway, 'made-way')).toBeGreaterThan(0)
      expect(flood.some(({ destroyed }) => !destroyed)).toBe(true)
    })
  })

  it('lets people in once connections of a flood from many addresses have been silent for five seconds', async () => {
    const clock = { ahead: 0 }
    await withLimit(
      async ({ gateway }) => {
        for (let host = 2; host < MAX + 2; host += 1)
          openConnection(gateway.publicPort, UNFINISHED, `127.0.0.${host}`)
        await eventually(async () => expect(await openNow(gateway)).toBe(MAX))
        const ask = (): ReturnType<typeof rawRequest> =>
          rawRequest(gateway.publicPort, 'rubbish\r\n\r\n')
        expect((await ask()).status).toBe(0)
        clock.ahead = 5_000
        expect((await ask()).status).toBe(400)
      },
      { gateway: { now: () => Date.now() + clock.ahead } },
    )
  })

  it('closes no connection from a trusted proxy to make room for another address', async () => {
    await withLimit(
      async ({ gateway }) => {
        const proxied = openConnections(MAX, gateway.publicPort, UNFINISHED, '127.0.0.2')
        await eventually(async () => expect(await openNow(gateway)).toBe(MAX))
        expect((await rawRequest(gateway.publicPort, 'rubbish\r\n\r\n')).raw).toBe('')
        expect(proxied.filter(({ destroyed }) => destroyed)).toEqual([])
      },
      { environment: { GATEWAY_TRUSTED_PROXIES: '127.0.0.2' } },
    )
  })

  it('counts unfinished TLS handshakes, and lets TLS clients from other addresses in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
    const { cert, key } = createCertificate()
    await writeFile(join(folder, 'tls.crt'), cert)
    await writeFile(join(folder, 'tls.key'), key)
    const origin = `https://localhost:${await freePort()}`
    const provider = await startTestProvider(origin)
    const gateway = await startTestGateway({
      ...environmentFor(origin, provider.issuer, 'http://127.0.0.1:1'),
      GATEWAY_LIMITS_CONNECTIONS: String(MAX),
      GATEWAY_TLS_CERT_FILE: join(folder, 'tls.crt'),
      GATEWAY_TLS_KEY_FILE: join(folder, 'tls.key'),
    })
    const begun = Uint8Array.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00])
    openConnections(3 * MAX, gateway.publicPort, begun, '127.0.0.2')
    await eventually(async () => expect(await refused(gateway, 'limit')).toBe(2 * MAX))
    expect(await openNow(gateway)).toBe(MAX)
    const answer = await rawRequest(
      gateway.publicPort,
      'GET /oauth2/userinfo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      { tls: true },
    )
    expect(answer.status).toBe(401)
    expect(await openNow(gateway)).toBe(MAX - 1)
    for (const socket of flooders.splice(0)) socket.destroy()
    await eventually(async () => expect(await openNow(gateway)).toBe(0))
    await gateway.stop()
    await provider.stop()
    await rm(folder, { recursive: true })
  })

  it.each(['0', '-1', '1.5', '1e3', '1000001', 'many', '99999999999999999999', ' '])(
    'refuses %j as a number of connections',
    async (value) => {
      const environment = { ...LEAST, GATEWAY_LIMITS_CONNECTIONS: value }
      await expect(startTestGateway(environment)).rejects.toThrow(
        /^GATEWAY_LIMITS_CONNECTIONS \(limits\.connections\): must be a whole number from 1 to 1000000/,
      )
    },
  )
})

const LEAST = environmentFor('http://localhost:1', 'http://localhost:2', 'http://localhost:3')

describe('requests on one connection', () => {
  it('are all answered if there are a few at once', async () => {
    await withLimit(async ({ gateway }) => {
      const one = 'GET /oauth2/userinfo HTTP/1.1\r\nHost: x\r\n\r\n'
      const { raw } = await rawRequest(gateway.publicPort, one.repeat(16), { timeoutMs: 500 })
      expect(raw.match(/HTTP\/1\.1 401/g)).toHaveLength(16)
      expect(await refused(gateway, 'pipelining')).toBe(0)
    })
  })

  it('cannot be thousands at once, because each uses many times its size in memory', async () => {
    await withLimit(async ({ gateway }) => {
      const one = 'GET /oauth2/sign_in HTTP/1.1\r\nHost: x\r\n\r\n'
      const socket = openConnection(gateway.publicPort, one.repeat(1_000)).pause()
      await eventually(async () => expect(await refused(gateway, 'pipelining')).toBe(1))
      await eventually(async () => expect(await openNow(gateway)).toBe(0))
      socket.destroy()
    })
  })
})

describe('a process with little memory', () => {
  it('survives more unfinished headers than fit into its memory', async () => {
    const origin = `http://localhost:${await freePort()}`
    const provider = await startTestProvider(origin)
    const desktop = await startKasmVncStandIn()
    const gateway = await startGatewayProcess({
      ...environmentFor(origin, provider.issuer, desktop.url.origin),
      NODE_OPTIONS: '--max-old-space-size=96',
    })
    const visitor = await signIn({ ...gateway, origin })
    const tunnel = await openWebSocket(gateway.publicPort, { origin, cookie: visitor.cookie })
    expect(tunnel.status).toBe(101)
    for (let sent = 0; sent < 3_500; sent += 100) {
      openConnections(100, gateway.publicPort, UNFINISHED)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await vi.waitFor(async () => {
      expect(await figure(gateway, 'connections_refused_total')).toBeGreaterThan(1_000)
    }, FLOOD)
    tunnel.socket.write(encodeFrame('RFB 003.008\n', { masked: true }))
    await eventually(() => expect(desktop.tunnels[0]?.frames).toHaveLength(1))
    tunnel.socket.destroy()
    for (const socket of flooders.splice(0)) socket.destroy()
    await gateway.stop()
    await Promise.all([provider.stop(), desktop.stop()])
  }, 60_000)
})
