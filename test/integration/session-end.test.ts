// Every way to end a session closes its open streams, with the reason in the Close frame.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EndReason } from '../../src/session/session.ts'
import { Person } from '../support/person.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { expectEnd, openStream, type Stream } from '../support/stream.ts'

const ADMIN_TOKEN = 'an-admin-token-for-tests'
let stack: Stack
beforeAll(async () => {
  stack = await startStack({
    environment: { GATEWAY_LOGIN_LIMIT: 'off', GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN },
  })
})
afterAll(() => stack.stop())

async function arrive(from: Stack = stack): Promise<{ person: Person; stream: Stream }> {
  const person = new Person()
  await person.signIn(`${from.gateway.origin}/`)
  return { person, stream: await openStream(from.gateway, person) }
}

async function expectReason(person: Person, reason: EndReason, from: Stack = stack): Promise<void> {
  const { location } = await person.visit(`${from.gateway.origin}/vnc.html`)
  expect(location?.href).toBe(
    `${from.gateway.origin}/oauth2/sign_in?reason=${reason}&rd=%2Fvnc.html`,
  )
}

const admin = (method: string, path: string, token = ADMIN_TOKEN): Promise<Response> =>
  fetch(stack.gateway.admin + path, { method, headers: { authorization: `Bearer ${token}` } })

it('signing out ends every stream of the session, and no other', async () => {
  const { person, stream } = await arrive()
  const second = await openStream(stack.gateway, person)
  const other = await arrive()
  await person.request(`${stack.gateway.origin}/oauth2/sign_out`, {
    method: 'POST',
    headers: { origin: stack.gateway.origin },
  })
  await expectEnd(stream, 4401, 'signed-out')
  await expectEnd(second, 4401, 'signed-out')
  expect(other.stream.socket.destroyed).toBe(false)
  other.stream.socket.destroy()
  const closed = (): unknown[] =>
    stack.gateway.audit('tunnel_closed').map((event) => event['reason'])
  await expect
    .poll(closed)
    .toEqual(expect.arrayContaining(['signed-out', 'signed-out', 'client-closed']))
})

it('the provider’s back-channel logout ends them', async () => {
  const { person, stream } = await arrive()
  // The person signs out at the provider, not at the gateway.
  const page = await person.visit(`${stack.provider.issuer}/session/end`)
  const field = (name: string): string =>
    new RegExp(`name="${name}"[^>]*value="([^"]*)"`).exec(page.body)?.[1] ?? ''
  const action = /action="([^"]*)"/.exec(page.body)?.[1] ?? ''
  await person.request(new URL(action, page.url), {
    method: 'POST',
    body: new URLSearchParams({ xsrf: field('xsrf'), logout: 'yes' }),
  })
  await expectEnd(stream, 4401, 'provider-logout')
  await expectReason(person, 'provider-logout')
})

describe('an administrator', () => {
  it('sees who is signed in and ends one session', async () => {
    const { person, stream } = await arrive()
    const { sessions } = (await (await admin('GET', '/admin/sessions')).json()) as {
      sessions: Record<string, unknown>[]
    }
    const mine = sessions.find(({ tunnels }) => tunnels === 1)
    expect(mine).toMatchObject({
      sub: 'alice',
      email: 'alice@example.com',
      role: 'control',
      address: '127.0.0.1',
      tunnels: 1,
    })
    expect(person.cookieHeader(stack.gateway.origin)).not.toContain(mine?.['id'])
    const answer = await admin('DELETE', `/admin/sessions/${String(mine?.['id'])}`)
    expect(await answer.json()).toEqual({ ended: 1 })
    await expectEnd(stream, 4401, 'revoked')
    await expectReason(person, 'revoked')
    expect(stack.gateway.audit('admin_action').at(-1)).toMatchObject({ ended: 1 })
  })

  it('ends every session of a person', async () => {
    const [one, two] = [await arrive(), await arrive()]
    const { ended } = (await (await admin('DELETE', '/admin/users/alice/sessions')).json()) as {
      ended: number
    }
    expect(ended).toBeGreaterThanOrEqual(2)
    await expectEnd(one.stream, 4401, 'revoked')
    await expectEnd(two.stream, 4401, 'revoked')
    expect(await (await admin('DELETE', '/admin/users/nobody/sessions')).json()).toEqual({
      ended: 0,
    })
  })

  it.each(['', 'wrong', `${ADMIN_TOKEN}x`])('is refused with the token %j', async (token) => {
    expect((await admin('GET', '/admin/sessions', token)).status).toBe(401)
    expect((await admin('DELETE', '/admin/users/alice/sessions', token)).status).toBe(401)
  })
})

