// A page of the desktop sets so many cookies that the gateway can no longer read this browser's requests. The gateway's answer
// is a page that helps. In a real browser.

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, SMALL, type TestBrowser } from '../support/browser.ts'
import { fillIn } from '../support/browser-person.ts'
import { startLiveStack, type LiveStack } from '../support/live-stack.ts'

const TITLE = 'Too many cookies'

let browser: TestBrowser
let stack: LiveStack
const contexts: BrowserContext[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  stack = await startLiveStack()
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
})
afterAll(async () => {
  await stack.stop()
  await browser.close()
})

async function atTheDesktop(path: string): Promise<Page> {
  const page = await browser.newPage(SMALL)
  contexts.push(page.context())
  await page.goto(stack.gateway.origin + path)
  await fillIn(page, 'alice')
  await page.waitForSelector('html[data-desktop="connected"]')
  return page
}

/** Sets eight cookies of 3.9 kB, as a script of the desktop's page can. */
async function fillCookieJar(page: Page, attributes: string): Promise<void> {
  for (let i = 0; i < 8; i++) {
    const cookie = `filler-${i}=${'x'.repeat(3_900)}; Max-Age=31536000${attributes}`
    await page.evaluate(`document.cookie = ${JSON.stringify(cookie)}`)
  }
}

describe.each([
  ['for the whole host', '/', '; Path=/'],
  ['for the path of one page', '/index.html', '; Path=/index.html'],
])('a browser that sends 31 kB of cookies %s', (_, path, attributes) => {
  it('gets a page whose button removes them, and the person is still signed in', async () => {
    const page = await atTheDesktop(path)
    await fillCookieJar(page, attributes)
    const logins = stack.gateway.audit('login').length
    const answer = await page.reload()
    expect(answer?.status()).toBe(431)
    expect(await page.textContent('h1')).toBe(TITLE)
    await page.click('.button')
    await page.waitForSelector('html[data-desktop="connected"]')
    const names = (await page.context().cookies()).map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('filler'))).toEqual([])
    expect(stack.gateway.audit('login')).toHaveLength(logins)
  })
})
