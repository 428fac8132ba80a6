// What a person does and sees in a real browser during sign-in: the provider's form, and the gateway's own pages.

import type { Page } from 'playwright-core'

/** Waits for the provider's form, and submits it. */
export async function fillIn(page: Page, username = 'alice'): Promise<void> {
  await page.fill('input[name="username"]', username)
  await page.fill('input[name="password"]', username)
  await page.press('input[name="password"]', 'Enter')
}

/** Waits for the provider's question whether to sign out there, and says yes. */
export const signOutAtProvider = (page: Page): Promise<void> => page.click('button[name="logout"]')

export interface OwnPage {
  /** All buttons; each of our pages has one. */
  readonly buttons: readonly string[]
  readonly hasRequestId: boolean
}

/** Waits for the page of the gateway's own with this heading. */
export async function readOwnPage(page: Page, heading: string): Promise<OwnPage> {
  await page.waitForSelector(`h1:text-is("${heading}")`)
  return {
    buttons: await page.locator('.button').allTextContents(),
    hasRequestId: (await page.locator('.request code').count()) === 1,
  }
}

/** The one button of a page of ours. */
export const pressButton = (page: Page): Promise<void> => page.click('.button')
