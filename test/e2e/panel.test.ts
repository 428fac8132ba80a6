// The panel over a live desktop: what it says, that the desktop still works as before, and how people get back.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe, { type AxeResults } from 'axe-core'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startPaintedDesktop, type PaintedDesktop } from '../../demo/painted-desktop.ts'
import { AFTER_CONNECTION, AFTER_SESSION } from '../../src/messages/end-reasons.ts'
import type { Settings } from '../../src/config/config.ts'
import { HeadInsertion } from '../../src/proxy/head-insertion.ts'
import { END_REASONS } from '../../src/session/session.ts'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startScriptedDesktop, type ScriptedDesktop } from '../support/scripted-desktop.ts'
import { startStack, type Stack } from '../support/stack.ts'

const ADMIN_TOKEN = 'an-admin-token-for-tests'
const HOUR = 3_600_000

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-panel-'))
/** The gateway reads these settings each time it needs them. */
const session = { idleTimeout: HOUR, maxLifetime: 12 * HOUR }
/** Replaces the policy of the desktop's kind. */
let csp: string | undefined
let browser: TestBrowser
let desktop: ScriptedDesktop
let stack: Stack
let gateway: TestGateway

const startGateway = (): Promise<TestGateway> =>
  startTestGateway(stack.environment, { settings: withShortTimes })

const withShortTimes = (settings: Settings): Settings => ({
  ...settings,
  desktop: {
    ...settings.desktop,
    get csp() {
      return csp
    },
  },
  session: {
    ...settings.session,
    get idleTimeout() {
      return session.idleTimeout
    },
    get maxLifetime() {
      return session.maxLifetime
    },
  },
})

beforeAll(async () => {
  browser = await launchBrowser()
  desktop = await startScriptedDesktop()
  stack = await startStack({
    environment: {
      GATEWAY_DESKTOP_URL: desktop.url.origin,
      GATEWAY_DESKTOP_KIND: 'rfb',
      GATEWAY_LOGIN_LIMIT: 'off',
      GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      GATEWAY_SESSION_STORE: `sqlite:${join(folder, 'sessions.db')}`,
    },
    gateway: { settings: withShortTimes },
  })
  gateway = stack.gateway
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
  await stack.stop()
  await desktop.stop()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  csp = undefined
  session.idleTimeout = HOUR
  session.maxLifetime = 12 * HOUR
  desktop.endWith(undefined)
  desktop.refuseStreams(false)
})

// A page that stays open would reconnect too.
afterEach(async () => {
  for (const context of browser.browser.contexts()) await context.close()
})

interface Visitor {
  readonly page: Page
  readonly panel: Locator
  /** Errors of the page, including violations of its policy. */
  readonly complaints: string[]
}

/** Signs in and opens the desktop, in a browser in which closed shadow trees are open to the test. */
async function arrive(options: BrowserContextOptions = {}, path = '/'): Promise<Visitor> {
  const page = await browser.newPage(options)
  await page.addInitScript(openShadows)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(gateway.origin + path)
  await signIn(page)
  await page.waitForSelector('html[data-desktop="connected"]')
  const panel = page.locator('ghostwire-panel')
  await panel.locator('.tab').waitFor()
  return { page, panel, complaints }
}

async function signIn(page: Page): Promise<void> {
  await page.fill('input[name="username"]', 'alice')
  await page.fill('input[name="password"]', 'alice')
  await page.press('input[name="password"]', 'Enter')
}

const openShadows = `{
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function (init) { return attach.call(this, { ...init, mode: 'open' }) }
}`

const overlayOf = (panel: Locator): Locator => panel.locator('dialog')
const noticeOf = (panel: Locator): Locator => panel.locator('.notice')

/** Evaluates an expression in the page, such as what the page recorded. */
const read = (page: Page, expression: string): Promise<unknown> => page.evaluate(expression)

/** Returns a check that is false once another page has been loaded. */
async function markPage(page: Page): Promise<() => Promise<boolean>> {
  await read(page, 'window.isTheSame = true')
  return () => page.evaluate('window.isTheSame === true')
}

