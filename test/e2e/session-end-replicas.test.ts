// Two gateway processes with one real Redis, behind one address. The picture comes through one of them, and the other one
// receives the end of the session.

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { alice, type Person } from '../../demo/people.ts'
import { startPaintedDesktop } from '../../demo/painted-desktop.ts'
import type { RunningProvider } from '../../demo/provider.ts'
import { launchBrowser, SMALL, type TestBrowser } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { fillIn, pressButton, readOwnPage, signOutAtProvider } from '../support/browser-person.ts'
import { freePort } from '../support/gateway.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { DESKTOP_CREDENTIALS, liveEnvironment, revoke } from '../support/live-stack.ts'
import { startLoadBalancer } from '../support/load-balancer.ts'
import { startTestProvider } from '../support/op.ts'
import { expectMovingPicture, expectPictureEnds, watchSockets } from '../support/picture.ts'
import { startRedis } from '../support/redis-server.ts'

const REVALIDATE_EVERY_MS = 2_000

const people: Person[] = [alice]
const endings: (() => Promise<void>)[] = []
let browser: TestBrowser
let context: BrowserContext
let provider: RunningProvider
let origin: string
/** Carries the stream. It revalidates so rarely that it does not find out by itself. */
let withTunnel: GatewayProcess
/** Gets every request. */
let other: GatewayProcess

beforeAll(async () => {
  const publicPort = await freePort()
  origin = `http://localhost:${publicPort}`
  const [redis, desktop] = await Promise.all([
    startRedis(),
    startPaintedDesktop({ credentials: DESKTOP_CREDENTIALS }),
  ])
  endings.push(
    () => redis.remove(),
    () => desktop.stop(),
  )
  provider = await startTestProvider(origin, { people })
  endings.push(() => provider.stop())
  browser = await launchBrowser()
  endings.push(() => browser.close())
  const start = async (revalidateEvery: string): Promise<GatewayProcess> =>
    startGatewayProcess({
      ...liveEnvironment(origin, provider.issuer, desktop.url),
      GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
      GATEWAY_SESSION_STORE: redis.url,
      GATEWAY_SESSION_REVALIDATE_EVERY: revalidateEvery,
    })
  const replicas = await Promise.all([start('1h'), start(`${REVALIDATE_EVERY_MS}ms`)])
  ;[withTunnel, other] = replicas
  endings.push(...replicas.map((replica) => () => replica.stop()))
  const balancer = await startLoadBalancer(publicPort, {
    webSockets: withTunnel.publicPort,
    everythingElse: other.publicPort,
  })
  endings.push(() => balancer.stop())
})
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})

let page: Page
let opened: number
beforeEach(async () => {
  people[0] = alice
  opened = withTunnel.audit('tunnel_opened').length
  page = await browser.newPage(SMALL)
  context = page.context()
  await watchSockets(context)
  await page.goto(origin)
  await fillIn(page)
  await expectMovingPicture(page)
})
afterEach(async () => {
  // As intended: one replica carried the stream, the other received the end.
  expect(withTunnel.audit('tunnel_opened').length).toBeGreaterThan(opened)
  expect(other.audit('tunnel_opened')).toEqual([])
  expect(withTunnel.audit('session_ended')).toEqual([])
  await context.close()
})

async function reload(heading: string): Promise<void> {
  await page.bringToFront()
  await page.reload()
  expect((await readOwnPage(page, heading)).buttons).toEqual(['Sign in again'])
}

it('the provider’s back-channel logout', async () => {
  const elsewhere = await context.newPage()
  await elsewhere.goto(`${provider.issuer}/session/end`)
  const causedAt = Date.now()
  await signOutAtProvider(elsewhere)
  await expectPictureEnds(page, { code: 4401, reason: 'provider-logout', causedAt })
  await reload('You are signed out')
  await pressButton(page)
  await fillIn(page)
  await expectMovingPicture(page)
})

it('an end by an administrator', async () => {
  const id = other.audit('login').at(-1)?.['session']
  const causedAt = Date.now()
  expect(await revoke(other.admin, `/sessions/${String(id)}`)).toBe(1)
  await expectPictureEnds(page, { code: 4401, reason: 'revoked', causedAt })
  await reload('Your session was ended')
  await pressButton(page)
  await expectMovingPicture(page)
})

it('a sign-out in another tab', async () => {
  const tab = await context.newPage()
  await tab.goto(`${origin}/oauth2/sign_out`)
  const causedAt = Date.now()
  await pressButton(tab)
  await expectPictureEnds(page, { code: 4401, reason: 'signed-out', causedAt })
  await signOutAtProvider(tab)
  await readOwnPage(tab, 'You are signed out')
  await page.bringToFront()
  await page.reload()
  await fillIn(page)
  await expectMovingPicture(page)
})

it('a removal from the group that a request reveals', async () => {
  people[0] = { ...alice, groups: [] }
  const causedAt = Date.now()
  const ask = `fetch('/desktop.css', { cache: 'no-store' }).then(({ status }) => status)`
  await eventually(async () => expect(await page.evaluate(ask)).toBe(401))
  const end = { code: 4403, reason: 'access-withdrawn', causedAt, knownBy: Date.now() }
  await expectPictureEnds(page, end)
  await reload('Your access has ended')
  await pressButton(page)
  await readOwnPage(page, 'No access to this desktop')
})
