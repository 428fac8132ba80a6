// GET /oauth2/desktop_status, and the page that uses it while the desktop does not answer.

import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import {
  startKasmVncStandIn,
  type StandIn,
  type StandInOptions,
} from '../support/kasmvnc-stand-in.ts'
import { NAVIGATION } from '../support/person.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

let stack: Stack
let visitor: SignedIn
let later = 0
let again: StandIn | undefined

async function start(desktop: StandInOptions = {}): Promise<void> {
  later = 0
  stack = await startStack({
    desktop,
    gateway: { now: () => Date.now() + later },
  })
  visitor = await signIn(stack.gateway)
}
afterEach(async () => {
  await stack.stop()
  await again?.stop()
  again = undefined
})

const status = async (): Promise<unknown> =>
  JSON.parse(
    (await visitor.ask('GET /oauth2/desktop_status')).body.replace(/^.*?(\{.*\}).*$/s, '$1'),
  )
/** The headers of a page that reloads itself, which is not human input. */
const lines = Object.entries(NAVIGATION)
  .map(([name, value]) => `${name}: ${value}`)
  .filter((line) => !/^sec-fetch-user/i.test(line))

describe('the desktop’s state', () => {
  it('is visible only to people who are signed in', async () => {
    await start()
    const nobody = await fetch(`${stack.gateway.origin}/oauth2/desktop_status`)
    expect(nobody.status).toBe(401)
    expect(await nobody.json()).toEqual({ error: 'unauthenticated', sign_in: '/oauth2/sign_in' })
    const answer = await visitor.ask('GET /oauth2/desktop_status')
    expect(answer.headers.get('cache-control')).toEqual(['no-store'])
  })

  it('is up, starting, and up again, and requests for it do not count as input', async () => {
    await start()
    expect(await status()).toEqual({ state: 'up' })
    const idleExpiresAt = async (): Promise<unknown> => {
      const { body } = await visitor.person.request(`${stack.gateway.origin}/oauth2/userinfo`)
      return (JSON.parse(body) as { idleExpiresAt: unknown }).idleExpiresAt
    }
    const before = await idleExpiresAt()
    const port = Number(stack.desktop.url.port)
    await stack.desktop.stop()
    // After a failed connection the cached result of the probe is discarded at once.
    const page = await visitor.ask('GET /vnc.html?resize=remote', ...lines)
    expect(page.status).toBe(503)
    expect(page.headers.get('retry-after')).toEqual(['5'])
    expect(page.body).toContain('Your desktop opens here as soon as it answers')
    expect(await status()).toEqual({ state: 'starting' })
    const script = await visitor.ask('GET /app/ui.js', 'Accept: */*')
    expect(script).toMatchObject({ status: 503 })
    expect(script.headers.get('retry-after')).toEqual(['5'])
    expect(script.body).toContain('"error":"desktop-unreachable"')

    again = await startKasmVncStandIn({ port })
    later += 2_000
    expect(await status()).toEqual({ state: 'up' })
    expect((await visitor.ask('GET /vnc.html?resize=remote', ...lines)).status).toBe(200)
    expect(await idleExpiresAt()).toBe(before)
  })

  it('is refused while the gateway pauses after a refusal', async () => {
    await start({ users: [{ name: 'kasm_user', password: 'other', permissions: 'w' }] })
    expect((await visitor.ask('GET /vnc.html')).status).toBe(502)
    expect(await status()).toEqual({ state: 'refused' })
  })

  it('is probed at most every two seconds for any number of people, without an HTTP request', async () => {
    await start()
    const { connections, requests } = stack.desktop
    const before = connections.total
    await Promise.all(Array.from({ length: 50 }, status))
    await eventually(() => expect(connections.total).toBe(before + 1))
    expect(requests).toEqual([])
  })
})

describe('a desktop that restarts while a stream is open', () => {
  it.each(['fin', 'rst'] as const)(
    'closes it with 1013 (%s), and a new one can be opened',
    async (how) => {
      await start()
      const client = await visitor.open()
      expect(client.status).toBe(101)
      expect((await client.nextFrame()).payload.toString()).toBe('RFB 003.008\n')
      const port = Number(stack.desktop.url.port)
      const [tunnel] = stack.desktop.tunnels
      if (tunnel === undefined) throw new Error('no tunnel')
      stack.desktop.closeTunnel(tunnel, how)
      await stack.desktop.stop()
      expect(await client.closed).toMatchObject({ code: 1013, reason: 'desktop-gone' })
      expect(await visitor.open()).toMatchObject({ status: 503 })

      again = await startKasmVncStandIn({ port })
      expect(await visitor.open()).toMatchObject({ status: 101 })
    },
  )
})
