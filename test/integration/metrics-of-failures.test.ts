// What the metrics say when something fails: ghostwire_requests_failed_total, _up, _tunnels_stalled, and ends of certificates.

import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { startKasmVncStandIn } from '../support/kasmvnc-stand-in.ts'
import { NAVIGATION, Person } from '../support/person.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn } from '../support/signed-in.ts'
import { startStack, type Stack, type StackOptions } from '../support/stack.ts'

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function start(options: StackOptions = {}): Promise<Stack> {
  const stack = await startStack(options)
  endings.push(() => stack.stop())
  return stack
}

const failed = ({ gateway }: Stack, kind: string): Promise<number> =>
  metric(gateway, 'ghostwire_requests_failed_total', { kind })

it('every page and file that could not be given is counted by its kind', async () => {
  const stack = await start()
  const { gateway, desktop } = stack
  const all = (): Promise<number> => metric(gateway, 'ghostwire_requests_failed_total')
  const { origin } = gateway
  const alice = await signIn(gateway)
  expect((await alice.ask('GET /vnc.html')).status).toBe(200)
  expect(await all()).toBe(0)

  await alice.ask('GET /api/get_users')
  expect(await failed(stack, 'owner-only')).toBe(1)
  await alice.ask('DELETE /vnc.html')
  expect(await failed(stack, 'method-not-allowed')).toBe(1)
  await new Person().visit(`${origin}/oauth2/nothing-here`)
  expect(await failed(stack, 'not-found')).toBe(1)
  await new Person().visit(`${origin}/oauth2/callback?state=x`)
  expect(await failed(stack, 'login-invalid')).toBe(1)
  const mallory = new Person()
  const back = await mallory.reachCallback(`${origin}/oauth2/start`, 'mallory')
  expect((await mallory.visit(back.location as URL)).status).toBe(403)
  expect(await failed(stack, 'no-rule-matches')).toBe(1)
  expect(await all()).toBe(5)

  await desktop.stop()
  await alice.ask('GET /app/new.js')
  await alice.ask('GET /', ...Object.entries(NAVIGATION).map((field) => field.join(': ')))
  expect(await failed(stack, 'desktop-unreachable')).toBe(2)
  expect(await metric(gateway, 'ghostwire_desktop_up')).toBe(0)
})

it('a desktop that has refused the credentials is down', async () => {
  const users = [{ name: 'kasm_user', password: 'other', permissions: 'w' }]
  const { gateway } = await start({ desktop: { users } })
  expect((await (await signIn(gateway)).ask('GET /vnc.html')).status).toBe(502)
  expect(await metric(gateway, 'ghostwire_desktop_up')).toBe(0)
  const { body } = await fetch(`${gateway.admin}/readyz`).then(async (answer) => ({
    body: (await answer.json()) as { parts: unknown },
  }))
  expect(body.parts).toMatchObject({ desktop: 'down' })
})

it('a desktop with a certificate that is not trusted is down', async () => {
  const desktop = await startKasmVncStandIn({ tls: createCertificate(), sslOnly: true })
  endings.push(() => desktop.stop())
  const environment = { GATEWAY_DESKTOP_URL: desktop.url.origin }
  const { gateway } = await start({ environment })
  expect(await metric(gateway, 'ghostwire_desktop_up')).toBe(0)
})

it('the ends of the certificates of listener and desktop are known', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  endings.push(() => rm(folder, { recursive: true }))
  const own = createCertificate()
  const files = {
    GATEWAY_TLS_CERT_FILE: join(folder, 'crt'),
    GATEWAY_TLS_KEY_FILE: join(folder, 'key'),
  }
  await writeFile(files.GATEWAY_TLS_CERT_FILE, own.cert)
  await writeFile(files.GATEWAY_TLS_KEY_FILE, own.key)
  const kasm = createCertificate()
  const desktop = await startKasmVncStandIn({ tls: kasm, sslOnly: true })
  endings.push(() => desktop.stop())
  const { gateway } = await start({
    environment: {
      ...files,
      GATEWAY_DESKTOP_URL: desktop.url.origin,
      GATEWAY_DESKTOP_TLS_INSECURE: 'true',
    },
  })
  for (const [name, { cert }] of Object.entries({ listener: own, desktop: kasm })) {
    const end = new X509Certificate(cert).validToDate.getTime() / 1_000
    expect(await metric(gateway, 'ghostwire_certificate_expiry_timestamp_seconds', { name })).toBe(
      end,
    )
  }
})

it(
  'a stream whose browser takes no bytes for five seconds is stalled, until it takes them',
  { timeout: 30_000 },
  async () => {
    const { gateway, desktop } = await start()
    const stalled = (): Promise<number> => metric(gateway, 'ghostwire_tunnels_stalled')
    const client = await (await signIn(gateway)).open()
    const [tunnel] = desktop.tunnels
    if (tunnel === undefined) throw new Error('no tunnel')
    client.socket.pause()
    for (let megabytes = 0; megabytes < 24; megabytes += 1)
      desktop.send(tunnel, Buffer.alloc(1_048_576))
    expect(await stalled()).toBe(0)
    await expect.poll(stalled, { timeout: 15_000, interval: 250 }).toBe(1)
    client.socket.resume()
    await expect.poll(stalled, { timeout: 5_000 }).toBe(0)
  },
)
