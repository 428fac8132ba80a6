// The desktop's own web client behind the gateway, in a browser.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { startStack, type Stack } from '../support/stack.ts'

let browser: TestBrowser
let stack: Stack
beforeAll(async () => {
  browser = await launchBrowser()
  stack = await startStack({ environment: { GATEWAY_LOGIN_LIMIT: 'off' } })
})
afterAll(async () => {
  await browser.close()
  await stack.stop()
})

async function signIn(page: Page, path: string): Promise<void> {
  await page.goto(stack.gateway.origin + path)
  await page.fill('input[name="username"]', 'alice')
  await page.fill('input[name="password"]', 'alice')
  await page.press('input[name="password"]', 'Enter')
}

/** The files of the desktop's page that the browser has asked for, each with the bytes of its body on the wire. */
async function transfers(page: Page): Promise<[path: string, bytes: number][]> {
  const files = ['/app/images/icon.svg', '/app/styles/base.css', '/app/ui.js', '/core/raw.js']
  // The browser always adds 300 for the header (Resource Timing, "transferSize").
  const read = `performance.getEntriesByType('resource')
    .map(({ name, transferSize }) => [new URL(name).pathname, transferSize - 300])
    .filter(([path]) => ${JSON.stringify(files)}.includes(path))
    .sort()`
  // The page connects before its icon has loaded.
  let entries: [string, number][] = []
  await vi.waitFor(async () => {
    entries = (await page.evaluate(read)) as [string, number][]
    expect(entries.map(([path]) => path)).toEqual(files)
  }, 10_000)
  return entries
}

it('the second load of the page transfers no static file again', async () => {
  const page = await browser.newPage()
  await signIn(page, '/vnc.html')
  await page.waitForSelector('html[data-state="connected"]')
  const first = await transfers(page)
  expect(first.some(([, body]) => body > 0)).toBe(true)
  const requests = stack.desktop.requests.length

  await page.goto(`${stack.gateway.origin}/vnc.html`)
  await page.waitForSelector('html[data-state="connected"]')
  expect((await transfers(page)).filter(([, body]) => body > 0)).toEqual([])
  // Only the document and the stream were requested again.
  expect(stack.desktop.requests.length - requests).toBe(2)
  await page.context().close()
})

it('a link with a host parameter does not make the client connect to another server', async () => {
  let connections = 0
  const elsewhere = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
  const page = await browser.newPage()
  const stopped = page.waitForEvent('console', (message) =>
    message.text().includes('Content Security Policy'),
  )
  await signIn(page, `/vnc.html?host=${host}`)
  expect((await stopped).text()).toContain(`ws://${host}/websockify`)
  expect(connections).toBe(0)
  elsewhere.close()
  await page.context().close()
})