/** Makes the panel believe that the idle timeout is nearly over, until the returned function is called. */
async function letTimeRunOut(page: Page): Promise<() => Promise<void>> {
  await page.route('**/oauth2/panel', async (route) => {
    const answer = await route.fetch()
    const live = (await answer.json()) as object
    await route.fulfill({ json: { ...live, idleExpiresIn: 50, idleTimeout: 1_800 } })
  })
  await read(page, 'dispatchEvent(new Event("online"))')
  return () => page.unroute('**/oauth2/panel')
}

/** Answers for the gateway with this state of the desktop; returns a count of the requests. */
async function sayDesktopIs(
  page: Page,
  state: () => 'up' | 'starting' | 'refused' | undefined,
): Promise<() => number> {
  let asked = 0
  await page.route('**/oauth2/desktop_status', async (route) => {
    asked += 1
    const said = state()
    await (said === undefined
      ? route.fulfill({ status: 404 })
      : route.fulfill({ json: { state: said } }))
  })
  return () => asked
}

describe('the control', () => {
  it('shows who is signed in and for how long, and can sign out', async () => {
    const { page, panel, complaints } = await arrive()
    await panel.locator('.tab').click()
    const card = panel.locator('.card')
    expect(await card.innerText()).toMatch(
      /Alice Adams\s+alice@example\.com\s+Session ends in 1[12] h/,
    )
    const end = page.waitForRequest(/\/oauth2\/sign_out$/)
    await card.getByRole('button', { name: 'Sign out' }).click()
    expect((await end).method()).toBe('POST')
    // The provider asks whether to end its own session too.
    await page.locator('button').first().click()
    await page.waitForURL(/\/oauth2\/sign_in\?reason=signed-out/)
    expect(complaints).toEqual([])
  })

  it('is in a closed shadow tree and adds no global name', async () => {
    const { page } = await arrive()
    const plain = await page.context().newPage()
    const names = 'Object.getOwnPropertyNames(window).filter((name) => name !== "isTheSame").sort()'
    await page.goto(gateway.origin)
    await plain.goto(`${gateway.origin}/other.html`)
    expect(await read(plain, 'document.querySelector("ghostwire-panel")')).toBeNull()
    await plain.goto(gateway.origin)
    await plain.waitForSelector('ghostwire-panel', { state: 'attached' })
    expect(await read(plain, 'document.querySelector("ghostwire-panel").shadowRoot')).toBeNull()
    const withPanel = await read(plain, names)
    await plain.goto(`${gateway.origin}/other.html`)
    expect(withPanel).toEqual(await read(plain, names))
  })

  it('asks the gateway once, and again only when the answer can matter', async () => {
    const asked: string[] = []
    const page = await browser.newPage()
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto(gateway.origin)
    await signIn(page)
    await page.waitForSelector('html[data-desktop="connected"]')
    await page.waitForTimeout(3_000)
    expect(asked.filter((path) => path === '/oauth2/panel').length).toBeLessThanOrEqual(2)
  })

  it('can be hidden, and is visible again on the next page', async () => {
    const { page, panel } = await arrive()
    await panel.locator('.tab').click()
    await panel.getByRole('button', { name: 'Hide' }).click()
    expect(await panel.locator('.tab').isVisible()).toBe(false)
    await page.reload()
    await panel.locator('.tab').waitFor()
  })

  it('works under a policy that allows only its own script and requests', async () => {
    const { page, panel } = await arrive()
    csp =
      "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
    await page.goto(`${gateway.origin}/vnc.html`)
    await panel.locator('.tab').click()
    expect(await panel.locator('.card').innerText()).toContain('Alice Adams')
    // Its style was applied too.
    const radius = `getComputedStyle(document.querySelector('ghostwire-panel').shadowRoot.querySelector('.card')).borderRadius`
    expect(await read(page, radius)).toBe('12px')
    await page.context().clearCookies()
    await read(page, 'dispatchEvent(new Event("online"))')
    await overlayOf(panel).waitFor()
  })

  it('does not appear in a frame, and appears once even if the script runs twice', async () => {
    const { page } = await arrive()
    await page.evaluate(
      `new Promise((resolve) => {
        const again = document.createElement('script')
        again.src = '/oauth2/session.js'
        again.onload = resolve
        document.head.append(again)
      })`,
    )
    expect(await page.locator('ghostwire-panel').count()).toBe(1)
    await page.evaluate(
      `new Promise((resolve) => {
        const frame = document.createElement('iframe')
        frame.src = '/vnc.html#unconnected'
        frame.onload = resolve
        document.body.append(frame)
      })`,
    )
    expect(await page.frames()[1]?.locator('ghostwire-panel').count()).toBe(0)
  })
})

