// What a person at the desktop sees, and what the page's WebSocket receives. Observed from inside the page, because only
// scripts of the page see the code and reason of a Close.

import type { BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'

/** The page's latest WebSocket. Times are milliseconds since the epoch. */
export interface WatchedSocket {
  readonly received: number
  readonly lastReceivedAt: number
  readonly sent: readonly { readonly at: number; readonly type: number }[]
  readonly closed?: { readonly at: number; readonly code: number; readonly reason: string }
}

/** Twice the required second, because this is a real browser on a busy machine. */
const DEADLINE_MS = 2_000
/** A moving picture moves at least as often, as the painted desktop ticks every 80 ms. */
const STILL_MS = 1_000

// No subclass: noVNC looks for the methods on the socket and on its very prototype. Messages are binary; their first byte
// is the type of an RFB message once the handshake is over.
const WATCH = `
  globalThis.WebSocket = new Proxy(WebSocket, {
    construct(WebSocket, args) {
      const socket = new WebSocket(...args)
      const seen = (globalThis.watchedSocket = { received: 0, lastReceivedAt: 0, sent: [] })
      socket.addEventListener('message', () => {
        seen.received += 1
        seen.lastReceivedAt = Date.now()
      })
      socket.addEventListener('close', ({ code, reason }) => {
        seen.closed = { at: Date.now(), code, reason }
      })
      socket.send = (data) => {
        seen.sent.push({ at: Date.now(), type: data[0] })
        WebSocket.prototype.send.call(socket, data)
      }
      return socket
    },
  })`

/** Before the first page of the context loads. */
export async function watchSockets(context: BrowserContext): Promise<void> {
  await context.addInitScript(WATCH)
}

export function watchedSocket(page: Page): Promise<WatchedSocket> {
  return page.evaluate('globalThis.watchedSocket')
}

/** Resolves when there is a picture and it changes without input. */
export async function expectMovingPicture(page: Page): Promise<void> {
  await page.waitForSelector('html[data-desktop="connected"]')
  const picture = (): Promise<string> =>
    page.evaluate(`document.querySelector('canvas').toDataURL()`)
  const first = await picture()
  await eventually(async () => expect(await picture()).not.toBe(first))
}

export interface PictureEnd {
  readonly code: number
  readonly reason: string
  /** When the person or the clock caused the end (ms since the epoch). */
  readonly causedAt: number
  /** The latest time at which the gateway learned of it, if that is different. */
  readonly knownBy?: number
}

/** Checks that the picture moved until the end, ended in time with that Close, and is no longer visible. */
export async function expectPictureEnds(
  page: Page,
  { code, reason, causedAt, knownBy = causedAt }: PictureEnd,
): Promise<WatchedSocket> {
  const socket = await eventually(async () => {
    const seen = await watchedSocket(page)
    expect(seen.closed).toBeDefined()
    return seen
  })
  const { at = 0, ...close } = socket.closed ?? {}
  expect(close).toEqual({ code, reason })
  expect(at, 'too early').toBeGreaterThanOrEqual(causedAt)
  expect(at - knownBy, 'milliseconds until the picture ended').toBeLessThan(DEADLINE_MS)
  expect(at - socket.lastReceivedAt, 'milliseconds without a picture').toBeLessThan(STILL_MS)
  await page.waitForSelector('html[data-desktop="disconnected"]')
  expect(await page.textContent('#message')).toBe(`Disconnected: ${reason.replaceAll('-', ' ')}.`)
  expect(await page.locator('canvas').count()).toBe(0)
  return socket
}
