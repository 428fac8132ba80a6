// Creates the pictures in README.md from the demo: `npm run pictures`. Uses Chromium at a fixed size and the painted desktop,
// so that they look the same on every machine.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { startDemo } from '../demo/demo.ts'
import { fillIn } from '../test/support/browser-person.ts'
import { launchBrowser } from '../test/support/browser.ts'

const FOLDER = new URL('../docs/images/', import.meta.url)
/** The same proportions as the painted desktop. */
const DESKTOP_SIZE = { width: 1000, height: 625 }
const PAGE_SIZE = { width: 1000, height: 420 }
/** The tab of the panel, at the middle of the upper edge. */
const TAB = { x: DESKTOP_SIZE.width / 2, y: 6 }
/** Enough time for the panel to open and the desktop to paint. */
const SETTLE_MS = 1_500

async function take(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(SETTLE_MS)
  const picture = await page.screenshot()
  writeFileSync(new URL(name, FOLDER), picture)
  console.log(`docs/images/${name}  ${Math.round(picture.length / 1_000)} kB`)
}

async function reachDesktop(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await fillIn(page, 'alice')
  await page.waitForSelector('html[data-desktop="connected"]')
}

mkdirSync(fileURLToPath(FOLDER), { recursive: true })
const browser = await launchBrowser()
// Without a PATH the demo finds no X server and paints its own desktop.
delete process.env['PATH']
const demo = await startDemo({ port: 0, kasmvnc: undefined })
try {
  const page = await browser.newPage({ viewport: PAGE_SIZE, colorScheme: 'light' })
  await page.goto(`${demo.publicUrl}/oauth2/sign_in`)
  await take(page, 'sign-in.png')

  await page.setViewportSize(DESKTOP_SIZE)
  await reachDesktop(page, demo.publicUrl)
  await page.locator('canvas').click({ position: { x: 250, y: 300 } })
  await page.keyboard.type('echo "one URL, one sign-in"\n')
  await page.mouse.click(TAB.x, TAB.y)
  await take(page, 'desktop.png')

  await page.setViewportSize(PAGE_SIZE)
  // The same person signs out in another tab.
  const other = await page.context().newPage()
  await other.goto(`${demo.publicUrl}/oauth2/sign_out`)
  await other.getByRole('button').click()
  await other.waitForLoadState()
  await take(page, 'end.png')
} finally {
  await browser.close()
  await demo.stop()
}
