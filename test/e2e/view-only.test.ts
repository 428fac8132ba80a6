// Two people at one X desktop, in two browsers. The viewer sees everything and changes nothing, and only people who may paste
// can paste. The tests check this on the X side: in its shell, clipboard, pointer and screen.

import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { alice, bob, WATCHERS_GROUP, type Person } from '../../demo/people.ts'
import { startXDesktop, type XDesktop } from '../../demo/x-desktop.ts'
import { launchBrowser, SMALL, type TestBrowser } from '../support/browser.ts'
import { fillIn } from '../support/browser-person.ts'
import { eventually } from '../support/eventually.ts'
import { DESKTOP_CREDENTIALS, startLiveStack, type LiveStack } from '../support/live-stack.ts'
import { watchedSocket, watchSockets } from '../support/picture.ts'
import { connectRfb, type RfbClient } from '../unit/demo/rfb-client.ts'

const run = promisify(execFile)

/** Types of RFB messages, browser to desktop (RFC 6143 7.5; the others: the community's rfbproto). */
const POINTER = 5
const CUT_TEXT = 6
const SET_DESKTOP_SIZE = 251
/** A key, and a key with its scan code, which TigerVNC asks for. */
const KEYS = [4, 255]
const DESKTOP_SIZE = -223

/** The desktop is twice as wide and high as the window of `SMALL` that shows it. */
const SCALE = 2
const SCREEN = '1280x800'
/** Where the terminal is, on the page. */
const IN_TERMINAL = { x: 100, y: 100 }

let browser: TestBrowser
let desktop: XDesktop
let stack: LiveStack
let folder: string
const raw: RfbClient[] = []
beforeAll(async () => {
  browser = await launchBrowser()
})
afterEach(() => {
  for (const client of raw.splice(0)) client.socket.terminate()
})
afterAll(() => browser.close())

async function start(environment: Record<string, string>): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-e2e-'))
  desktop = await startXDesktop({ geometry: SCREEN, credentials: DESKTOP_CREDENTIALS })
  stack = await startLiveStack({
    desktop,
    environment: { GATEWAY_VIEW_GROUPS: WATCHERS_GROUP, ...environment },
    provider: { people: [alice, bob] },
  })
}

async function stop(): Promise<void> {
  await Promise.all(browser.browser.contexts().map((context) => context.close()))
  await stack.stop()
  rmSync(folder, { recursive: true })
}

async function reachDesktop({ username }: Person): Promise<Page> {
  const page = await browser.newPage(SMALL)
  await watchSockets(page.context())
  await page.goto(stack.gateway.origin)
  await fillIn(page, username)
  await page.waitForSelector('html[data-desktop="connected"]')
  return page
}

const picture = (page: Page): Promise<string> =>
  page.evaluate(`document.querySelector('canvas').toDataURL()`)

/** The picture, once it no longer changes. */
async function stillPicture(page: Page): Promise<string> {
  for (;;) {
    const before = await picture(page)
    await page.waitForTimeout(200)
    if ((await picture(page)) === before) return before
  }
}

/** Resolves when the page has sent the message, which shows that the client itself did not hold it back. */
async function says(
  page: Page,
  types: readonly number[],
  action: () => Promise<unknown>,
): Promise<void> {
  const count = async (): Promise<number> =>
    (await watchedSocket(page)).sent.filter(({ type }) => types.includes(type)).length
  const before = await count()
  await action()
  await eventually(async () => expect(await count()).toBeGreaterThan(before))
}

/** What the page sends on a paste event: the text, then Ctrl-V. */
async function paste(page: Page, text: string): Promise<void> {
  const event = `
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', ${JSON.stringify(text)})
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }))`
  await says(page, [CUT_TEXT], () => page.evaluate(event))
}

/** A client that the person wrote themselves, with the browser's cookie. */
async function rawClient(page: Page, shared: 0 | 1 = 1): Promise<RfbClient> {
  const { origin } = stack.gateway
  const cookies = await page.context().cookies(origin)
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  const client = await connectRfb(`${origin.replace('http', 'ws')}/websockify`, { origin, cookie })
  raw.push(client)
  await client.shakeHands(shared)
  client.setEncodings(0, DESKTOP_SIZE)
  return client
}

function sendCutText(client: RfbClient, text: string): void {
  client.send([CUT_TEXT, 0, 0, 0, 0, 0, 0, text.length], text)
}

function sendDesktopSize(client: RfbClient, width: number, height: number): void {
  const message = Buffer.alloc(24)
  message.writeUInt8(SET_DESKTOP_SIZE)
  message.writeUInt16BE(width, 2)
  message.writeUInt16BE(height, 4)
  message.writeUInt8(1, 6)
  message.writeUInt16BE(width, 16)
  message.writeUInt16BE(height, 18)
  client.send(message)
}

/** Resolves when the desktop has read everything that `client` sent. */
async function isRead(client: RfbClient): Promise<void> {
  client.request(false, { x: 0, y: 0, width: 1, height: 1 })
  await client.update()
}

/** The environment of the desktop's own programs. */
const xEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  DISPLAY: desktop.display,
  XAUTHORITY: desktop.xauthority,
})

async function screenSize(): Promise<string> {
  const { stdout } = await run('xwininfo', ['-root'], { env: xEnvironment() })
  return /-geometry (\d+x\d+)/.exec(stdout)?.[1] ?? stdout
}

