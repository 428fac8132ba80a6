import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mallory } from '../../demo/people.ts'
import { NAVIGATION, Person } from '../support/person.ts'
import { startStack, type Stack } from '../support/stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({ environment: { GATEWAY_LOGIN_LIMIT: 'off' } })
})
afterAll(() => stack.stop())

const at = (path: string): string => stack.gateway.origin + path

describe('a first visit', () => {
  it('goes to the provider in one redirect, and back to where the person was in two', async () => {
    const person = new Person()
    const first = await person.visit(at('/vnc.html?resize=remote'))
    expect(first.status).toBe(302)
    expect(first.location?.origin).toBe(stack.provider.issuer)
    const desktop = await person.signIn(at('/vnc.html?resize=remote'))
    expect(desktop.status).toBe(200)
    expect(desktop.url.href).toBe(at('/vnc.html?resize=remote'))
  })

  it('asks with code, PKCE S256, state and nonce, pushed where the provider takes that', async () => {
    const { location } = await new Person().visit(at('/'))
    expect(location?.searchParams.get('request_uri')).toMatch(/^urn:ietf:params:oauth:request_uri:/)
  })

  it('keeps the login state sealed in a cookie of its own', async () => {
    const { headers } = await new Person().visit(at('/'))
    const [cookie = ''] = headers.getSetCookie()
    expect(cookie).toMatch(
      /^ghostwire-\d+-login-[0-9a-z]{14}=eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/,
    )
  })
})

