// What people do during a sign-in: open several tabs, go back, click twice, use bookmarks. They always reach a useful page.
// In a real browser, with a real provider.

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  launchBrowser,
  launchBrowserThatBlocksCookies,
  SMALL,
  type TestBrowser,
} from '../support/browser.ts'
import { fillIn, pressButton, readOwnPage } from '../support/browser-person.ts'
import { startLiveStack, type LiveStack } from '../support/live-stack.ts'

const TARGET = '/?scale=fit'
const TEN_MINUTES_MS = 600_000

let browser: TestBrowser
let stack: LiveStack
let origin: string
const clock = { ahead: 0 }
/** What the provider does before it sends tokens. */
let beforeTokens = async (): Promise<void> => {}
const contexts: BrowserContext[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  stack = await startLiveStack({
    gateway: { now: () => Date.now() + clock.ahead },
    provider: {
      configuration: {
        async issueRefreshToken() {
          await beforeTokens()
          return true
        },
      },
    },
  })
  origin = stack.gateway.origin
})
afterEach(async () => {
  clock.ahead = 0
  beforeTokens = async () => {}
  for (const context of contexts.splice(0)) await context.close()
})
afterAll(async () => {
  await stack.stop()
  await browser.close()
})

async function newPage(): Promise<Page> {
  const page = await browser.newPage(SMALL)
  contexts.push(page.context())
  return page
}

/** The page is the desktop, at exactly this address. */
async function isAt(page: Page, path: string): Promise<void> {
  await page.waitForSelector('html[data-desktop="connected"]')
  expect(page.url()).toBe(origin + path)
}

/** The next authorization response that the browser sends to the gateway. */
const nextCallback = async (page: Page): Promise<string> =>
  (await page.waitForRequest('**/oauth2/callback?*')).url()

async function fillInOnly(page: Page): Promise<void> {
  await page.fill('input[name="username"]', 'alice')
  await page.fill('input[name="password"]', 'alice')
}

/** A page that explains what happened, with a request ID and one button to continue. */
const oneWayOn = (button: string): object => ({ buttons: [button], hasRequestId: true })

const logins = (): number => stack.gateway.audit('login').length

describe('several tabs that wait for a sign-in', () => {
  const targets = ['/?tab=1', '/?tab=2', '/?tab=3'] as const
  let tabs: Page[]

  async function openTabs(): Promise<void> {
    const first = await newPage()
    tabs = [first, await first.context().newPage(), await first.context().newPage()]
    for (const [at, tab] of tabs.entries()) await tab.goto(origin + targets[at])
  }

  it('each reach their own page when they sign in one after the other', async () => {
    await openTabs()
    for (const [at, tab] of tabs.entries()) {
      await tab.bringToFront()
      await fillIn(tab)
      await isAt(tab, targets[at] ?? '')
    }
    // The other sign-ins keep the session of the first one, so no tab loses its stream.
    for (const tab of tabs) expect(await tab.getAttribute('html', 'data-desktop')).toBe('connected')
  })

  it('each reach their own page when they sign in at the same moment', async () => {
    await openTabs()
    for (const tab of tabs) await fillInOnly(tab)
    const submit = `document.querySelector('form').requestSubmit()`
    await Promise.all(tabs.map((tab) => tab.evaluate(submit)))
    for (const [at, tab] of tabs.entries()) {
      await tab.waitForURL(origin + targets[at])
      await tab.bringToFront()
      await tab.reload()
      await isAt(tab, targets[at] ?? '')
    }
  })
})

it('the back button after a sign-in leads to the provider’s used form, then to our button, and both still lead to the desktop', async () => {
  const page = await newPage()
  await page.goto(`${origin}/oauth2/sign_in?rd=${encodeURIComponent(TARGET)}`)
  await pressButton(page)
  await fillIn(page)
  await isAt(page, TARGET)

  await page.goBack()
  expect(await page.textContent('h1')).toBe('Signed in already')
  await page.goForward()
  await isAt(page, TARGET)
  await page.goBack()
  await pressButton(page)
  await isAt(page, '/')

  await page.goBack()
  await page.goBack()
  const expected = { buttons: ['Go to the desktop'], hasRequestId: false }
  expect(await readOwnPage(page, 'You are already signed in')).toEqual(expected)
  await pressButton(page)
  await isAt(page, TARGET)
})

