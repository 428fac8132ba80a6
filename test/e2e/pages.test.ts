// The gateway's own pages in a browser: their policy, appearance and forms.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import axe, { type AxeResults } from 'axe-core'
import type { Page as BrowserPage } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { EVERY_PAGE } from '../support/every-page.ts'

const LOOKS = [
  { colorScheme: 'light', width: 320 },
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 320 },
  { colorScheme: 'dark', width: 1280 },
] as const

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let browser: TestBrowser
let origin: string
let requests: IncomingMessage[]
const servers: Server[] = []
/** The handlers that a test uses instead of a page. */
const instead = new Map<string, Handler>()

/** Serves at `host`, a name for loopback. Each other name is another site to the browser. */
async function serve(handle: Handler, host: string): Promise<string> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://${host}:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  browser = await launchBrowser()
  origin = await serve((request, response) => {
    requests.push(request)
    const name = (request.url ?? '').slice(1)
    const handler = instead.get(name)
    if (handler !== undefined) return handler(request, response)
    const page = EVERY_PAGE.get(name)
    response.writeHead(page?.status ?? 404, page?.headers).end(page?.html ?? 'no page of ours')
  }, '127.0.0.1')
})

afterAll(async () => {
  await browser?.close()
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

interface Watched {
  readonly page: BrowserPage
  readonly violations: string[]
}

/** A page under its own policy; collects what the policy blocked. */
async function open(options: Parameters<TestBrowser['newPage']>[0] = {}): Promise<Watched> {
  requests = []
  instead.clear()
  const page = await browser.newPage(options)
  const violations: string[] = []
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text())
  })
  return { page, violations }
}

const measure = (page: BrowserPage, expression: string): Promise<unknown> =>
  page.evaluate(expression)

describe.each(LOOKS)('in $colorScheme at $width px', ({ colorScheme, width }) => {
  const options = {
    colorScheme,
    viewport: { width, height: 720 },
    reducedMotion: 'reduce',
  } as const

  it('every page passes the accessibility check', async () => {
    const { page } = await open({ ...options, bypassCSP: true })
    for (const name of EVERY_PAGE.keys()) {
      await page.goto(`${origin}/${name}`)
      await page.evaluate(axe.source)
      const { violations, incomplete, passes } = (await measure(page, 'axe.run()')) as AxeResults
      const found = [...violations, ...incomplete].map(({ id, nodes }) => [
        id,
        nodes.map(({ html }) => html),
      ])
      expect(found, name).toEqual([])
      expect(
        passes.map(({ id }) => id),
        name,
      ).toContain('color-contrast')
    }
    await page.context().close()
  })

  it('every page obeys its own policy, makes no further request and does not scroll sideways', async () => {
    const { page, violations } = await open(options)
    for (const [name, { status }] of EVERY_PAGE) {
      requests = []
      const response = await page.goto(`${origin}/${name}`)
      expect(response?.status(), name).toBe(status)
      expect(await measure(page, 'document.documentElement.scrollWidth'), name).toBe(width)
      // The style was applied: without it the links would look different.
      expect(
        await measure(page, `getComputedStyle(document.querySelector('.button')).fontWeight`),
        name,
      ).toBe('600')
      expect(
        requests.map(({ url }) => url),
        name,
      ).toEqual([`/${name}`])
    }
    expect(violations).toEqual([])
    await page.context().close()
  })
})

it('a style that the policy does not name is reported as a violation', async () => {
  const { page, violations } = await open()
  instead.set('sign-in', (_request, response) => {
    const signIn = EVERY_PAGE.get('sign-in')
    response.writeHead(200, signIn?.headers).end(signIn?.html.replace('<style>', '<style> '))
  })
  await page.goto(`${origin}/sign-in`)
  await expect.poll(() => violations.length).toBe(1)
})