/** Makes the terminal paste the X selections at its prompt. The desktop asks the owner's browser for the text. */
async function insertSelection(page: Page): Promise<void> {
  await page.mouse.click(IN_TERMINAL.x, IN_TERMINAL.y, { button: 'middle' })
}

/** Runs what was inserted at the prompt, as soon as it is there. */
async function runUntilMade(page: Page, name: string): Promise<void> {
  const press = async (): Promise<boolean> => {
    await page.keyboard.press('Enter')
    return isMade(name)
  }
  await expect.poll(press, { timeout: 10_000, interval: 100 }).toBe(true)
}

/** Runs what was inserted at the prompt, if anything was, after allowing time for it. */
async function runSelection(page: Page): Promise<void> {
  await insertSelection(page)
  await page.waitForTimeout(300)
  await page.keyboard.press('Enter')
}

/** Resolves when the shell has run it, and so also everything that was typed before. */
async function make(page: Page, name: string): Promise<void> {
  await page.keyboard.type(`touch ${join(folder, name)}\n`)
  await eventually(() => expect(isMade(name)).toBe(true))
}

const isMade = (name: string): boolean => existsSync(join(folder, name))
const command = (name: string): string => `touch ${join(folder, name)}`

describe('at a desktop with one person who controls it and one who may only watch', () => {
  let controls: Page
  let watches: Page
  beforeAll(async () => {
    await start({})
    controls = await reachDesktop(alice)
    watches = await reachDesktop(bob)
  })
  afterAll(stop)

  it('the viewer sees what the other types', async () => {
    const before = await stillPicture(watches)
    await controls.keyboard.type('echo What bob sees, alice typed.')
    await eventually(async () => expect(await picture(watches)).not.toBe(before))
    await controls.keyboard.press('Enter')
  })

  it('the viewer cannot type', async () => {
    await says(watches, KEYS, () => watches.keyboard.type(`${command('typed-by-bob')}\n`))
    await make(controls, 'typed-by-alice')
    expect(isMade('typed-by-bob')).toBe(false)
  })

  it('the viewer cannot paste with any client, and the other can', async () => {
    await paste(watches, command('pasted-by-bob'))
    await runSelection(controls)
    const bobs = await rawClient(watches)
    sendCutText(bobs, command('cut-by-bob'))
    await isRead(bobs)
    await runSelection(controls)
    expect([isMade('pasted-by-bob'), isMade('cut-by-bob')]).toEqual([false, false])

    const alices = await rawClient(controls)
    sendCutText(alices, command('cut-by-alice'))
    await isRead(alices)
    await insertSelection(controls)
    await runUntilMade(controls, 'cut-by-alice')
    await paste(controls, command('pasted-by-alice'))
    await runUntilMade(controls, 'pasted-by-alice')
  })

  it('the viewer cannot point or click', async () => {
    // A window that reports when it is open, and each pointer event that it gets.
    const args = ['-geometry', '300x200+900+500', '-event', 'mouse', '-event', 'expose']
    const witness = spawn('xev', args, { env: xEnvironment() })
    let seen = ''
    witness.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    try {
      await eventually(() => expect(seen).toContain('Expose event'))
      await says(watches, [POINTER], () => watches.mouse.click(525, 325))
      await controls.mouse.click(500, 310)
      await eventually(() => expect(seen).toContain('ButtonRelease event'))
      const places = new Set(seen.match(/root:\(\d+,\d+\)/g))
      expect([...places]).toEqual([`root:(${500 * SCALE},${310 * SCALE})`])
    } finally {
      witness.kill()
    }
  })

  it('the viewer cannot resize the screen, and the other can', async () => {
    await watches.setViewportSize({ width: 500, height: 500 })
    const bobs = await rawClient(watches)
    sendDesktopSize(bobs, 1000, 700)
    await isRead(bobs)
    expect(await screenSize()).toBe(SCREEN)
    await watches.setViewportSize(SMALL.viewport)
    bobs.socket.terminate()

    const alices = await rawClient(controls)
    sendDesktopSize(alices, 1000, 700)
    await eventually(async () => expect(await screenSize()).toBe('1000x700'))
    sendDesktopSize(alices, 1280, 800)
    await eventually(async () => expect(await screenSize()).toBe(SCREEN))
  })

  it('the viewer cannot take exclusive use of the desktop', async () => {
    const exclusive = await rawClient(watches, 0)
    await isRead(exclusive)
    const before = await stillPicture(controls)
    await controls.keyboard.type('echo Still here.\n')
    await eventually(async () => expect(await picture(controls)).not.toBe(before))
    expect((await watchedSocket(controls)).closed).toBeUndefined()
  })
})

describe('under clipboardIn: deny', () => {
  beforeAll(() => start({ GATEWAY_CLIPBOARD_IN: 'deny' }))
  afterAll(stop)

  it('pasting fails with every client, and the person in control can still type', async () => {
    const page = await reachDesktop(alice)
    await paste(page, command('pasted'))
    await runSelection(page)
    const client = await rawClient(page)
    sendCutText(client, command('cut'))
    await isRead(client)
    await runSelection(page)
    await make(page, 'typed')
    expect([isMade('pasted'), isMade('cut')]).toEqual([false, false])
  })
})
