// OpenID Connect Back-Channel Logout 1.0, section by section, with invalid tokens of every kind.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Person } from '../support/person.ts'
import { TOKEN_PREFIX, type Json, type Signature } from '../support/scripted-op.ts'
import { signIn, startScriptedStack, type ScriptedStack } from '../support/scripted-stack.ts'

let stack: ScriptedStack
beforeAll(async () => {
  stack = await startScriptedStack()
})
afterAll(() => stack.stop())
beforeEach(() => stack.op.reset())

const now = (): number => Math.floor(Date.now() / 1_000)

async function post(body: string, type = 'application/x-www-form-urlencoded'): Promise<Response> {
  return fetch(stack.at('/oauth2/backchannel_logout'), {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  })
}

/** `Transfer-Encoding: chunked`, as a proxy sends a request that it received by HTTP/2. */
async function postStream(body: ReadableStream<Uint8Array>): Promise<Response> {
  return fetch(stack.at('/oauth2/backchannel_logout'), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
    duplex: 'half',
  })
}

const send = (token: string): Promise<Response> =>
  post(new URLSearchParams({ logout_token: token }).toString())

async function arrive(claims: Json = {}): Promise<Person> {
  stack.op.script({ claims })
  const person = new Person()
  await signIn(stack, '/', person)
  expect(await isSignedIn(person)).toBe(true)
  return person
}

async function isSignedIn(person: Person): Promise<boolean> {
  return (await person.request(stack.at('/oauth2/userinfo'))).status === 200
}

describe('a logout token', () => {
  it('ends the session that it names, and no other', async () => {
    const mine = await arrive({ sid: 'one' })
    const other = await arrive({ sid: 'two' })
    const answer = await send(await stack.op.logoutToken({ sid: 'one' }))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect([await isSignedIn(mine), await isSignedIn(other)]).toEqual([false, true])
    expect(stack.gateway.audit('session_ended').at(-1)).toMatchObject({ reason: 'provider-logout' })
  })

  it('is accepted in chunks without a Content-Length', async () => {
    const person = await arrive({ sid: 'in-pieces' })
    const token = await stack.op.logoutToken({ sid: 'in-pieces' })
    const body = new URLSearchParams({ logout_token: token }).toString()
    const pieces = new Blob([body]).stream()
    expect((await postStream(pieces)).status).toBe(200)
    expect(await isSignedIn(person)).toBe(false)
  })

  it('ends all sessions of a person if it names only the person', async () => {
    const mine = [
      await arrive({ sub: 'carol', sid: 'a' }),
      await arrive({ sub: 'carol', sid: 'b' }),
    ]
    const other = await arrive({ sub: 'dave' })
    expect((await send(await stack.op.logoutToken({ sub: 'carol' }))).status).toBe(200)
    for (const person of mine) expect(await isSignedIn(person)).toBe(false)
    expect(await isSignedIn(other)).toBe(true)
  })

  it('is answered with 200 even if no session matches', async () => {
    expect((await send(await stack.op.logoutToken({ sub: 'nobody' }))).status).toBe(200)
  })

  it('is accepted only once', async () => {
    const token = await stack.op.logoutToken({ sub: 'erin' })
    expect((await send(token)).status).toBe(200)
    expect((await send(token)).status).toBe(400)
  })

  it.each(['logout+jwt', 'JWT', undefined])('may be of type %s', async (typ) => {
    expect((await send(await stack.op.logoutToken({ sub: 'nobody' }, { typ }))).status).toBe(200)
  })
})

it('a token without an expiry (Ory Hydra) is accepted once, while its iat is recent', async () => {
  const person = await arrive()
  const token = await stack.op.logoutToken({ exp: undefined, iat: now() - 100 })
  expect((await send(token)).status).toBe(200)
  expect(await isSignedIn(person)).toBe(false)
  const newcomer = await arrive()
  expect((await send(token)).status).toBe(400)
  expect(await isSignedIn(newcomer)).toBe(true)
})

