// `check --online` about the desktop: each fault is found by its own check, and no check brings a ban.

import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createCertificate, type Certificate } from '../support/certificate.ts'
import { runCheck, type CheckResult } from '../support/check.ts'
import { freePort, type Environment } from '../support/gateway.ts'
import {
  startKasmVncStandIn,
  type StandIn,
  type StandInOptions,
} from '../support/kasmvnc-stand-in.ts'
import { startScriptedDesktop } from '../support/scripted-desktop.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function startDesktop(options: StandInOptions = {}): Promise<StandIn> {
  const desktop = await startKasmVncStandIn(options)
  closing.push(() => desktop.stop())
  return desktop
}

const checkAt = (url: URL, environment: Environment = {}): Promise<CheckResult> =>
  runCheck({ GATEWAY_DESKTOP_URL: url.origin, ...environment })

const statesOf = ({ findings }: CheckResult): readonly string[] =>
  findings.filter(({ id }) => id.startsWith('desktop.')).map(({ id, state }) => `${id} ${state}`)

const fingerprintOf = ({ cert }: Certificate): string =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()

const OWNER: Environment = {
  GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
  GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
  GATEWAY_DESKTOP_OWNER_USERNAME: 'kasm_user',
  GATEWAY_DESKTOP_OWNER_PASSWORD: 'kasm-password',
}

describe('a desktop in order', () => {
  it('passes every check', async () => {
    const desktop = await startDesktop()
    expect(statesOf(await checkAt(desktop.url))).toEqual([
      'desktop.reachable ok',
      'desktop.tls skipped',
      'desktop.credentials.control ok',
      'desktop.websocket ok',
    ])
    expect(desktop.tunnels).toHaveLength(1)
  })

  it('passes with viewers and owners whose rights fit their roles', async () => {
    const desktop = await startDesktop()
    const states = statesOf(await checkAt(desktop.url, OWNER))
    expect(states).toContain('desktop.credentials.view ok')
    expect(states).toContain('desktop.credentials.owner ok')
    expect(states).toContain('desktop.permissions ok')
  })
})

describe('a desktop that is not reached', () => {
  it('is reported with the reason, and nothing else is asked', async () => {
    const result = await checkAt(new URL(`http://127.0.0.1:${await freePort()}`))
    expect(result.exitCode).toBe(1)
    expect(result.find('desktop.reachable').message).toContain('nothing listens there')
    expect(statesOf(result)).toEqual([
      'desktop.reachable failed',
      'desktop.credentials.control skipped',
      'desktop.websocket skipped',
    ])
  })

  it('over http although it takes TLS only is reported so', async () => {
    const desktop = await startDesktop({ tls: createCertificate(), sslOnly: true })
    const url = new URL(desktop.url.href.replace('https', 'http'))
    const { find } = await checkAt(url)
    expect(find('desktop.credentials.control').message).toContain('http against https')
  })

  it('over https although it has no TLS is reported so', async () => {
    const desktop = await startScriptedDesktop()
    closing.push(() => desktop.stop())
    const { find } = await checkAt(new URL(desktop.url.href.replace('http', 'https')))
    expect(find('desktop.tls')).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('http against https'),
    })
  })

  it('because another service has its port is reported so', async () => {
    const ssh = createServer((socket) =>
      socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.6\r\n'),
    )
    await new Promise<void>((resolve) => ssh.listen(0, '127.0.0.1', resolve))
    closing.push(() => ssh.close())
    const { port } = ssh.address() as AddressInfo
    const { find } = await checkAt(new URL(`http://127.0.0.1:${port}`))
    expect(find('desktop.credentials.control').message).toContain('does not answer with HTTP')
  })
})

