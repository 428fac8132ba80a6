// When a session ends, the person at the desktop loses the picture at once, sees why, and can sign in again with one
// click. In a real browser, with a desktop whose picture changes all the time.

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { alice, type Person } from '../../demo/people.ts'
import { startXDesktop } from '../../demo/x-desktop.ts'
import { launchBrowser, SMALL, type TestBrowser } from '../support/browser.ts'
import { fillIn, pressButton, readOwnPage, signOutAtProvider } from '../support/browser-person.ts'
import {
  DESKTOP_CREDENTIALS,
  revoke,
  startLiveStack,
  type LiveStack,
  type LiveStackOptions,
} from '../support/live-stack.ts'
import {
  expectMovingPicture,
  expectPictureEnds,
  watchedSocket,
  watchSockets,
} from '../support/picture.ts'

/** Types of RFB messages, browser to desktop (RFC 6143 7.5; the others: the community's rfbproto). */
const FENCE = 248
/** Key, pointer, and a key with its scan code, which TigerVNC asks for. */
const INPUT = [4, 5, 255]

let browser: TestBrowser
const contexts: BrowserContext[] = []
let stack: LiveStack
beforeAll(async () => {
  browser = await launchBrowser()
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
})
afterAll(() => browser.close())

const origin = (): string => stack.gateway.origin

async function signIn(): Promise<Page> {
  const page = await browser.newPage(SMALL)
  contexts.push(page.context())
  await watchSockets(page.context())
  await page.goto(origin())
  await fillIn(page)
  return page
}

async function reachDesktop(): Promise<Page> {
  const page = await signIn()
  await expectBack(page)
  return page
}

async function expectBack(page: Page): Promise<void> {
  await expectMovingPicture(page)
  expect(page.url()).toBe(`${origin()}/`)
}

/** From the page without the picture, by the link it offers, to the gateway's page with the reason and one button. */
async function reload(page: Page, heading: string): Promise<void> {
  await page.bringToFront()
  // The panel's message covers that of the client: see test/e2e/panel.test.ts.
  await page.reload()
  const expected = { buttons: ['Sign in again'], hasRequestId: false }
  expect(await readOwnPage(page, heading)).toEqual(expected)
}

describe('the picture disappears at once, and one click starts a new sign-in, after', () => {
  beforeAll(async () => {
    stack = await startLiveStack()
  })
  afterAll(() => stack.stop())

  it('the provider’s back-channel logout', async () => {
    const page = await reachDesktop()
    const elsewhere = await page.context().newPage()
    await elsewhere.goto(`${stack.provider.issuer}/session/end`)
    const causedAt = Date.now()
    await signOutAtProvider(elsewhere)
    await expectPictureEnds(page, { code: 4401, reason: 'provider-logout', causedAt })
    await reload(page, 'You are signed out')
    await pressButton(page)
    // The provider's session has ended too.
    await fillIn(page)
    await expectBack(page)
  })

  it('an end by an administrator', async () => {
    const page = await reachDesktop()
    const id = stack.gateway.audit('login').at(-1)?.['session']
    const causedAt = Date.now()
    expect(await revoke(stack.gateway.admin, `/sessions/${String(id)}`)).toBe(1)
    await expectPictureEnds(page, { code: 4401, reason: 'revoked', causedAt })
    await reload(page, 'Your session was ended')
    // The session ended, but the person is not banned: the provider still has its session.
    await pressButton(page)
    await expectBack(page)
  })

  it('a sign-out in another tab', async () => {
    const page = await reachDesktop()
    const other = await page.context().newPage()
    await other.goto(`${origin()}/oauth2/sign_out`)
    const causedAt = Date.now()
    await pressButton(other)
    await expectPictureEnds(page, { code: 4401, reason: 'signed-out', causedAt })
    await signOutAtProvider(other)
    await other.waitForURL(`${origin()}/oauth2/sign_in?reason=signed-out&state=*`)
    // No cookie is left that could tell why. The browser goes straight to the provider, which asks for the password.
    await page.bringToFront()
    // The panel's message covers that of the client: see test/e2e/panel.test.ts.
    await page.reload()
    await fillIn(page)
    await expectBack(page)
  })
})

describe('the picture disappears on time, and one click starts a new sign-in, after', () => {
  async function start(options: LiveStackOptions): Promise<void> {
    stack = await startLiveStack(options)
  }
  afterEach(() => stack.stop())

  it('a removal from the group, once the provider is asked again', async () => {
    const people: Person[] = [alice]
    await start({
      environment: { GATEWAY_SESSION_REVALIDATE_EVERY: '2s' },
      provider: { people },
    })
    const page = await reachDesktop()
    people[0] = { ...alice, groups: [] }
    const causedAt = Date.now()
    const knownBy = causedAt + 2_000
    await expectPictureEnds(page, { code: 4403, reason: 'access-withdrawn', causedAt, knownBy })
    await reload(page, 'Your access has ended')
    await pressButton(page)
    const denied = { buttons: ['Use another account'], hasRequestId: true }
    expect(await readOwnPage(page, 'No access to this desktop')).toEqual(denied)
    // After the administrator restores the group, the earlier refusal has no effect.
    people[0] = alice
    await page.goto(origin())
    await expectBack(page)
  })

  it('the idle timeout, even while the desktop sends video and the browser answers it', async () => {
    const idleTimeout = 3_000
    const desktop = await startXDesktop({ credentials: DESKTOP_CREDENTIALS })
    await start({ desktop, environment: { GATEWAY_SESSION_IDLE_TIMEOUT: `${idleTimeout}ms` } })
    const page = await signIn()
    await page.waitForSelector('canvas')
    await page.keyboard.type('while sleep .05; do date +%N; done\n')
    await expectMovingPicture(page)
    const isInput = ({ type }: { type: number }): boolean => INPUT.includes(type)
    const lastInput = (await watchedSocket(page)).sent.findLast(isInput)
    const causedAt = (lastInput?.at ?? Number.NaN) + idleTimeout
    const { sent } = await expectPictureEnds(page, { code: 4401, reason: 'idle', causedAt })
    expect(sent.findLast(isInput)).toEqual(lastInput)
    const fences = sent.slice(sent.findLastIndex(isInput)).filter(({ type }) => type === FENCE)
    expect(fences.length).toBeGreaterThan(10)
    await reload(page, 'Welcome back')
    await pressButton(page)
    // The person there now must sign in with the password.
    await fillIn(page)
    await expectMovingPicture(page)
  })

  it('the end of the session’s maximum lifetime', async () => {
    await start({
      gateway: { settings: (s) => ({ ...s, session: { ...s.session, maxLifetime: 4_000 } }) },
    })
    const page = await reachDesktop()
    const { expiresAt } = (await page.evaluate(
      `fetch('/oauth2/userinfo').then((answer) => answer.json())`,
    )) as { expiresAt: string }
    const causedAt = Date.parse(expiresAt)
    await expectPictureEnds(page, { code: 4401, reason: 'expired', causedAt })
    await reload(page, 'Your session has ended')
    await pressButton(page)
    await expectBack(page)
  })
})