describe('a session', () => {
  it('is a new cookie at every sign-in, and the old one is gone for good', async () => {
    const person = new Person()
    await person.signIn(at('/'))
    const old = person.cookieHeader(stack.gateway.origin)
    await person.signIn(at('/oauth2/start'))
    expect(person.cookieHeader(stack.gateway.origin)).not.toBe(old)
    const replay = await fetch(at('/oauth2/userinfo'), { headers: { cookie: old } })
    expect(replay.status).toBe(401)
  })

  it('tells a script who is signed in', async () => {
    const person = new Person()
    await person.signIn(at('/'))
    const { status, body } = await person.request(at('/oauth2/userinfo'))
    expect(status).toBe(200)
    const info = JSON.parse(body) as Record<string, unknown>
    expect(info).toMatchObject({
      sub: 'alice',
      email: 'alice@example.com',
      name: 'Alice Adams',
      groups: ['desktop-users'],
      role: 'control',
    })
    const left = Date.parse(info['expiresAt'] as string) - Date.now()
    expect(left).toBeGreaterThan(11.9 * 3_600_000)
    expect(left).toBeLessThanOrEqual(12 * 3_600_000)
  })

  it('answers another proxy with who it is', async () => {
    const person = new Person()
    expect((await person.request(at('/oauth2/auth'))).status).toBe(401)
    await person.signIn(at('/'))
    const { status, headers } = await person.request(at('/oauth2/auth'))
    expect(status).toBe(202)
    expect(headers.get('x-auth-request-user')).toBe('alice')
    expect(headers.get('x-auth-request-email')).toBe('alice@example.com')
    expect(headers.get('x-auth-request-groups')).toBe('desktop-users')
    expect(headers.get('x-auth-request-preferred-username')).toBe('alice')
    const foreign = await person.request(at('/oauth2/auth'), {
      headers: { origin: 'https://evil.example', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
    })
    expect(foreign.status).toBe(403)
  })
})

describe('several tabs', () => {
  it('sign in at once, each to its own page', async () => {
    const person = new Person()
    const one = await person.reachCallback(at('/one.html'))
    const two = await person.reachCallback(at('/two.html'))
    expect((await person.visit(two.location as URL)).location?.pathname).toBe('/two.html')
    expect((await person.visit(one.location as URL)).location?.pathname).toBe('/one.html')
  })

  it('may answer twice: the code is redeemed once, and the second click lands on the desktop', async () => {
    const person = new Person()
    const { location } = await person.reachCallback(at('/vnc.html'))
    const answers = await Promise.all([
      person.visit(location as URL),
      person.visit(location as URL),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([302, 400])
    expect((await person.visit(location as URL)).location?.href).toBe(at('/'))
    expect((await person.visit(at('/'))).status).toBe(200)
  })
})

describe('somebody no rule matches', () => {
  it('gets a page that says who they are and offers another account, and no session', async () => {
    const person = new Person()
    const { status, body, headers } = await person.signIn(at('/'), 'mallory')
    expect(status).toBe(403)
    expect(body).toContain(mallory.name)
    expect(body).toContain('/oauth2/start?prompt=select_account')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(person.cookieHeader(stack.gateway.origin)).not.toMatch(/ghostwire-\d+=/)
    expect(stack.gateway.audit('login_refused').at(-1)).toMatchObject({
      sub: 'mallory',
      email: 'mallory@example.com',
      reason: 'no-rule-matches',
    })
    const again = await person.visit(at('/oauth2/start?prompt=select_account'))
    expect(again.status).toBe(302)
  })
})

describe('without a session', () => {
  it.each([
    ['a fetch', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['a sub-resource', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }],
    ['a client that says nothing', { accept: '*/*' }],
    ['a page in a frame', { ...NAVIGATION, 'sec-fetch-dest': 'iframe' }],
  ])('%s gets 401 and the way to sign in, as JSON', async (_, headers) => {
    const answer = await new Person().request(at('/vnc.html'), { headers })
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.body)).toEqual({
      error: 'unauthenticated',
      sign_in: '/oauth2/sign_in',
    })
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it('a POST gets the same, navigation or not', async () => {
    const answer = await new Person().request(at('/'), {
      method: 'POST',
      headers: NAVIGATION,
      body: 'x',
    })
    expect(answer.status).toBe(401)
  })

  it.each(['', 'x', '%00', 'a'.repeat(4_000), 'eyJhbGciOiJkaXIifQ....'])(
    'a cookie %j is no session',
    async (value) => {
      const cookie = `ghostwire-${new URL(stack.gateway.origin).port}=${value}`
      const answer = await fetch(at('/oauth2/userinfo'), { headers: { cookie } })
      expect(answer.status).toBe(401)
    },
  )

  it('a navigation to another host name is sent to the public one first', async () => {
    const other = stack.gateway.origin.replace('localhost', '127.0.0.1')
    const person = new Person()
    const answer = await person.visit(`${other}/vnc.html?x=1`)
    expect(answer.status).toBe(302)
    expect(answer.location?.href).toBe(at('/vnc.html?x=1'))
    // A proxy that rewrites Host brings the same browser back to the same place: on to the provider, no circle.
    const second = await person.visit(`${other}/vnc.html?x=1`)
    expect(second.location?.origin).toBe(stack.provider.issuer)
  })
})

describe('signing out', () => {
  it('asks first, ends the session, then the provider’s, and comes back with a word', async () => {
    const person = new Person()
    await person.signIn(at('/'))
    const cookie = person.cookieHeader(stack.gateway.origin)
    const page = await person.visit(at('/oauth2/sign_out'))
    expect(page.status).toBe(200)
    expect(page.body).toContain('Alice Adams')
    const left = await person.request(at('/oauth2/sign_out'), {
      method: 'POST',
      headers: { origin: stack.gateway.origin },
    })
    expect(left.status).toBe(302)
    expect(left.location?.origin).toBe(stack.provider.issuer)
    expect(left.location?.searchParams.get('id_token_hint')).toMatch(/^eyJ/)
    expect(left.location?.searchParams.get('post_logout_redirect_uri')).toBe(
      at('/oauth2/signed_out'),
    )
    expect(left.location?.href.length).toBeLessThanOrEqual(2_048)
    const replay = await new Person().visit(at('/vnc.html'), { cookie })
    expect(replay.status).toBe(302)
    expect(replay.headers.get('location')).toBe('/oauth2/sign_in?reason=signed-out&rd=%2Fvnc.html')
    expect(stack.gateway.audit('session_ended').at(-1)).toMatchObject({
      sub: 'alice',
      reason: 'signed-out',
    })
  })

  it.each(['https://evil.example', 'null', undefined])(
    'does not listen to a form from %s',
    async (origin) => {
      const person = new Person()
      await person.signIn(at('/'))
      const headers = origin === undefined ? undefined : { origin }
      const answer = await person.request(at('/oauth2/sign_out'), {
        method: 'POST',
        ...(headers === undefined ? {} : { headers }),
      })
      expect(answer.status).toBe(403)
      expect((await person.request(at('/oauth2/userinfo'))).status).toBe(200)
    },
  )

  it('is over without a session, and says so', async () => {
    const answer = await new Person().visit(at('/oauth2/sign_out'))
    expect(answer.location?.href).toBe(at('/oauth2/sign_in?reason=signed-out'))
  })
})

describe('below /oauth2/', () => {
  it('nothing reaches the desktop', async () => {
    const person = new Person()
    await person.signIn(at('/'))
    const before = stack.desktop.requests.length
    for (const path of [
      '/oauth2',
      '/oauth2/',
      '/oauth2/nothing',
      '/oauth2/../x',
      '/%6Fauth2/x',
      '/oauth2/sign_in/x',
    ]) {
      const { status } = await person.visit(at(path))
      expect([404, 200]).toContain(status)
    }
    // `/oauth2/../x` is `/x` to every browser, fetch among them: the one that went through.
    expect(stack.desktop.requests.length - before).toBeLessThanOrEqual(1)
  })

  it('does not use an authorization response up for somebody who only looks', async () => {
    const person = new Person()
    const { location } = await person.reachCallback(at('/'))
    expect((await person.request(location as URL, { method: 'HEAD' })).status).toBe(405)
    expect((await person.visit(location as URL)).location?.href).toBe(at('/'))
  })

  it('sends a sign-in that begins on another host to the public one first', async () => {
    const other = stack.gateway.origin.replace('localhost', '127.0.0.1')
    const answer = await new Person().visit(`${other}/oauth2/start?rd=/x`)
    expect(answer.location?.href).toBe(at('/oauth2/start?rd=/x'))
  })

  it('knows its methods', async () => {
    const answer = await new Person().request(at('/oauth2/callback'), { method: 'POST' })
    expect([404, 405]).toContain(answer.status)
  })
})

it('writes no token, code, cookie or password anywhere', async () => {
  const person = new Person()
  const { location } = await person.reachCallback(at('/'))
  await person.visit(location as URL)
  const written = JSON.stringify(stack.gateway.lines)
  const secrets = [
    location?.searchParams.get('code'),
    location?.searchParams.get('state'),
    ...(person.jars.get('localhost')?.values() ?? []),
    'kasm-password',
    'a-client-secret-for-tests-only',
    'a session secret for tests',
  ]
  for (const secret of secrets) {
    expect(secret?.length).toBeGreaterThan(5)
    expect(written).not.toContain(secret)
  }
  expect(written).not.toMatch(/eyJ[\w-]{10,}/)
})
