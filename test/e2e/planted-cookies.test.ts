// A sibling host (evil.corp.test beside desk.corp.test) plants cookies for the parent domain. Browsers do not treat a name with
// byte A0 in front as a `__Host-` name, so they accept and send it. The gateway must not read it as its own cookie.

import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startPaintedDesktop } from '../../demo/painted-desktop.ts'
import { alice } from '../../demo/people.ts'
import type { RunningProvider } from '../../demo/provider.ts'
import { launchBrowser, SMALL, type TestBrowser } from '../support/browser.ts'
import { fillIn } from '../support/browser-person.ts'
import { createCertificate } from '../support/certificate.ts'
import { freePort, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { DESKTOP_CREDENTIALS, liveEnvironment, type LiveDesktop } from '../support/live-stack.ts'
import { startTestProvider } from '../support/op.ts'

const carol = { ...alice, username: 'carol', password: 'carol', name: 'Carol Attacker' }
const SESSION = '__Host-ghostwire'

let origin: string
let browser: TestBrowser
let gateway: TestGateway
let provider: RunningProvider
let desktop: LiveDesktop
let folder: string
const servers: Server[] = []
/** The header that the sibling host answers with. */
let planted = ''
const evil: Record<'http' | 'https', string> = { http: '', https: '' }
const contexts: BrowserContext[] = []

beforeAll(async () => {
  const certificate = createCertificate()
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-planted-'))
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  writeFileSync(certFile, certificate.cert)
  writeFileSync(keyFile, certificate.key)
  origin = `https://desk.corp.test:${await freePort()}`
  provider = await startTestProvider(origin, { people: [alice, carol] })
  desktop = await startPaintedDesktop({ credentials: DESKTOP_CREDENTIALS })
  gateway = await startTestGateway({
    ...liveEnvironment(origin, provider.issuer, desktop.url),
    GATEWAY_TLS_CERT_FILE: certFile,
    GATEWAY_TLS_KEY_FILE: keyFile,
  })
  await gateway.ready()
  const plant: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': planted }).end('hello')
  }
  for (const scheme of ['http', 'https'] as const) {
    const server =
      scheme === 'http' ? createHttpServer(plant) : createHttpsServer(certificate, plant)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    evil[scheme] = `${scheme}://evil.corp.test:${(server.address() as AddressInfo).port}/`
  }
  browser = await launchBrowser(['--host-resolver-rules=MAP *.corp.test 127.0.0.1'])
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
})
afterAll(async () => {
  await browser.close()
  for (const server of servers) server.close()
  await gateway.stop()
  await Promise.all([provider.stop(), desktop.stop()])
  rmSync(folder, { recursive: true })
})

async function newPage(): Promise<Page> {
  const page = await browser.newPage({ ...SMALL, ignoreHTTPSErrors: true })
  contexts.push(page.context())
  return page
}

async function signIn(page: Page, username: string): Promise<void> {
  await page.goto(origin)
  await fillIn(page, username)
  await page.waitForURL(`${origin}/`)
}

/** Visits the sibling host, and checks that the browser keeps its cookie for the gateway's host. */
async function visitSibling(
  page: Page,
  scheme: 'http' | 'https',
  cookie: { readonly name: string; readonly value: string; readonly path: string },
): Promise<void> {
  planted = `\u00a0${cookie.name}=${cookie.value}; Domain=corp.test; Path=${cookie.path}`
  await page.goto(evil[scheme])
  const kept = await page.context().cookies(`${origin}${cookie.path}`)
  const foreign = kept.filter(
    ({ domain, value }) => domain === '.corp.test' && value === cookie.value,
  )
  expect(foreign).toHaveLength(1)
}

/** The person that the gateway recognises; otherwise the status of its answer. */
async function subOf(page: Page): Promise<unknown> {
  const answer = await page.goto(`${origin}/oauth2/userinfo`)
  return answer?.status() === 200
    ? ((await answer.json()) as { sub: string }).sub
    : answer?.status()
}

async function attackersSession(): Promise<string> {
  const page = await newPage()
  await signIn(page, carol.username)
  const cookies = await page.context().cookies(origin)
  return cookies.find(({ name }) => name === SESSION)?.value ?? ''
}

describe.each(['http', 'https'] as const)(
  'a session cookie that a sibling host plants over %s',
  (scheme) => {
    it.each(['/', '/oauth2/userinfo'])('for path %s signs nobody in', async (path) => {
      const value = await attackersSession()
      const page = await newPage()
      await visitSibling(page, scheme, { name: SESSION, value, path })
      expect(await subOf(page)).toBe(401)
    })

    it.each(['/', '/websockify'])(
      'for path %s leaves a signed-in person their own stream',
      async (path) => {
        const value = await attackersSession()
        const page = await newPage()
        await signIn(page, alice.username)
        await visitSibling(page, scheme, { name: SESSION, value, path })
        const before = gateway.audit('tunnel_opened').length
        await page.goto(origin)
        await expect
          .poll(() => gateway.audit('tunnel_opened').length, { timeout: 10_000 })
          .toBeGreaterThan(before)
        for (const { sub } of gateway.audit('tunnel_opened').slice(before))
          expect(sub).toBe('alice')
        expect(await subOf(page)).toBe('alice')
      },
    )
  },
)

/** A sign-in of the attacker's up to the authorization response, which they keep: its address, and the cookie of the attempt. */
async function attackersAttempt(): Promise<{ callback: string; name: string; value: string }> {
  const page = await newPage()
  await signIn(page, carol.username)
  // Playwright's own interception does not see redirects.
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('Fetch.enable', { patterns: [{ urlPattern: '*/oauth2/callback*' }] })
  const kept = new Promise<string>((resolve) => {
    devTools.once('Fetch.requestPaused', ({ requestId, request }) => {
      resolve(request.url)
      void devTools.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' })
    })
  })
  // Single sign-on answers without a form.
  await page.goto(`${origin}/oauth2/start`).catch(() => {})
  const callback = await kept
  const cookies = await page.context().cookies(origin)
  const login = cookies.find(({ name }) => /-login-[0-9a-z]{14}$/.test(name))
  return { callback, name: login?.name ?? '', value: login?.value ?? '' }
}

describe.each(['http', 'https'] as const)(
  'the login state of an attacker that a sibling host plants over %s',
  (scheme) => {
    it.each(['/', '/oauth2/callback'])(
      'for path %s does not sign the person in as the attacker',
      async (path) => {
        const { callback, name, value } = await attackersAttempt()
        expect(value).not.toBe('')
        const page = await newPage()
        await visitSibling(page, scheme, { name, value, path })
        const answer = await page.goto(callback)
        expect(answer?.status()).toBe(400)
        expect(await subOf(page)).toBe(401)
      },
    )

    it('does not sign out a person who is signed in', async () => {
      const { callback, name, value } = await attackersAttempt()
      const page = await newPage()
      await signIn(page, alice.username)
      await visitSibling(page, scheme, { name, value, path: '/' })
      await page.goto(callback)
      expect(await subOf(page)).toBe('alice')
    })
  },
)
