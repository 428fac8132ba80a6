import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CLIENT_ID } from '../support/gateway.ts'
import { Person, type Answer } from '../support/person.ts'
import type { Bend } from '../support/scripted-op.ts'
import {
  expectNothingSecret,
  metric,
  requestIdOn,
  signIn,
  startScriptedStack,
  withScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'
import { startStack } from '../support/stack.ts'

let stack: ScriptedStack
beforeAll(async () => {
  stack = await startScriptedStack()
})
afterAll(() => stack.stop())
afterEach(() => stack.op.reset())

const signOut = (
  { gateway, at }: ScriptedStack,
  person: Person,
  headers: Readonly<Record<string, string>> = { origin: gateway.origin },
): Promise<Answer> => person.request(at('/oauth2/sign_out'), { method: 'POST', headers })

const isSignedIn = async ({ at }: ScriptedStack, person: Person): Promise<boolean> =>
  (await person.request(at('/oauth2/userinfo'))).status === 200

async function someone(at: ScriptedStack = stack): Promise<Person> {
  const person = new Person()
  expect((await signIn(at, '/', person)).status).toBe(302)
  return person
}

describe('signing out', () => {
  it('ends the session here, then at the provider, and comes back with a word', async () => {
    const person = await someone()
    const cookie = person.cookieHeader(stack.gateway.origin)
    const { location, status } = await signOut(stack, person)
    expect(status).toBe(302)
    expect(location?.href.startsWith(`${stack.op.issuer}/logout?`)).toBe(true)
    expect(Object.fromEntries(location?.searchParams ?? [])).toEqual({
      client_id: CLIENT_ID,
      id_token_hint: expect.stringMatching(/^eyJ/) as string,
      state: expect.stringMatching(/^[\w-]{22}$/) as string,
      post_logout_redirect_uri: stack.at('/oauth2/signed_out'),
    })
    const old = await new Person().visit(stack.at('/vnc.html'), { cookie })
    expect(old.headers.get('location')).toBe('/oauth2/sign_in?reason=signed-out&rd=%2Fvnc.html')
    const page = await person.visit(stack.at('/oauth2/sign_in?reason=signed-out'))
    expect(page.body).toContain('You are signed out')
  })

  it('says that the provider signed the person out too, to whoever comes back with this state, once', async () => {
    const person = await someone()
    const { location } = await signOut(stack, person)
    const back = new URL(location?.searchParams.get('post_logout_redirect_uri') ?? '')
    back.searchParams.set('state', location?.searchParams.get('state') ?? '')
    const BOTH = 'the sign-in service has signed you out too'
    const other = new URL(back)
    other.searchParams.set('state', 'x'.repeat(22))
    expect((await new Person().follow(back)).body).not.toContain(BOTH)
    const anotherOne = await someone()
    await signOut(stack, anotherOne)
    expect((await anotherOne.follow(other)).body).not.toContain(BOTH)
    expect((await person.follow(back)).body).toContain(BOTH)
    expect((await person.follow(back)).body).not.toContain(BOTH)
  })

  it('leaves no cookie of the session behind, and none at all once it is over', async () => {
    const person = await someone()
    await signOut(stack, person)
    const names = person.cookieHeader(stack.gateway.origin).replaceAll(/=[^;]*/g, '')
    expect(names).toMatch(/^[\w-]*-logout$/)
    await person.visit(stack.at('/oauth2/sign_in?reason=signed-out'))
    expect(person.cookieHeader(stack.gateway.origin)).toBe('')
  })

  it('is one audit line with the session that began, and one count', async () => {
    const labels = { reason: 'signed-out' }
    const before = await metric(stack.gateway, 'ghostwire_sessions_ended_total', labels)
    const person = await someone()
    const login = stack.gateway.audit('login').at(-1)
    const ended = stack.gateway.audit('session_ended').length
    await signOut(stack, person)
    await signOut(stack, person)
    expect(stack.gateway.audit('session_ended').slice(ended)).toEqual([
      {
        audit: true,
        time: expect.any(String) as string,
        event: 'session_ended',
        request: expect.stringMatching(/^[\w-]{11}$/) as string,
        session: login?.['session'],
        sub: 'alice',
        email: 'alice@example.com',
        role: 'control',
        address: '127.0.0.1',
        desktop: '127.0.0.1:9',
        reason: 'signed-out',
      },
    ])
    expect(await metric(stack.gateway, 'ghostwire_sessions_ended_total', labels)).toBe(before + 1)
    expectNothingSecret(JSON.stringify(stack.gateway.lines))
  })

  it('asks first, and asking ends nothing', async () => {
    const person = await someone()
    const page = await person.visit(stack.at('/oauth2/sign_out'))
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(page.body).toContain('<form method="post" action="/oauth2/sign_out">')
    await person.request(stack.at('/oauth2/sign_out'), { method: 'HEAD' })
    expect(await isSignedIn(stack, person)).toBe(true)
  })

  it('twice, or without ever having been in, ends at the sign-in page', async () => {
    const person = await someone()
    await signOut(stack, person)
    for (const who of [person, new Person()]) {
      const { status, location } = await signOut(stack, who)
      expect([status, location?.href]).toEqual([302, stack.at('/oauth2/sign_in?reason=signed-out')])
    }
  })

  it.each([
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a page of another site that hides', { origin: 'null' }],
    ['a page of a neighbour', { origin: 'http://localhost:1' }],
    ['a page of another site, by its mode alone', { 'sec-fetch-site': 'cross-site' }],
    ['a page of the same site', { 'sec-fetch-site': 'same-site' }],
    ['the address bar', { 'sec-fetch-site': 'none' }],
    ['nobody', {}],
  ])('cannot be done by %s', async (_, headers) => {
    const person = await someone()
    const answer = await signOut(stack, person, headers)
    expect(answer.status).toBe(403)
    expect(requestIdOn(answer)).toBeDefined()
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await isSignedIn(stack, person)).toBe(true)
  })

  it('can be done by a page of ours in a browser that sends no Origin', async () => {
    const person = await someone()
    expect((await signOut(stack, person, { 'sec-fetch-site': 'same-origin' })).status).toBe(302)
    expect(await isSignedIn(stack, person)).toBe(false)
  })
})

