// Two providers on the sign-in page, and a stronger sign-in from the panel, in a real browser.

import { writeFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  environmentFor,
  freePort,
  startTestGateway,
  type TestGateway,
} from '../support/gateway.ts'
import { startScriptedDesktop, type ScriptedDesktop } from '../support/scripted-desktop.ts'
import { startScriptedOp, type ScriptedOp } from '../support/scripted-op.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const folder = makeTemporaryFolder('ghostwire-providers')
let browser: TestBrowser
let desktop: ScriptedDesktop
let staff: ScriptedOp
let partners: ScriptedOp
let gateway: TestGateway

beforeAll(async () => {
  browser = await launchBrowser()
  desktop = await startScriptedDesktop()
  staff = await startScriptedOp()
  partners = await startScriptedOp()
  const client = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }
  const groups = ['desktop-users']
  const config = {
    oidc: [
      { name: 'staff', label: 'Example Corporation', issuer: staff.issuer, ...client },
      { name: 'partners', label: 'Partners', issuer: partners.issuer, ...client },
    ],
    access: [
      { match: { provider: ['staff'], groups }, role: 'control', require: { acr: ['gold'] } },
      { match: { groups }, role: 'view' },
    ],
  }
  const file = `${folder.path}/gateway.yaml`
  writeFileSync(file, JSON.stringify(config))
  const origin = `http://localhost:${await freePort()}`
  gateway = await startTestGateway({
    ...environmentFor(origin, '', desktop.url.origin),
    GATEWAY_CONFIG: file,
    GATEWAY_OIDC_CLIENT_ID: undefined,
    GATEWAY_OIDC_CLIENT_SECRET: undefined,
    GATEWAY_ALLOW_GROUPS: undefined,
    GATEWAY_DESKTOP_KIND: 'rfb',
    GATEWAY_LOGIN_LIMIT: 'off',
  })
  await gateway.ready()
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
  await Promise.all([staff.stop(), partners.stop(), desktop.stop()])
  folder.remove()
})

/** A page that shows the inside of closed shadow trees. */
async function newPage(): Promise<Page> {
  const page = await browser.newPage()
  await page.addInitScript(`{
    const attach = Element.prototype.attachShadow
    Element.prototype.attachShadow = function (init) {
      return attach.call(this, { ...init, mode: 'open' })
    }
  }`)
  return page
}

it('a person chooses a provider, and finds it first the next time', async () => {
  const page = await newPage()
  await page.goto(`${gateway.origin}/?a=b`)
  const choices = page.locator('.choices a')
  expect(await choices.allInnerTexts()).toEqual([
    'Sign in with Example Corporation',
    'Sign in with Partners',
  ])
  await choices.nth(1).click()
  await page.waitForSelector('html[data-desktop="connected"]')
  expect(new URL(page.url()).search).toBe('?a=b')
  expect(gateway.audit('login').at(-1)).toMatchObject({ provider: 'partners', role: 'view' })

  await page.goto(`${gateway.origin}/oauth2/sign_out`)
  await page.click('button')
  await page.waitForURL(`${partners.issuer}/logout?*`)
  await page.goto(gateway.origin)
  expect(await choices.first().innerText()).toBe('Sign in with Partners')
  expect(await page.innerText('.hint')).toBe('You used this last time.')
})

it('somebody who only watches gets control by a stronger sign-in, from the panel', async () => {
  staff.script({ claims: { acr: 'silver' } })
  const page = await newPage()
  await page.goto(gateway.origin)
  await page.click('text=Example Corporation')
  await page.waitForSelector('html[data-desktop="connected"]')
  const panel = page.locator('ghostwire-panel')
  await panel.locator('.tab').click()
  const stepUp = panel.locator('a', { hasText: 'Sign in to control it' })
  await stepUp.waitFor()
  staff.script({ claims: { acr: 'gold' } })
  await stepUp.click()
  await expect
    .poll(() => gateway.audit('login').at(-1), { timeout: 10_000 })
    .toMatchObject({ provider: 'staff', role: 'control' })
  expect(staff.asked('authorize').at(-1)?.query.get('acr_values')).toBe('gold')
  await page.waitForSelector('html[data-desktop="connected"]')
  await panel.locator('.tab').click()
  await panel.locator('.who').waitFor()
  expect(await stepUp.isVisible()).toBe(false)
})