describe('a bookmark of the callback', () => {
  async function signInAndBookmark(): Promise<{ page: Page; bookmark: string }> {
    const page = await newPage()
    await page.goto(origin + TARGET)
    const [bookmark] = await Promise.all([nextCallback(page), fillIn(page)])
    await isAt(page, TARGET)
    return { page, bookmark }
  }

  it('leads a signed-in person to the desktop, also the next day', async () => {
    const { page, bookmark } = await signInAndBookmark()
    const before = logins()
    await page.goto(bookmark)
    await isAt(page, '/')
    clock.ahead = TEN_MINUTES_MS + 1
    await page.goto(bookmark)
    await isAt(page, '/')
    expect(logins()).toBe(before)
  })

  it('leads anybody else to a page with a button to sign in', async () => {
    const { bookmark } = await signInAndBookmark()
    const page = await newPage()
    const answer = await page.goto(bookmark)
    expect(answer?.status()).toBe(400)
    const expected = oneWayOn('Go to the desktop')
    expect(await readOwnPage(page, 'This sign-in is already complete')).toEqual(expected)
    await pressButton(page)
    await fillIn(page)
    await isAt(page, '/')
  })
})

describe('an impatient person', () => {
  it('who clicks twice at the provider is signed in once', async () => {
    const page = await newPage()
    await page.goto(origin + TARGET)
    await fillInOnly(page)
    const before = logins()
    await page.dblclick('button')
    await isAt(page, TARGET)
    expect(logins()).toBe(before + 1)
  })

  it('who repeats the callback, and so loses the first answer, reaches the desktop with one click', async () => {
    const page = await newPage()
    await page.goto(origin + TARGET)
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    beforeTokens = () => {
      asked.resolve()
      return answered.promise
    }
    const filled = fillIn(page)
    const callback = await nextCallback(page)
    await asked.promise
    await page.goto(callback)
    answered.resolve()
    await filled
    const expected = oneWayOn('Go to the desktop')
    expect(await readOwnPage(page, 'This sign-in is already complete')).toEqual(expected)
    await pressButton(page)
    await isAt(page, '/')
  })
})

describe('a provider’s form that was left open for more than ten minutes', () => {
  it.each([
    ['in a browser that still has the cookie', true, TARGET],
    ['in a browser where the cookie has expired', false, '/'],
  ])('is explained, and the person can continue, %s', async (_, keepsCookie, target) => {
    const page = await newPage()
    await page.goto(origin + TARGET)
    clock.ahead = TEN_MINUTES_MS + 1
    if (!keepsCookie) await page.context().clearCookies({ name: /-login-/ })
    await fillIn(page)
    const expected = oneWayOn('Sign in again')
    expect(await readOwnPage(page, 'The sign-in took too long')).toEqual(expected)
    await pressButton(page)
    await isAt(page, target)
  })
})

it('a browser that blocks our cookies gets an explanation at each attempt, and no redirect loop', async () => {
  const context = await launchBrowserThatBlocksCookies(origin)
  contexts.push(context)
  const page = await context.newPage()
  await page.goto(origin + TARGET)
  await fillIn(page)
  const expected = oneWayOn('Sign in again')
  expect(await readOwnPage(page, 'The sign-in could not be finished')).toEqual(expected)
  expect(await page.textContent('main')).toContain('Cookies are blocked. Allow them for this site.')
  expect(await context.cookies(origin)).toEqual([])
  await Promise.all([nextCallback(page), pressButton(page)])
  expect(await readOwnPage(page, 'The sign-in could not be finished')).toEqual(expected)
})