it('the keyboard reaches the button and shows where it is', async () => {
  const { page } = await open()
  for (const name of EVERY_PAGE.keys()) {
    await page.goto(`${origin}/${name}`)
    await page.keyboard.press('Tab')
    const outline = await measure(
      page,
      `document.activeElement.matches('.button') && getComputedStyle(document.activeElement).outlineStyle`,
    )
    expect(outline, name).toBe('solid')
  }
})

it('nothing moves with prefers-reduced-motion, and animations end after five seconds without it', async () => {
  const { page } = await open({ reducedMotion: 'no-preference' })
  const moving = 'document.getAnimations().map((one) => one.effect.getComputedTiming().endTime)'
  await page.goto(`${origin}/failure-store-unavailable`)
  const [endTime] = (await measure(page, moving)) as number[]
  expect(endTime).toBeLessThanOrEqual(5_000)
  await page.emulateMedia({ reducedMotion: 'reduce' })
  expect(await measure(page, moving)).toEqual([])
})

it('the sign-out POST carries the Origin of its page, and may redirect to other sites', async () => {
  const { page, violations } = await open()
  const provider = await serve((request, response) => {
    if (request.url === '/end_session') {
      const elsewhere = `http://localhost:${new URL(provider).port}/upstream`
      response.writeHead(303, { location: elsewhere }).end()
    } else response.writeHead(302, { location: `${origin}/sign-in-signed-out` }).end()
  }, 'provider.localhost')
  instead.set('oauth2/sign_out', (_request, response) => {
    response.writeHead(302, { location: `${provider}/end_session` }).end()
  })
  await page.goto(`${origin}/sign-out`)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(`${origin}/sign-in-signed-out`)
  const post = requests.find(({ method }) => method === 'POST')
  expect(post?.url).toBe('/oauth2/sign_out')
  expect(post?.headers.origin).toBe(origin)
  expect(post?.headers['sec-fetch-site']).toBe('same-origin')
  expect(violations).toEqual([])
})

it('a button sends no Referer with the address of its page, which can contain a code', async () => {
  const { page } = await open()
  const failed = EVERY_PAGE.get('failure-login-invalid')
  instead.set('oauth2/callback?code=secret', (_request, response) => {
    response.writeHead(400, failed?.headers).end(failed?.html)
  })
  await page.goto(`${origin}/oauth2/callback?code=secret`)
  await page.getByRole('link', { name: 'Sign in again' }).click()
  await page.waitForURL('**/oauth2/start?*')
  const start = requests.find(({ url }) => url?.startsWith('/oauth2/start?rd='))
  expect(start).toBeDefined()
  expect(start?.headers.referer).toBeUndefined()
  expect(await measure(page, 'document.referrer')).toBe('')
})

it('a waiting page reloads itself, which does not count as a person; its button reloads too, and counts', async () => {
  const { page } = await open()
  const waiting = EVERY_PAGE.get('failure-store-unavailable')
  // A browser may request an icon at any time, also for the previous page.
  const asked = (): typeof requests => requests.filter(({ url }) => url === '/vnc.html?a=b')
  instead.set('vnc.html?a=b', (_request, response) => {
    // Once, and sooner than the ten seconds of the real page.
    const refresh = asked().length === 1 ? { refresh: '1' } : { refresh: '600' }
    response.writeHead(503, { ...waiting?.headers, ...refresh }).end(waiting?.html)
  })
  await page.goto(`${origin}/vnc.html?a=b`)
  await expect.poll(() => asked().length, { timeout: 5_000 }).toBe(2)
  await page.getByRole('link', { name: 'Try now' }).click()
  await expect.poll(() => asked().length, { timeout: 5_000 }).toBe(3)
  expect(
    asked()
      .slice(1)
      .map(({ headers }) => headers['sec-fetch-user']),
  ).toEqual([undefined, '?1'])
})

it('one click selects the whole request ID', async () => {
  const { page } = await open()
  await page.goto(`${origin}/failure-internal`)
  await page.locator('code').click()
  expect(await measure(page, 'getSelection().toString()')).toBe('7f3kq9xw2m4t')
})