describe('an invalid logout token', () => {
  it.each<[string, Json, Json?, Signature?]>([
    ['from another issuer', { iss: 'https://other.example.com' }],
    ['for another client', { aud: 'somebody-else' }],
    ['without an audience', { aud: undefined }],
    ['that has expired', { iat: now() - 700, exp: now() - 400 }],
    ['without an expiry and with an old iat', { exp: undefined, iat: now() - 300 }],
    ['without an iat', { iat: undefined }],
    ['from the future', { iat: now() + 120 }],
    ['without a jti', { jti: undefined }],
    ['with an empty jti', { jti: '' }],
    ['without events', { events: undefined }],
    ['with another event', { events: { 'https://example.com/other': {} } }],
    [
      'whose event is no object',
      { events: { 'http://schemas.openid.net/event/backchannel-logout': 'yes' } },
    ],
    ['with a nonce, as an ID token has', { nonce: 'n' }],
    ['that names nobody', { sub: undefined }],
    ['whose sid is a number', { sid: 7 }],
    ['of another type', {}, { typ: 'at+jwt' }],
    ['signed with a key of somebody else', {}, {}, 'another-key'],
    ['not signed at all', {}, {}, 'none'],
    ['signed with the public key as a secret', {}, {}, 'public-key-as-secret'],
    ['changed after it was signed', {}, {}, 'tampered'],
  ])('%s is refused, and ends no session', async (_, claims, header = {}, signature = 'right') => {
    const person = await arrive()
    const answer = await send(await stack.op.logoutToken(claims, header, signature))
    expect(answer.status).toBe(400)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' })
    expect(await isSignedIn(person)).toBe(true)
  })

  it.each([
    ['nothing', '', 'application/x-www-form-urlencoded'],
    ['a form without one', 'a=b', 'application/x-www-form-urlencoded'],
    ['JSON', '{"logout_token":"x"}', 'application/json'],
    ['nonsense', 'logout_token=x.y.z', 'application/x-www-form-urlencoded'],
    ['far too much', `logout_token=${'x'.repeat(20_000)}`, 'application/x-www-form-urlencoded'],
  ])('%s is refused', async (_, body, type) => {
    expect((await post(body, type)).status).toBe(400)
  })

  it('a far too long body without a Content-Length is refused before its end', async () => {
    const endless = new ReadableStream<Uint8Array>({
      async pull(to) {
        await sleep(1)
        to.enqueue(new Uint8Array(4_096).fill(0x78))
      },
    })
    expect((await postStream(endless)).status).toBe(400)
  })
})

it('a logout token may be signed with a new key, but a flood of invented keys does not flood the provider', async () => {
  const rotating = await startScriptedStack()
  const attempt = async (header = {}): Promise<number> => {
    const body = new URLSearchParams({ logout_token: await rotating.op.logoutToken({}, header) })
    return (await fetch(rotating.at('/oauth2/backchannel_logout'), { method: 'POST', body })).status
  }
  try {
    expect(await attempt()).toBe(200)
    await rotating.op.rotateKey()
    // It is too soon to fetch the keys again, so the provider is asked to retry. Its token is not called invalid.
    expect(await attempt()).toBe(503)
    for (let at = 0; at < 20; at += 1) await attempt({ kid: `made-up-${at}` })
    expect(rotating.op.asked('jwks').length).toBe(1)
    await expect.poll(() => attempt(), { timeout: 9_000, interval: 500 }).toBe(200)
    expect(await attempt({ kid: 'made-up' })).toBe(503)
  } finally {
    await rotating.stop()
  }
})

it('the provider is asked to retry a logout while its keys cannot be fetched', async () => {
  const away = await startScriptedStack({ op: { script: { jwks: () => ({ status: 503 }) } } })
  try {
    const body = new URLSearchParams({ logout_token: await away.op.logoutToken({ sub: 'nobody' }) })
    const answer = await fetch(away.at('/oauth2/backchannel_logout'), { method: 'POST', body })
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  } finally {
    await away.stop()
  }
})

it('a login in progress does not complete after the provider signed that person out', async () => {
  const person = new Person()
  stack.op.script({ claims: { sub: 'frank', sid: 'late' } })
  const { location } = await person.reachCallback(stack.at('/'))
  expect((await send(await stack.op.logoutToken({ sub: 'frank', sid: 'late' }))).status).toBe(200)
  const answer = await person.visit(location as URL)
  expect(answer.location?.pathname + (answer.location?.search ?? '')).toBe(
    '/oauth2/sign_in?reason=provider-logout',
  )
  expect(await isSignedIn(person)).toBe(false)
  expect(JSON.stringify(stack.gateway.lines)).not.toContain(TOKEN_PREFIX)
})

describe('front-channel logout', () => {
  const frame = (query: Record<string, string>): Promise<Response> =>
    fetch(stack.at(`/oauth2/frontchannel_logout?${new URLSearchParams(query).toString()}`))

  it('ends the session with this issuer and session ID, without a cookie', async () => {
    const person = await arrive({ sid: 'framed' })
    const answer = await frame({ iss: stack.op.issuer, sid: 'framed' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-security-policy')).toContain(
      `frame-ancestors ${new URL(stack.op.issuer).origin}`,
    )
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await isSignedIn(person)).toBe(false)
  })

  it.each([
    [{ sid: 'framed-2' }],
    [{ iss: 'https://other.example.com', sid: 'framed-2' }],
    [{ iss: 'the-issuer' }],
    [{ iss: 'the-issuer', sid: '' }],
  ])('does nothing for %j', async (query: Record<string, string>) => {
    const person = await arrive({ sid: 'framed-2' })
    const iss = query['iss'] === 'the-issuer' ? { iss: stack.op.issuer } : {}
    expect((await frame({ ...query, ...iss })).status).toBe(400)
    expect(await isSignedIn(person)).toBe(true)
  })
})