describe('the desktop with the control', () => {
  it('keeps the focus and gets every key, during a warning and after its button is used', async () => {
    const { page, panel } = await arrive()
    const focused = 'document.activeElement.id'
    expect(await read(page, focused)).toBe('screen')
    await page.keyboard.type('ab')
    const goOn = await letTimeRunOut(page)
    await noticeOf(panel).waitFor()
    expect(await read(page, focused)).toBe('screen')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    await read(page, 'screen.focus()')
    await goOn()
    await noticeOf(panel).getByRole('button', { name: 'Stay' }).click()
    await noticeOf(panel).waitFor({ state: 'hidden' })
    expect(await read(page, focused)).toBe('screen')
    await page.keyboard.type('c')
    const keys = (await read(page, 'desktop.keys')) as string[]
    const pressed = keys.filter((key) => key.startsWith('keydown'))
    expect(pressed).toEqual(['a', 'b', 'Escape', 'Tab', 'c'].map((key) => `keydown ${key}`))
    expect(await read(page, 'desktop.prevented.some(Boolean)')).toBe(false)
    // The click on the panel did not reach it either.
    expect(await read(page, 'desktop.clicks')).toBe(0)
  })

  it('leaves the panel its own keys: it works by keyboard alone, and returns the focus', async () => {
    const { page, panel } = await arrive()
    await page.keyboard.press('Tab')
    const inPanel = 'document.activeElement.shadowRoot?.activeElement?.textContent'
    expect(await read(page, 'document.activeElement.localName')).toBe('ghostwire-panel')
    await read(page, 'void (desktop.keys.length = 0)')
    await page.keyboard.press('Enter')
    await panel.locator('.card').waitFor()
    expect(await panel.locator('.tab').getAttribute('aria-expanded')).toBe('true')
    await page.keyboard.press('Tab')
    expect(await read(page, inPanel)).toBe('Sign out')
    await page.keyboard.press('Tab')
    expect(await read(page, inPanel)).toBe('Hide')
    await page.keyboard.press('Escape')
    await panel.locator('.card').waitFor({ state: 'hidden' })
    await page.keyboard.press('Shift+Tab')
    const keys = (await read(page, 'desktop.keys')) as string[]
    expect(keys.filter((key) => /Enter|Escape|keydown Tab/.test(key))).toEqual([])
  })

  it('has an unchanged layout with the panel over it, in full screen too', async () => {
    const { page, panel } = await arrive()
    const plain = await page.context().newPage()
    await plain.goto(`${gateway.origin}/other.html`)
    const layout = `JSON.stringify([
      document.body.getBoundingClientRect(), document.documentElement.scrollWidth,
      document.documentElement.scrollHeight, getComputedStyle(document.body.lastElementChild).color,
      document.body.outerHTML.length,
    ])`
    expect(await read(page, layout)).toBe(await read(plain, layout))
    const onTop = 'document.elementFromPoint(innerWidth / 2, 8).localName'
    expect(await read(page, onTop)).toBe('ghostwire-panel')
    await page.bringToFront()
    await page.locator('#screen').dblclick()
    await expect.poll(() => read(page, 'document.fullscreenElement?.id')).toBe('screen')
    await expect.poll(() => read(page, onTop)).toBe('ghostwire-panel')
    // Beside the tab, the desktop gets clicks up to its upper edge.
    expect(await read(page, 'document.elementFromPoint(innerWidth / 4, 2).id')).toBe('screen')
    await panel.locator('.tab').click()
    await panel.locator('.card').waitFor()
    await read(page, 'document.exitFullscreen()')
    const parent = `document.querySelector('ghostwire-panel').parentNode.localName`
    await expect.poll(() => read(page, parent)).toBe('html')
    expect(await read(page, layout)).toBe(await read(plain, layout))
    // If the session ends now, the message is above the picture and its link works.
    await page.locator('#screen').dblclick({ position: { x: 300, y: 300 } })
    await expect.poll(() => read(page, 'document.fullscreenElement?.id')).toBe('screen')
    desktop.endWith(4401, 'revoked')
    await overlayOf(panel).getByRole('link', { name: 'Sign in again' }).click()
    await expect.poll(() => read(page, 'document.fullscreenElement')).toBeNull()
  })

  it.each(['ltr', 'rtl'])('shows the control inside a narrow screen, in a %s page', async (dir) => {
    const { page, panel } = await arrive({ viewport: { width: 320, height: 640 } })
    await read(page, `void (document.documentElement.dir = '${dir}')`)
    await panel.locator('.tab').click()
    const { x = -1, width = 999 } = (await panel.locator('.card').boundingBox()) ?? {}
    expect(x).toBeGreaterThanOrEqual(8)
    expect(x + width).toBeLessThanOrEqual(312)
    expect(await read(page, 'document.documentElement.scrollWidth')).toBe(320)
  })
})