describe('a certificate', () => {
  it('that is not trusted is shown with its fingerprint, and that fingerprint passes', async () => {
    const certificate = createCertificate('kasm')
    const desktop = await startDesktop({ tls: certificate, sslOnly: true })
    const refused = await checkAt(desktop.url)
    const fingerprint = fingerprintOf(certificate)
    expect(refused.find('desktop.tls').message).toMatch(
      new RegExp(
        `signed by itself.*${fingerprint}; subject CN=kasm; names DNS:localhost, IP Address:127\\.0\\.0\\.1; ends \\d{4}-.*desktop\\.tls\\.fingerprint`,
      ),
    )
    expect(desktop.requests).toEqual([])

    const pinned = await checkAt(desktop.url, { GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprint })
    expect(pinned.find('desktop.tls').state).toBe('ok')
    expect(pinned.find('desktop.websocket').state).toBe('ok')
  })

  it('of a CA file passes, and that of another one is not the pinned one', async () => {
    const certificate = createCertificate()
    const desktop = await startDesktop({ tls: certificate })
    const folder = makeTemporaryFolder('ghostwire-check')
    closing.push(() => folder.remove())
    writeFileSync(`${folder.path}/ca.pem`, certificate.cert)
    const trusted = await checkAt(desktop.url, {
      GATEWAY_DESKTOP_CA_FILE: `${folder.path}/ca.pem`,
    })
    expect(trusted.find('desktop.tls').message).toMatch(/accepted and ends on \d{4}-/)
    expect(trusted.find('desktop.websocket').state).toBe('ok')

    const other = await checkAt(desktop.url, {
      GATEWAY_DESKTOP_TLS_FINGERPRINT: fingerprintOf(createCertificate()),
    })
    expect(other.find('desktop.tls')).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/not the pinned one.*Found: SHA-256/),
    })
  })

  it('that nobody looks at draws a warning with the fingerprint to pin', async () => {
    const certificate = createCertificate()
    const desktop = await startDesktop({ tls: certificate })
    const { find } = await checkAt(desktop.url, { GATEWAY_DESKTOP_TLS_INSECURE: 'true' })
    expect(find('desktop.tls')).toMatchObject({
      state: 'warning',
      message: expect.stringContaining(fingerprintOf(certificate)),
    })
  })
})

describe('credentials', () => {
  const WRONG: Environment = { GATEWAY_DESKTOP_PASSWORD: 'not-the-password' }

  it('that are wrong take one request, and many checks ban nobody', async () => {
    const desktop = await startDesktop()
    const refused = await checkAt(desktop.url, WRONG)
    expect(refused.find('desktop.credentials.control')).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/refuses the user kasm_user.*desktop\.password/),
    })
    expect(refused.find('desktop.websocket').state).toBe('skipped')
    expect(JSON.stringify(refused.findings)).not.toContain('not-the-password')
    expect(desktop.requests).toHaveLength(1)

    for (let again = 0; again < 6; again += 1) await checkAt(desktop.url, WRONG)
    const right = await checkAt(desktop.url)
    expect(right.find('desktop.credentials.control').state).toBe('ok')
  })

  it('that are missing are asked for', async () => {
    const desktop = await startDesktop()
    const { find } = await checkAt(desktop.url, {
      GATEWAY_DESKTOP_USERNAME: undefined,
      GATEWAY_DESKTOP_PASSWORD: undefined,
    })
    expect(find('desktop.credentials.control').message).toContain('Set desktop.username')
  })

  it('of somebody who is no owner fail for the role owner', async () => {
    const desktop = await startDesktop()
    const { find } = await checkAt(desktop.url, {
      ...OWNER,
      GATEWAY_DESKTOP_OWNER_USERNAME: 'kasm_viewer',
    })
    expect(find('desktop.credentials.owner').message).toContain('that this user is an owner')
  })

  it('of a viewer who may write draw a warning', async () => {
    const users = [
      { name: 'kasm_user', password: 'kasm-password', permissions: 'wo' },
      { name: 'kasm_viewer', password: 'kasm-password', permissions: 'rw' },
    ]
    const desktop = await startDesktop({ users })
    expect((await checkAt(desktop.url, OWNER)).find('desktop.permissions')).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('kasm_viewer for the role view has the right to write'),
    })
  })
})

it('a desktop that opens no WebSocket is reported with its answer', async () => {
  const desktop = await startScriptedDesktop()
  closing.push(() => desktop.stop())
  expect((await checkAt(desktop.url)).find('desktop.websocket').state).toBe('ok')
  desktop.refuseStreams(true)
  expect((await checkAt(desktop.url)).find('desktop.websocket')).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('answers 403; expected 101'),
  })
})

it('a further server is checked for its connection', async () => {
  const desktop = await startDesktop()
  const folder = makeTemporaryFolder('ghostwire-check')
  closing.push(() => folder.remove())
  const file = `${folder.path}/gateway.yaml`
  const audio = `https://127.0.0.1:${await freePort()}`
  writeFileSync(file, `desktop:\n  routes:\n    - {path: /audio, url: '${audio}', role: view}\n`)
  const { find } = await checkAt(desktop.url, { GATEWAY_CONFIG: file })
  expect(find('route.reachable', '/audio')).toMatchObject({
    state: 'failed',
    message: expect.stringContaining(audio),
  })
})
