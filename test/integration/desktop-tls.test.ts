// The desktop over TLS: which certificates the gateway trusts, and that no other server gets a single byte of a request.

import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate, type Certificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import type { Environment } from '../support/gateway.ts'
import {
  startKasmVncStandIn,
  type StandIn,
  type StandInOptions,
} from '../support/kasmvnc-stand-in.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

const kasm = createCertificate()
const other = createCertificate()
const fingerprintOf = ({ cert }: Certificate): string => new X509Certificate(cert).fingerprint256

let folder: string
let caFile: string
let otherCaFile: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  caFile = join(folder, 'ca.crt')
  otherCaFile = join(folder, 'other.crt')
  await writeFile(caFile, kasm.cert)
  await writeFile(otherCaFile, other.cert)
})
afterAll(() => rm(folder, { recursive: true }))

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

/** The stand-in as the kasmweb images run it: only TLS. */
async function startDesktop(options: StandInOptions = {}): Promise<StandIn> {
  const desktop = await startKasmVncStandIn({ tls: kasm, sslOnly: true, backlog: 64, ...options })
  endings.push(() => desktop.stop())
  return desktop
}

async function startFor(
  desktop: StandIn,
  environment: Environment,
): Promise<{ stack: Stack; visitor: SignedIn }> {
  const stack = await startStack({
    environment: { GATEWAY_DESKTOP_URL: desktop.url.origin, ...environment },
  })
  endings.push(() => stack.stop())
  return { stack, visitor: await signIn(stack.gateway) }
}

describe('a desktop is trusted', () => {
  it.each<[string, () => Environment]>([
    ['its certificate is signed by the CA', () => ({ GATEWAY_DESKTOP_CA_FILE: caFile })],
    [
      'its certificate is the pinned one',
      () => ({ GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprintOf(kasm) }),
    ],
    ['checks are off', () => ({ GATEWAY_DESKTOP_TLS_INSECURE: 'true' })],
  ])('if %s', async (_, environment) => {
    const desktop = await startDesktop()
    const { visitor } = await startFor(desktop, environment())
    expect(await visitor.ask('GET /vnc.html')).toMatchObject({ status: 200 })
    const client = await visitor.open()
    expect(client.status).toBe(101)
    expect((await client.nextFrame()).payload.toString()).toBe('RFB 003.008\n')
    client.socket.destroy()
    await eventually(() => expect(desktop.connections.open).toBe(0))
    expect(desktop.requests.map(({ raw }) => raw.split('\r\n')[1])).toEqual([
      expect.stringMatching(/^Authorization: Basic /),
      expect.stringMatching(/^Authorization: Basic /),
    ])
  })
})

describe('not one byte of a request goes to a desktop', () => {
  it.each<[string, () => Environment]>([
    ['with a self-signed certificate', () => ({})],
    ['whose certificate another CA signed', () => ({ GATEWAY_DESKTOP_CA_FILE: otherCaFile })],
    [
      'whose certificate is not the pinned one',
      () => ({ GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprintOf(other) }),
    ],
  ])('%s', async (_, environment) => {
    const desktop = await startDesktop()
    const { stack, visitor } = await startFor(desktop, environment())
    const page = await visitor.ask('GET /vnc.html')
    expect(page).toMatchObject({ status: 503 })
    expect(page.body).not.toMatch(/certificate|fingerprint/i)
    expect(await visitor.open()).toMatchObject({ status: 503 })
    await eventually(() => expect(desktop.connections.open).toBe(0))
    expect(desktop.connections.total).toBeGreaterThanOrEqual(2)
    expect(desktop.requests).toEqual([])
    expect(JSON.stringify(stack.gateway.lines)).toMatch(/certificate/)
  })

  it('whose certificate changed since the last request', async () => {
    const first = await startDesktop()
    const { visitor } = await startFor(first, {
      GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprintOf(kasm).replaceAll(':', '').toLowerCase(),
    })
    expect(await visitor.ask('GET /vnc.html')).toMatchObject({ status: 200 })
    await first.stop()
    const second = await startDesktop({ tls: other, port: Number(first.url.port) })
    expect(await visitor.ask('GET /vnc.html')).toMatchObject({ status: 503 })
    expect(await visitor.open()).toMatchObject({ status: 503 })
    expect(second.requests).toEqual([])
  })

  it('that speaks no TLS', async () => {
    const desktop = await startKasmVncStandIn()
    endings.push(() => desktop.stop())
    const { visitor } = await startFor(desktop, {
      GATEWAY_DESKTOP_URL: `https://${desktop.url.host}`,
      GATEWAY_DESKTOP_TLS_INSECURE: 'true',
    })
    expect(await visitor.ask('GET /vnc.html')).toMatchObject({ status: 503 })
    expect(await visitor.open()).toMatchObject({ status: 503 })
    expect(JSON.stringify(desktop.requests)).not.toContain('Authorization')
  })
})

describe('with a pinned certificate, many requests at once', () => {
  it('of one person are at most twelve at a time as without one, however long a handshake takes', async () => {
    const sockets: Socket[] = []
    const mute = createServer((socket) => void sockets.push(socket.on('error', () => {})))
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as AddressInfo
    const { stack, visitor } = await startFor(await startDesktop(), {
      GATEWAY_DESKTOP_URL: `https://127.0.0.1:${port}`,
      GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprintOf(kasm),
    })
    const asked = Array.from({ length: 100 }, () =>
      visitor.send(visitor.text('GET /vnc.html'), { timeoutMs: 1_000 }),
    )
    const granted = (): Promise<number> =>
      metric(stack.gateway, 'ghostwire_authorizations_total', { decision: 'granted' })
    await eventually(async () => expect(await granted()).toBe(100))
    // The metrics endpoint probes the desktop.
    const spoken = (): Socket[] => sockets.filter(({ bytesRead }) => bytesRead > 0)
    await eventually(() => expect(spoken().length).toBeGreaterThanOrEqual(12))
    expect(spoken()).toHaveLength(12)
    await Promise.all(asked)
    mute.close()
  })

  it('all fail when the certificate is not the pinned one', async () => {
    const desktop = await startDesktop()
    const { visitor } = await startFor(desktop, {
      GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprintOf(other),
    })
    const answers = await Promise.all(
      Array.from({ length: 60 }, () =>
        visitor.send(visitor.text('GET /vnc.html'), { timeoutMs: 10_000 }),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect(desktop.connections.highest).toBeLessThanOrEqual(16)
    expect(desktop.requests).toEqual([])
  })
})