describe('WebSocket', () => {
  const PROBE = `(async () => {
    const told = []
    const url = location.origin.replace('http', 'ws') + '/websockify'
    class Own extends WebSocket { shout() { return 'own ' + this.readyState } }
    const own = new Own(url, ['binary'])
    const opened = new Promise((resolve) => own.addEventListener('open', resolve))
    own.binaryType = 'arraybuffer'
    own.onclose = (event) => told.push('onclose ' + event.code + event.wasClean + (event instanceof CloseEvent))
    own.addEventListener('close', function (event) { told.push('listener ' + (event.target === own) + (this === own)) })
    own.addEventListener('close', { handleEvent() { told.push('object') } }, { once: true })
    await opened
    const before = [own instanceof Own, own instanceof WebSocket, own instanceof EventTarget, own.shout(), own.binaryType, own.protocol, own.url === url,
      Object.prototype.toString.call(own), Object.getOwnPropertyNames(own)]
    own.close(1000, 'bye')
    await new Promise((resolve) => setTimeout(resolve, 300))
    const thrown = (run) => { try { run(); return 'nothing' } catch (error) { return error.name + ' ' + error.message } }
    return JSON.stringify([
      before, told,
      [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED, WebSocket.prototype.OPEN],
      [WebSocket.name, WebSocket.length, typeof WebSocket, Object.getOwnPropertyNames(WebSocket).sort()],
      Object.getPrototypeOf(WebSocket) === EventTarget, Object.getPrototypeOf(Own) === WebSocket,
      WebSocket.prototype.constructor === WebSocket, own.constructor === Own,
      Object.getOwnPropertyNames(WebSocket.prototype).sort(),
      Object.entries(Object.getOwnPropertyDescriptor(window, 'WebSocket')).map(([name, value]) => name + typeof value + (typeof value === 'boolean' && value)),
      Object.getOwnPropertyDescriptor(WebSocket.prototype, 'constructor').enumerable,
      Object.keys(window).includes('WebSocket'), Function.prototype.toString.call(WebSocket).includes('[native code]'),
      thrown(() => WebSocket(url)), thrown(() => new WebSocket()), thrown(() => new WebSocket('mailto:a')), thrown(() => new WebSocket(url, ['a', 'a'])),
      Reflect.construct(WebSocket, [url, 'binary'], Own) instanceof Own,
    ])
  })()`

  it('behaves like the browser’s own for every script', async () => {
    const { page, complaints } = await arrive()
    const plain = await page.context().newPage()
    await plain.goto(`${gateway.origin}/other.html`)
    const expected = JSON.parse((await read(plain, PROBE)) as string) as unknown[]
    // The probe ran: the sockets opened, and their close events arrived.
    expect(expected[1]).toEqual(['onclose 1000truetrue', 'listener truetrue', 'object'])
    expect(JSON.parse((await read(page, PROBE)) as string)).toEqual(expected)
    expect(complaints).toEqual([])
  })
})

