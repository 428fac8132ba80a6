// A desktop that is not available yet, or no longer, as a person sees it in a browser.

import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { startKasmVncStandIn, type StandIn } from '../support/kasmvnc-stand-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

let browser: TestBrowser
let stack: Stack
let again: StandIn | undefined
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())
afterEach(async () => {
  await stack.stop()
  await again?.stop()
  again = undefined
})

async function signIn(page: Page, path: string): Promise<void> {
  await page.goto(stack.gateway.origin + path)
  await page.fill('input[name="username"]', 'alice')
  await page.fill('input[name="password"]', 'alice')
  await page.press('input[name="password"]', 'Enter')
}

const title = (page: Page): Promise<string> => page.locator('h1').innerText()

describe('while the desktop is away', () => {
  it('a page waits, and then opens the requested page automatically', async () => {
    stack = await startStack()
    const port = Number(stack.desktop.url.port)
    await stack.desktop.stop()
    const page = await browser.newPage({ viewport: { width: 1100, height: 800 } })
    const violations: string[] = []
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) violations.push(message.text())
    })
    await signIn(page, '/vnc.html?resize=remote')
    expect(await title(page)).toBe('Your desktop is not answering yet')
    const asked = page.waitForResponse(/\/oauth2\/desktop_status$/)
    expect(await (await asked).json()).toEqual({ state: 'starting' })
    expect(await title(page)).toBe('Your desktop is not answering yet')

    again = await startKasmVncStandIn({ port })
    await page.waitForSelector('html[data-state="connected"]', { timeout: 15_000 })
    expect(page.url()).toBe(`${stack.gateway.origin}/vnc.html?resize=remote`)
    expect(violations).toEqual([])
    await page.context().close()
  })

  it('the page also retries in a browser without scripts', async () => {
    stack = await startStack()
    const port = Number(stack.desktop.url.port)
    await stack.desktop.stop()
    const page = await browser.newPage({ javaScriptEnabled: false })
    await signIn(page, '/vnc.html')
    expect(await title(page)).toBe('Your desktop is not answering yet')
    again = await startKasmVncStandIn({ port })
    await page.locator('canvas').waitFor({ timeout: 15_000 })
    await page.context().close()
  })

  it('a person whose session ends meanwhile is asked to sign in instead of waiting', async () => {
    stack = await startStack()
    await stack.desktop.stop()
    const page = await browser.newPage()
    await signIn(page, '/')
    expect(await title(page)).toBe('Your desktop is not answering yet')
    await page.context().clearCookies()
    await page.waitForSelector('input[name="username"]', { timeout: 10_000 })
    await page.context().close()
  })
})