it('the maximum lifetime ends a session, used or not', async () => {
  const short = await startStack({
    gateway: { settings: (s) => ({ ...s, session: { ...s.session, maxLifetime: 1_500 } }) },
  })
  try {
    const { person, stream } = await arrive(short)
    await expectEnd(stream, 4401, 'expired')
    await expectReason(person, 'expired', short)
  } finally {
    await short.stop()
  }
})

describe('the idle timeout', () => {
  let idle: Stack
  beforeAll(async () => {
    idle = await startStack({
      environment: { GATEWAY_SESSION_IDLE_TIMEOUT: '1s', GATEWAY_LOGIN_LIMIT: 'off' },
    })
  })
  afterAll(() => idle.stop())

  const HELLO = Buffer.from('RFB 003.008\n')
  const FENCE = Buffer.from([248, 0, 0, 0, 0, 0, 0, 0, 0])
  const POINTER = Buffer.from([5, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0])

  async function keepSending(stream: Stream, message: Buffer, forMs: number): Promise<void> {
    stream.sendFrame(Buffer.concat([HELLO, Buffer.from([1, 1])]))
    for (const until = Date.now() + forMs; Date.now() < until;) {
      stream.sendFrame(message)
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (stream.socket.destroyed) return
    }
  }

  it('a stream with only automatic messages ends, and the next sign-in asks for the password', async () => {
    const { person, stream } = await arrive(idle)
    await Promise.all([keepSending(stream, FENCE, 1_500), expectEnd(stream, 4401, 'idle')])
    await expectReason(person, 'idle', idle)
    // A sign-out from a page that was left open does not remove the need to enter the password.
    const { origin } = idle.gateway
    const out = await person.request(`${origin}/oauth2/sign_out`, {
      method: 'POST',
      headers: { origin },
    })
    expect(out.status).toBe(302)
    const start = await person.visit(`${idle.gateway.origin}/oauth2/start`)
    // The provider still has a session of this person, but asks for the password.
    const form = await person.follow(start.location as URL)
    expect(form.body).toContain('name="password"')
    expect((await person.signIn(`${idle.gateway.origin}/oauth2/start`)).status).toBe(200)
  })

  it('moving the mouse keeps the session open', async () => {
    const { stream } = await arrive(idle)
    await keepSending(stream, POINTER, 2_000)
    expect(stream.socket.destroyed).toBe(false)
    stream.socket.destroy()
  })

  it('a request to /oauth2/stay keeps the session open', async () => {
    const { person, stream } = await arrive(idle)
    for (let at = 0; at < 4; at += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500))
      const { status } = await person.request(`${idle.gateway.origin}/oauth2/stay`, {
        method: 'POST',
        headers: { origin: idle.gateway.origin },
      })
      expect(status).toBe(204)
    }
    expect(stream.socket.destroyed).toBe(false)
    stream.socket.destroy()
  })

  it('a page of another site cannot make this request', async () => {
    const { person, stream } = await arrive(idle)
    const { status } = await person.request(`${idle.gateway.origin}/oauth2/stay`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
    })
    expect(status).toBe(403)
    stream.socket.destroy()
  })
})

describe('a stream', () => {
  it.each([
    ['text', { opcode: 1 }],
    ['a continuation', { opcode: 0 }],
    ['an unfinished message', { fin: false }],
    ['reserved bits', { rsv: 4 }],
    ['an unmasked frame', { masked: false }],
  ])('that carries %s from the browser ends with 1002', async (_, shape) => {
    const { stream } = await arrive()
    stream.sendFrame(Buffer.from('RFB 003.008\n'), shape)
    await expectEnd(stream, 1002, 'protocol-error')
  })

  it('ends with 1013 when its desktop goes away', async () => {
    const { stream } = await arrive()
    const tunnel = stack.desktop.tunnels.at(-1)
    if (tunnel === undefined) throw new Error('no tunnel')
    stack.desktop.closeTunnel(tunnel, 'fin')
    await expectEnd(stream, 1013, 'desktop-gone')
  })

  it('ends with 1001 when the gateway stops', async () => {
    const draining = await startStack()
    const { stream } = await arrive(draining)
    await draining.gateway.stop()
    await expectEnd(stream, 1001, 'draining')
    await Promise.all([draining.provider.stop(), draining.desktop.stop()])
  })
})