describe('the script', () => {
  it.each([
    '<!doctype html><html><head><title>x</title>',
    '<!doctype html><title>x</title><p>y',
    '<!-- > <head> --!><!DOCTYPE HTML><HTML data-a="<head>"><!---><HEAD data-b=\'>\'><meta charset=utf-8>',
    '<?xml version="1.0"?><!doctype html><html><body>no head</body>',
    '\ufeff<!doctype html>\n<html a=>text at once <head>',
    '<header>quirks</header>',
    '',
  ])('comes first in the head of the parsed document: %s', async (text) => {
    const page = await browser.newPage()
    const looks = 'document.compatMode + document.querySelectorAll("*").length + document.title'
    let insertion: HeadInsertion | undefined
    await page.route('**/*', async (route) => {
      const pieces = insertion && [...insertion.push(Buffer.from(text)), ...insertion.end()]
      const body = pieces === undefined ? text : Buffer.concat(pieces)
      await route.fulfill({ contentType: 'text/html; charset=utf-8', body })
    })
    await page.goto('http://localhost/')
    const plain = (await read(page, looks)) as string
    insertion = new HeadInsertion(
      Buffer.from('<script>ran = document.head.children.length</script>'),
    )
    await page.goto('http://localhost/')
    expect(await read(page, '[ran, document.head.firstElementChild.localName]')).toEqual([
      1,
      'script',
    ])
    await read(page, 'document.head.firstElementChild.remove()')
    expect(await read(page, looks)).toBe(plain)
  })
})

describe('before the end', () => {
  it('an idle person is warned, can choose to stay, and is then not signed out', async () => {
    session.idleTimeout = 8_000
    const { page, panel } = await arrive()
    const notice = noticeOf(panel)
    await notice.waitFor({ timeout: 8_000 })
    expect(await notice.innerText()).toMatch(/^Your session ends in [1-4] seconds?\n/)
    expect(await panel.locator('[role="status"]').textContent()).toContain('Your session ends in')
    const began = Date.now()
    await notice.getByRole('button', { name: 'Stay' }).click()
    await notice.waitFor({ state: 'hidden' })
    // The warning returns only at the next time for it; until then it does not cover the desktop.
    await notice.waitFor({ timeout: 8_000 })
    expect(Date.now() - began).toBeGreaterThan(3_000)
    expect(await read(page, 'desktop.closed')).toEqual([])
  })

  it('a person who ignores the warning is signed out, sees why, and can sign in again', async () => {
    session.idleTimeout = 4_000
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    const overlay = overlayOf(panel)
    await overlay.waitFor({ timeout: 10_000 })
    expect(await overlay.innerText()).toContain(AFTER_SESSION.idle.title)
    expect(await overlay.innerText()).toContain(AFTER_SESSION.idle.text)
    expect(await read(page, 'desktop.closed')).toEqual(['4401 idle'])
    // It never reloads automatically.
    await page.waitForTimeout(4_000)
    expect(await isTheSame()).toBe(true)
    session.idleTimeout = HOUR
    await overlay.getByRole('link', { name: 'Sign in again' }).click()
    await signIn(page)
    await page.waitForSelector('html[data-desktop="connected"]')
    expect(page.url()).toBe(`${gateway.origin}/`)
  })

  it('the page warns that the session reaches its maximum lifetime, and offers a new sign-in', async () => {
    session.maxLifetime = 50_000
    const { page, panel } = await arrive({}, '/vnc.html?resize=remote')
    const notice = noticeOf(panel)
    await notice.waitFor()
    expect(await notice.innerText()).toMatch(/^Your session ends in \d\d seconds\s+A session lasts/)
    session.maxLifetime = 12 * HOUR
    await notice.getByRole('link', { name: 'Sign in again now' }).click()
    await page.waitForURL(`${gateway.origin}/vnc.html?resize=remote`)
    await page.waitForSelector('html[data-desktop="connected"]')
    await panel.locator('.tab').click()
    expect(await panel.locator('.card').innerText()).toMatch(/ends in 1[12] h/)
  })

  it('this warning can be dismissed, and does not return', async () => {
    session.maxLifetime = 50_000
    const { page, panel } = await arrive()
    await noticeOf(panel).getByRole('button', { name: 'Dismiss' }).click()
    await page.waitForTimeout(6_000)
    expect(await noticeOf(panel).isVisible()).toBe(false)
  })
})

