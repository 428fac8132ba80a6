// The main use, as a person does it: open the URL, sign in, use a live desktop.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { fillIn } from '../support/browser-person.ts'
import { startDemoProcess, type DemoProcess } from '../support/demo-process.ts'
import { openWebSocket } from '../support/raw-client.ts'

let browser: TestBrowser
const folder = mkdtempSync(join(tmpdir(), 'ghostwire-e2e-'))
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser.close()
  rmSync(folder, { recursive: true })
})

/** These programs are hidden from the demo, so it falls back to the painted desktop. */
const withoutX = {
  ...process.env,
  PATH: (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => !['Xtigervnc', 'Xvnc'].some((name) => existsSync(join(directory, name))))
    .join(delimiter),
}

async function signIn(page: Page, url: string, username: string): Promise<void> {
  await page.goto(url)
  await fillIn(page, username)
}

async function reachDesktop(page: Page, url: string, username = 'alice'): Promise<void> {
  await signIn(page, url, username)
  await page.waitForSelector('html[data-desktop="connected"]')
  await page.waitForSelector('canvas')
}

const screenshot = (page: Page): Promise<Buffer> => page.locator('canvas').screenshot()

/** The picture once it differs from `before` and has stopped changing. */
async function changedPicture(page: Page, before: Buffer): Promise<Buffer> {
  await expect
    .poll(async () => (await screenshot(page)).equals(before), { timeout: 10_000 })
    .toBe(false)
  return screenshot(page)
}

/** Every process that `pid` started, and those that they did (Linux). */
function descendantsOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .map(Number)
    .filter((candidate) => Number.isInteger(candidate) && parentOf(candidate) === pid)
  return [...children, ...children.flatMap(descendantsOf)]
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

describe('with a real X desktop', () => {
  let demo: DemoProcess
  beforeAll(async () => {
    demo = await startDemoProcess()
  })

  it('runs on a machine that has the X tools installed', () => {
    const hint = 'apt-get install --no-install-recommends tigervnc-standalone-server openbox xterm'
    expect(demo.output(), `install them: ${hint}`).toContain('a real X desktop')
  })

  it('warns whose shell it opens, because the passwords are public', () => {
    expect(demo.output()).toMatch(
      /^ {2}Caution .* can sign in as alice, and has a shell of yours$/m,
    )
  })

  it('alice signs in, types in the terminal and sees what she typed', async () => {
    const page = await browser.newPage({ viewport: { width: 1100, height: 800 } })
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    await reachDesktop(page, demo.url)
    expect(page.url()).toBe(`${demo.url}/`)
    const before = await screenshot(page)
    const file = join(folder, 'typed')
    await page.keyboard.type('echo "Hello ~ $((6*7))" > ' + file)
    const typed = await changedPicture(page, before)
    await page.keyboard.press('Enter')
    // The X side received exactly this text.
    await expect
      .poll(() => existsSync(file) && readFileSync(file, 'utf8'), { timeout: 10_000 })
      .toBe('Hello ~ 42\n')
    expect(typed.equals(before)).toBe(false)
    expect(problems).toEqual([])
  })

  it('bob sees alice type, and cannot type himself', async () => {
    const [controls, watches] = [await browser.newPage(), await browser.newPage()]
    await reachDesktop(controls, demo.url)
    await reachDesktop(watches, demo.url, 'bob')
    const [bobs, alices] = [join(folder, 'bob'), join(folder, 'alice')]
    const before = await screenshot(watches)
    await watches.keyboard.type(`touch ${bobs}\n`)
    await controls.keyboard.type(`touch ${alices}\n`)
    await changedPicture(watches, before)
    await expect.poll(() => existsSync(alices), { timeout: 10_000 }).toBe(true)
    expect(existsSync(bobs)).toBe(false)
  })

  it('the page is cross-origin isolated, has a Content-Security-Policy, and has no cookie that a script could read', async () => {
    const page = await browser.newPage()
    await reachDesktop(page, demo.url)
    expect(await page.evaluate('crossOriginIsolated')).toBe(true)
    expect(await page.evaluate('document.cookie')).toBe('')
    const cookies = (await page.context().cookies(demo.url)).filter(({ name }) =>
      /^ghostwire-\d+$/.test(name),
    )
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Lax', path: '/' }])
  })

  it('signing out in one tab closes the desktop in the other within a second', async () => {
    const page = await browser.newPage()
    await reachDesktop(page, demo.url)
    const other = await page.context().newPage()
    await other.goto(`${demo.url}/oauth2/sign_out`)
    await other.click('button')
    await page.waitForSelector('html[data-desktop="disconnected"]', { timeout: 2_000 })
    expect(await page.textContent('#message')).toBe('Disconnected: signed out.')
    // The provider asks whether to end its own session too, then redirects to the gateway's page.
    await other.click('button')
    await other.waitForURL(`${demo.url}/oauth2/sign_in?reason=signed-out&state=*`)
    expect(await other.textContent('h1')).toBe('You are signed out')
    // The old sign-in lets nobody back in.
    await page.goto(demo.url)
    await page.waitForSelector('input[name="password"]')
  })

  it('mallory sees that this account has no access, and can choose another', async () => {
    const page = await browser.newPage()
    await signIn(page, demo.url, 'mallory')
    await page.waitForSelector('h1')
    expect(page.url()).toContain(`${demo.url}/oauth2/callback`)
    expect(await page.textContent('main')).toContain('Mallory Moore')
    await page.click('a.button')
    await fillIn(page)
    await page.waitForSelector('html[data-desktop="connected"]')
  })

  it('another origin gets no stream, even with a valid session', async () => {
    const page = await browser.newPage()
    await reachDesktop(page, demo.url)
    const cookies = await page.context().cookies(demo.url)
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    const port = Number(new URL(demo.url).port)
    const open = (origin: string): ReturnType<typeof openWebSocket> =>
      openWebSocket(port, { path: '/websockify', origin, cookie })
    expect((await open('https://evil.example')).status).toBe(403)
    const own = await open(demo.url)
    expect(own.status).toBe(101)
    own.socket.destroy()
  })

  it('Ctrl-C leaves nothing running', async () => {
    const started = descendantsOf(demo.pid)
    expect(started.length).toBeGreaterThan(2)
    expect(await demo.interrupt()).toBe(0)
    const left = (): number[] => started.filter((pid) => existsSync(`/proc/${pid}`))
    await expect.poll(left, { timeout: 3_000 }).toEqual([])
  })
})

describe('without X', () => {
  it('paints a desktop that reacts to input', async () => {
    const demo = await startDemoProcess([], withoutX)
    try {
      expect(demo.output()).not.toContain('a real X desktop')
      expect(demo.output()).not.toContain('Caution')
      const page = await browser.newPage({ viewport: { width: 1100, height: 800 } })
      await reachDesktop(page, demo.url)
      const before = await screenshot(page)
      await page.keyboard.type('help\n')
      await changedPicture(page, before)
    } finally {
      expect(await demo.interrupt()).toBe(0)
    }
  })
})

it('says which port is already in use', async () => {
  const demo = await startDemoProcess()
  const port = new URL(demo.url).port
  await expect(startDemoProcess(['--port', port])).rejects.toThrow(`port ${port} is in use`)
  await demo.interrupt()
})
