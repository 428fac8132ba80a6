// A real Chromium for the tests, driven by playwright-core, which brings no browser of its own.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'

export interface TestBrowser {
  readonly browser: Browser
  /** A page in a context of its own, which shares no cookies, cache or storage. */
  newPage(options?: BrowserContextOptions): Promise<Page>
  close(): Promise<void>
}

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  // Without these options, HTTP/3 or the browser's own requests would disturb the tests.
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A small window, because the desktop's picture is drawn without a graphics card. */
export const SMALL = { viewport: { width: 640, height: 400 } }

/** Chromium's `ContentSetting`. */
const BLOCK = 2

/** Debian's Chromium, or the one that `CHROMIUM` names, with a new profile in a temporary folder. Fails if there is none. */
export async function launchBrowser(extraArguments: readonly string[] = []): Promise<TestBrowser> {
  const executablePath = findChromium()
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [...ARGUMENTS, ...extraArguments],
  })
  return {
    browser,
    async newPage(options) {
      const context = await browser.newContext(options)
      return context.newPage()
    },
    close: () => browser.close(),
  }
}

/** A browser in whose settings the cookies of `origin` are blocked, and no others. */
export async function launchBrowserThatBlocksCookies(origin: string): Promise<BrowserContext> {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-browser-'))
  mkdirSync(join(folder, 'Default'))
  const exceptions = { cookies: { [`${origin},*`]: { setting: BLOCK } } }
  const preferences = { profile: { content_settings: { exceptions } } }
  writeFileSync(join(folder, 'Default', 'Preferences'), JSON.stringify(preferences))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: findChromium(),
    headless: true,
    args: ARGUMENTS,
  })
  // The browser's helpers still write while they end.
  context.once('close', () =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  )
  return context
}

function findChromium(): string {
  const wanted = process.env['CHROMIUM']
  const path = wanted ?? '/usr/bin/chromium'
  if (existsSync(path)) return path
  const missing =
    wanted === undefined ? 'There is no Chromium' : `CHROMIUM names ${wanted}, which does not exist`
  throw new Error(
    `${missing}: run \`apt-get install chromium\`, or set CHROMIUM to the path of a Chromium or Chrome`,
  )
}