describe('after the end of the session', () => {
  it.each(END_REASONS)(
    'the page explains %s, and does not continue automatically',
    async (reason) => {
      const { page, panel, complaints } = await arrive()
      const isTheSame = await markPage(page)
      const code = reason === 'access-withdrawn' ? 4403 : 4401
      // The session itself continues, because this tests only the Close.
      await page.route('**/oauth2/panel', (route) => route.fulfill({ status: 503 }))
      desktop.endWith(code, reason)
      const overlay = overlayOf(panel)
      await overlay.waitFor()
      const { title, text, button } = AFTER_SESSION[reason]
      expect(await overlay.locator('h1').innerText()).toBe(title)
      expect(await overlay.locator('#text').innerText()).toBe(text)
      // The only element that gets the focus automatically.
      const active = 'document.activeElement.shadowRoot.activeElement.textContent'
      expect(await read(page, active)).toBe(button)
      expect(await overlay.getByRole('link', { name: button }).getAttribute('href')).toBe(
        '/oauth2/start?rd=%2F',
      )
      // Neither a key nor a click shows the desktop again.
      await page.keyboard.press('Escape')
      await page.keyboard.press('Escape')
      await page.mouse.click(5, 5)
      expect(await overlay.isVisible()).toBe(true)
      await page.waitForTimeout(2_500)
      expect(await isTheSame()).toBe(true)
      expect(await read(page, 'desktop.closed')).toEqual([`${code} ${reason}`])
      expect(complaints.filter((text) => !text.includes('503'))).toEqual([])
    },
  )

  it('an end by an administrator is shown too, and the last picture is hidden', async () => {
    const { page, panel } = await arrive()
    const authorization = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const answer = await fetch(`${gateway.admin}/admin/sessions`, { headers: authorization })
    const { sessions } = (await answer.json()) as { sessions: { id: string; tunnels: number }[] }
    for (const { id } of sessions) {
      await fetch(`${gateway.admin}/admin/sessions/${id}`, {
        method: 'DELETE',
        headers: authorization,
      })
    }
    await overlayOf(panel).waitFor()
    expect(await overlayOf(panel).innerText()).toContain('An administrator ended it.')
    const ground = `getComputedStyle(document.querySelector('ghostwire-panel').shadowRoot.querySelector('dialog'), '::backdrop').backgroundColor`
    expect(await read(page, ground)).toBe('rgb(239, 244, 245)')
  })

  it('an unknown reason has a text too', async () => {
    const { panel } = await arrive()
    desktop.endWith(4401, 'constructor')
    await overlayOf(panel).waitFor()
    expect(await overlayOf(panel).locator('h1').innerText()).toBe('Please sign in again')
  })

  it('a sign-in in another window also lets this window back in, and its own stream stays open', async () => {
    const { page, panel } = await arrive()
    const other = await page.context().newPage()
    await other.goto(`${gateway.origin}/oauth2/start`)
    await other.waitForSelector('html[data-desktop="connected"]')
    await overlayOf(panel).getByRole('link', { name: 'Go to the desktop' }).click()
    await page.waitForSelector('html[data-desktop="connected"]')
    expect(await read(other, 'desktop.closed')).toEqual([])
  })

  it('after a connection broke without a Close frame, the page says why the session ended', async () => {
    const { page, panel } = await arrive()
    await page.context().clearCookies()
    desktop.endWith(1011)
    await overlayOf(panel).waitFor()
    expect(await overlayOf(panel).locator('h1').innerText()).toBe('Please sign in again')
  })
})

