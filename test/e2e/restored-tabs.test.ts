// A browser restores its tabs after a weekend. All of them sign in at the same moment, and the provider asks nothing. With
// ROUNDS=50 in the environment this repeats fifty times.

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, SMALL, type TestBrowser } from '../support/browser.ts'
import { fillIn } from '../support/browser-person.ts'
import { startStack, type Stack } from '../support/stack.ts'

const TABS = 10
const ROUNDS = Number(process.env['ROUNDS'] ?? 5)
const ROUND_TIMEOUT_MS = 20_000

let browser: TestBrowser
let stack: Stack
let context: BrowserContext
const tabs: Page[] = []

const addressOf = (tab: number): string => `${stack.gateway.origin}/vnc.html?tab=${tab}`

beforeAll(async () => {
  browser = await launchBrowser()
  stack = await startStack({ environment: { GATEWAY_LOGIN_LIMIT: 'off' } })
  const first = await browser.newPage(SMALL)
  context = first.context()
  await first.goto(addressOf(0))
  await fillIn(first)
  await first.waitForURL(addressOf(0))
  tabs.push(first)
  while (tabs.length < TABS) tabs.push(await context.newPage())
})
afterAll(async () => {
  await stack.stop()
  await browser.close()
})

/** Each tab's address and status in the end. */
function openAll(): Promise<{ url: string; status: number | undefined }[]> {
  return Promise.all(
    tabs.map(async (tab, index) => {
      const answer = await tab.goto(addressOf(index))
      return { url: tab.url(), status: answer?.status() }
    }),
  )
}

describe('ten tabs that are restored together, without a session', () => {
  it(
    `all arrive where they were, ${ROUNDS} times, and no session that a tab relies on is ended`,
    { timeout: ROUNDS * ROUND_TIMEOUT_MS },
    async () => {
      const arrived = tabs.map((_, index) => ({ url: addressOf(index), status: 200 }))
      for (let round = 0; round < ROUNDS; round++) {
        await context.clearCookies({ name: /^ghostwire/ })
        expect(await openAll(), `round ${round}`).toEqual(arrived)
        // The session in the cookie jar at the end is live for every tab.
        expect(await openAll(), `round ${round}, again`).toEqual(arrived)
      }
    },
  )
})