describe('the way to the provider', () => {
  it('is never longer than 2,048 bytes: beyond that the person is named by a hint', async () => {
    const ways = new Set<string>()
    for (let length = 700; length <= 1_300; length += 100) {
      stack.op.script({ claims: { filler: 'x'.repeat(length) } })
      const { location } = await signOut(stack, await someone())
      const { href = '', searchParams = new URLSearchParams() } = location ?? {}
      expect(Buffer.byteLength(href)).toBeLessThanOrEqual(2_048)
      expect(searchParams.get('client_id')).toBe(CLIENT_ID)
      expect(searchParams.get('post_logout_redirect_uri')).toBe(stack.at('/oauth2/signed_out'))
      const hints = ['id_token_hint', 'logout_hint'].filter((name) => searchParams.has(name))
      expect(hints).toHaveLength(1)
      ways.add(hints[0] ?? '')
    }
    expect([...ways]).toEqual(['id_token_hint', 'logout_hint'])
  })

  it.each([
    ['the address', {}, 'alice@example.com'],
    ['the subject of whoever has none', { email: undefined }, 'alice'],
  ])('hints with %s', async (_, claims, hint) => {
    stack.op.script({ claims: { ...claims, filler: 'x'.repeat(5_000) } })
    const { location } = await signOut(stack, await someone())
    expect(Object.fromEntries(location?.searchParams ?? [])).toEqual({
      client_id: CLIENT_ID,
      logout_hint: hint,
      state: expect.stringMatching(/^[\w-]{22}$/) as string,
      post_logout_redirect_uri: stack.at('/oauth2/signed_out'),
    })
  })

  it('keeps what the provider put into it', async () => {
    const discovery: Bend = ({ body }) => ({
      body: { ...body, end_session_endpoint: `${String(body['issuer'])}/logout?tenant=7` },
    })
    await withScriptedStack({ op: { script: { discovery } } }, async (own) => {
      const { location } = await signOut(own, await someone(own))
      expect(location?.searchParams.get('tenant')).toBe('7')
    })
  })

  it('may not exist: the session ends all the same, and the page says what it could not do', async () => {
    const discovery: Bend = ({ body }) => ({ body: { ...body, end_session_endpoint: undefined } })
    await withScriptedStack({ op: { script: { discovery } } }, async (own) => {
      const person = await someone(own)
      const answer = await signOut(own, person)
      expect([answer.status, answer.location]).toEqual([200, undefined])
      expect(answer.body).toContain('<h1>You are signed out here</h1>')
      expect(answer.body).toContain('href="/oauth2/start"')
      expect(person.cookieHeader(own.gateway.origin)).toBe('')
      expect(await isSignedIn(own, person)).toBe(false)
    })
  })

  it('asks the provider nothing: one that is down holds nobody up', async () => {
    const person = await someone()
    const asked = stack.op.requests.length
    expect((await signOut(stack, person)).status).toBe(302)
    expect(stack.op.requests.length).toBe(asked)
  })
})

it('a real provider signs the person out, sends them back, and asks for the password again', async () => {
  const real = await startStack({ environment: { GATEWAY_LOGIN_LIMIT: 'off' } })
  try {
    const { origin } = real.gateway
    const person = new Person()
    await person.signIn(`${origin}/`)
    const left = await person.request(`${origin}/oauth2/sign_out`, {
      method: 'POST',
      headers: { origin },
    })
    const asked = await person.visit(left.location as URL)
    const action = /<form[^>]*action="([^"]*)"/.exec(asked.body)?.[1] ?? ''
    const xsrf = /name="xsrf" value="([^"]*)"/.exec(asked.body)?.[1] ?? ''
    const done = await person.request(new URL(action, asked.url), {
      method: 'POST',
      body: new URLSearchParams({ xsrf, logout: 'yes' }),
    })
    expect(done.location?.href).toMatch(
      new RegExp(`^${origin}/oauth2/signed_out\\?state=[\\w-]{22}$`),
    )
    const page = await person.follow(done.location as URL)
    expect(page.body).toContain('the sign-in service has signed you out too')
    const again = await person.follow(`${origin}/oauth2/start`)
    expect([again.url.origin, again.body.includes('name="password"')]).toEqual([
      real.provider.issuer,
      true,
    ])
  } finally {
    await real.stop()
  }
})

describe('the sign-in page', () => {
  it.each([
    ['', 'Sign in to your desktop'],
    ['?reason=signed-out', 'You are signed out'],
    ['?reason=expired', 'Your session has ended'],
    ['?reason=access-withdrawn', 'Your access has ended'],
    ['?reason=%3Cscript%3Ealert(1)%3C/script%3E', 'Sign in to your desktop'],
    ['?reason=constructor', 'Sign in to your desktop'],
  ])('%j says %s, in words of ours alone', async (query, words) => {
    const page = await new Person().visit(stack.at(`/oauth2/sign_in${query}`))
    expect(page.status).toBe(200)
    expect(page.body).toContain(`<h1>${words}</h1>`)
    expect(page.body).not.toContain('alert(1)')
    expect(page.body).toMatch(/<a class="button" href="\/oauth2\/start\?[^"]*">/)
  })
})