describe('the way back', () => {
  it('leads back to the desktop automatically after a restart of the gateway', async () => {
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    await gateway.stop()
    await expect.poll(() => read(page, 'desktop.closed')).toEqual(['1001 draining'])
    // While the gateway is away, the page says so and does not reload.
    await overlayOf(panel).waitFor({ timeout: 10_000 })
    expect(await overlayOf(panel).locator('h1').innerText()).toBe(AFTER_CONNECTION.lost.title)
    await page.waitForTimeout(1_000)
    expect(await isTheSame()).toBe(true)
    gateway = await startGateway()
    await gateway.ready()
    await expect.poll(isTheSame, { timeout: 20_000 }).toBe(false)
    await page.waitForSelector('html[data-desktop="connected"]')
  })

  it('takes about a second after 1001 when the gateway is still there, with a short message', async () => {
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    desktop.endWith(1001, 'draining')
    desktop.endWith(undefined)
    await noticeOf(panel).waitFor()
    expect(await noticeOf(panel).innerText()).toContain(AFTER_CONNECTION.draining.title)
    expect(await overlayOf(panel).isVisible()).toBe(false)
    await expect.poll(isTheSame, { timeout: 5_000 }).toBe(false)
    await page.waitForSelector('html[data-desktop="connected"]')
  })

  it('waits for the desktop after 1013, and then leads there automatically', async () => {
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    let state: 'up' | 'starting' | 'refused' = 'starting'
    const asked = await sayDesktopIs(page, () => state)
    await desktop.stop()
    await overlayOf(panel).waitFor()
    expect(await overlayOf(panel).locator('h1').innerText()).toBe(
      AFTER_CONNECTION['desktop-gone'].title,
    )
    expect(await read(page, 'desktop.closed')).toEqual(['1013 desktop-gone'])
    await expect.poll(asked, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
    state = 'refused'
    const { title } = AFTER_CONNECTION['desktop-refused']
    await expect
      .poll(() => overlayOf(panel).locator('h1').innerText(), { timeout: 10_000 })
      .toBe(title)
    expect(await isTheSame()).toBe(true)
    await desktop.start()
    state = 'up'
    await expect.poll(isTheSame, { timeout: 20_000 }).toBe(false)
    await page.waitForSelector('html[data-desktop="connected"]')
  })

  it('loads the page after a while when the gateway does not report the state of the desktop', async () => {
    const { page } = await arrive()
    const isTheSame = await markPage(page)
    await sayDesktopIs(page, () => undefined)
    desktop.endWith(1013, 'desktop-gone')
    desktop.endWith(undefined)
    await page.waitForTimeout(5_000)
    expect(await isTheSame()).toBe(true)
    await expect.poll(isTheSame, { timeout: 30_000 }).toBe(false)
  })

  it('is only offered when an automatic return would change nothing', async () => {
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    await sayDesktopIs(page, () => 'up')
    desktop.endWith(1002, 'protocol-error')
    desktop.endWith(undefined)
    await overlayOf(panel).waitFor()
    const { title, button } = AFTER_CONNECTION['protocol-error']
    expect(await overlayOf(panel).locator('h1').innerText()).toBe(title)
    await page.waitForTimeout(2_500)
    expect(await isTheSame()).toBe(true)
    await overlayOf(panel).getByRole('button', { name: button }).click()
    await page.waitForSelector('html[data-desktop="connected"]')
    expect(await isTheSame()).toBe(false)
    // The same when the stream was refused from the start.
    desktop.refuseStreams(true)
    const again = await page.context().newPage()
    await again.addInitScript(openShadows)
    await sayDesktopIs(again, () => 'up')
    await again.goto(gateway.origin)
    const heading = again.locator('ghostwire-panel dialog h1')
    await heading.waitFor()
    expect(await heading.innerText()).toBe(AFTER_CONNECTION['not-opened'].title)
  })

  it('is tried at growing intervals while it fails', async () => {
    const { page } = await arrive()
    await sayDesktopIs(page, () => 'up')
    const before = desktop.visits
    desktop.endWith(1013, 'desktop-gone')
    await page.waitForTimeout(10_000)
    const visits = desktop.visits - before
    expect(visits).toBeGreaterThanOrEqual(2)
    expect(visits).toBeLessThanOrEqual(5)
  })

  it('is not shown when the client closed the stream itself, or when a stream of another path ended', async () => {
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    await read(page, 'desktop.connect("/audio")')
    await expect.poll(() => desktop.streams.length).toBe(2)
    desktop.streams[1]?.close(1013, 'desktop-gone')
    await expect.poll(() => read(page, 'desktop.closed')).toEqual(['1013 desktop-gone'])
    await page.waitForTimeout(500)
    expect(await overlayOf(panel).isVisible()).toBe(false)
    // The same for a second stream to the same path while the first is open.
    await read(page, 'desktop.connect()')
    await expect.poll(() => desktop.streams.length).toBe(2)
    desktop.streams[1]?.close(1013, 'desktop-gone')
    await expect.poll(() => read(page, 'desktop.closed.length')).toBe(2)
    await page.waitForTimeout(500)
    expect(await overlayOf(panel).isVisible()).toBe(false)
    await read(page, 'desktop.sockets[0].close()')
    await expect.poll(() => read(page, 'desktop.closed.length')).toBe(3)
    await page.waitForTimeout(2_500)
    expect(await isTheSame()).toBe(true)
    expect(await overlayOf(panel).isVisible()).toBe(false)
    expect(await noticeOf(panel).isVisible()).toBe(false)
  })

  it('is left to the client when the client reconnects by itself', async () => {
    const { page, panel } = await arrive()
    const isTheSame = await markPage(page)
    await sayDesktopIs(page, () => 'starting')
    desktop.endWith(1013, 'desktop-gone')
    desktop.endWith(undefined)
    await overlayOf(panel).waitFor()
    await read(page, 'desktop.connect()')
    await overlayOf(panel).waitFor({ state: 'hidden' })
    await page.waitForTimeout(2_500)
    expect(await isTheSame()).toBe(true)
  })
})

describe('over a painted desktop', () => {
  let painted: PaintedDesktop
  let own: Stack
  beforeAll(async () => {
    painted = await startPaintedDesktop()
    own = await startStack({
      environment: {
        GATEWAY_DESKTOP_URL: painted.url.origin,
        GATEWAY_DESKTOP_KIND: 'rfb',
        GATEWAY_LOGIN_LIMIT: 'off',
      },
      gateway: { settings: withShortTimes },
    })
  })
  afterAll(async () => {
    await own.stop()
    await painted.stop()
  })

  const LOOKS = [
    { colorScheme: 'light', width: 320 },
    { colorScheme: 'light', width: 1280 },
    { colorScheme: 'dark', width: 320 },
    { colorScheme: 'dark', width: 1280 },
  ] as const

  it.each(LOOKS)(
    'the control, the warning and the end message are accessible in $colorScheme at $width px',
    async ({ colorScheme, width }) => {
      const kept = gateway
      gateway = own.gateway
      const visitor = await arrive({
        colorScheme,
        viewport: { width, height: 720 },
        reducedMotion: 'reduce',
        bypassCSP: true,
      }).finally(() => (gateway = kept))
      const { page, panel } = visitor
      await page.evaluate(axe.source)
      const check = async (): Promise<void> => {
        // axe measures contrast only inside the body, not in the top layer.
        await read(page, `document.body.append(document.querySelector('ghostwire-panel'))`)
        const results = (await read(page, `axe.run('ghostwire-panel')`)) as AxeResults
        const { violations, incomplete, passes } = results
        expect(
          [...violations, ...incomplete].map(({ id, nodes }) => [
            id,
            nodes.map(({ html, any }) => [html, any.map(({ data }) => data as unknown)]),
          ]),
        ).toEqual([])
        expect(passes.map(({ id }) => id)).toContain('color-contrast')
      }
      await panel.locator('.tab').click()
      await check()
      await letTimeRunOut(page)
      await noticeOf(panel).waitFor()
      await check()
      // Nothing moves with prefers-reduced-motion.
      expect(await read(page, 'document.getAnimations().length')).toBe(0)
      await page.unroute('**/oauth2/panel')
      await page.context().clearCookies()
      await read(page, 'dispatchEvent(new Event("online"))')
      await overlayOf(panel).waitFor()
      await check()
    },
  )

  it('the panel lets noVNC type, and obeys the policy of its page', async () => {
    const kept = gateway
    gateway = own.gateway
    const { page, complaints } = await arrive().finally(() => (gateway = kept))
    const picture = (): Promise<Buffer> =>
      page.screenshot({ clip: { x: 80, y: 120, width: 500, height: 400 } })
    const before = await picture()
    await page.keyboard.type('help\n')
    await expect.poll(async () => (await picture()).equals(before), { timeout: 10_000 }).toBe(false)
    expect(complaints).toEqual([])
  })
})
