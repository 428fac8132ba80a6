import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { CLIENT_ID } from '../support/gateway.ts'
import type { Json, Script, Signature } from '../support/scripted-op.ts'
import {
  countAsked,
  expectRefused,
  signIn,
  startScriptedStack,
  withScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'

let stack: ScriptedStack
beforeAll(async () => {
  stack = await startScriptedStack()
})
afterAll(() => stack.stop())
afterEach(() => {
  stack.op.reset()
  vi.restoreAllMocks()
})

const INVALID = { status: 400, reason: 'login-invalid' }
const CLOCK = { status: 502, reason: 'clock' }

/** Seconds since the epoch. */
const fromNow = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds

const refuses = async (script: Partial<Script>, refusal = INVALID): Promise<void> => {
  stack.op.script(script)
  const asked = await countAsked(stack.op, 'token', () =>
    expectRefused(stack, refusal, () => signIn(stack)),
  )
  // The state was right, so the code was redeemed: it is the token that is not believed.
  expect(asked).toBe(1)
}

const accepts = async (script: Partial<Script>): Promise<void> => {
  stack.op.script(script)
  const answer = await signIn(stack, '/vnc.html')
  expect([answer.status, answer.location?.pathname]).toEqual([302, '/vnc.html'])
}

describe('an ID token is refused', () => {
  it.each([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['without an issuer', { iss: undefined }],
    ['for another client', { aud: 'another' }],
    ['for nobody', { aud: undefined }],
    ['for others', { aud: ['another', 'third'] }],
    ['for us among others', { aud: [CLIENT_ID, 'another'] }],
    ['for us among others, given to one of those', { aud: [CLIENT_ID, 'another'], azp: 'another' }],
    ['of another login', { nonce: 'a-nonce-of-another-login' }],
    ['of no login', { nonce: undefined }],
    ['about nobody', { sub: undefined }],
    ['about somebody without a name', { sub: '' }],
    ['about a number', { sub: 7 }],
    ['without the time it was issued', { iat: undefined }],
    ['without the time it expires', { exp: undefined }],
    ['issued at no time', { iat: 'today' }],
    ['that expires at no time', { exp: 'tomorrow' }],
  ] satisfies [string, Json][])('%s', (_, claims) => refuses({ claims }))

  it('of this issuer with a slash more', () => refuses({ claims: { iss: `${stack.op.issuer}/` } }))

  it.each([
    ['signed by another key', { signature: 'another-key' }],
    ['changed after it was signed', { signature: 'tampered' }],
    ['signed by a key of an unknown name', { header: { kid: 'unknown' } }],
    ['that is not there', { signature: 'missing' }],
  ] satisfies [string, Partial<Script>][])('%s', (_, script) => refuses(script))

  it.each([
    ['no JWT', 'op-secret-x'],
    ['no text', 42],
    ['a JWT of nothing', 'e30.e30.e30'],
  ])('that is %s', (_, idToken) =>
    refuses({ token: ({ body }) => ({ body: { ...body, id_token: idToken } }) }),
  )

  const MISCONFIGURED = { status: 502, reason: 'provider-misconfigured' }

  it.each([
    ['signed by nobody', { signature: 'none' }],
    ['signed with the public key as a secret', { signature: 'public-key-as-secret' }],
    ['with an extension that the gateway does not know', { header: { crit: ['b64'], b64: true } }],
  ] satisfies [string, Partial<Script>][])(
    '%s is a fault of the set-up, which no new attempt mends',
    (_, script) => refuses(script, MISCONFIGURED),
  )

  it('that is encrypted is a fault of the set-up, which no new attempt mends', () => {
    const encrypted = 'eyJhbGciOiJkaXIifQ.op-secret-.op-secret-.op-secret-.op-secret-'
    return refuses(
      { token: ({ body }) => ({ body: { ...body, id_token: encrypted } }) },
      MISCONFIGURED,
    )
  })

  it('that is no JSON', () =>
    refuses(
      { token: ({ body }) => ({ body: { ...body, id_token: 'x.y.z' } }) },
      { status: 502, reason: 'provider-error' },
    ))
})

describe('a provider that offers algorithms which prove nothing', () => {
  it.each(['none', 'public-key-as-secret'] satisfies Signature[])(
    'is not taken at its word: %s',
    async (signature) => {
      await withScriptedStack(
        {
          op: {
            script: {
              signature,
              discovery: ({ body }) => ({
                body: {
                  ...body,
                  id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
                },
              }),
            },
          },
        },
        async (own) => {
          const misconfigured = { status: 502, reason: 'provider-misconfigured' }
          await expectRefused(own, misconfigured, () => signIn(own))
        },
      )
    },
  )
})

describe('clocks may differ by a minute', () => {
  it.each([
    ['expired half a minute ago', () => ({ exp: fromNow(-30) })],
    ['issued in half a minute', () => ({ iat: fromNow(30) })],
    ['valid in half a minute', () => ({ nbf: fromNow(30) })],
  ] satisfies [string, () => Json][])('a token that %s is good', (_, claims) =>
    accepts({ claims: claims() }),
  )

  it.each([
    ['expired two minutes ago', () => ({ exp: fromNow(-120) })],
    ['issued in two minutes', () => ({ iat: fromNow(120), exp: fromNow(420) })],
    ['valid in two minutes', () => ({ nbf: fromNow(120) })],
    ['issued in the year 5138', () => ({ iat: 1e11, exp: 2e11 })],
  ] satisfies [string, () => Json][])(
    'a token that was %s is not, and the page says so',
    (_, claims) => refuses({ claims: claims() }, CLOCK),
  )

  it('counts by the gateway’s clock', async () => {
    await withScriptedStack({ gateway: { now: () => Date.now() - 90_000 } }, async (own) => {
      const { answer } = await expectRefused(own, CLOCK, () => signIn(own))
      expect(answer.body).toContain('The clocks of the servers differ')
    })
  })
})

describe('an ID token is believed', () => {
  it.each([
    ['for us alone, in a list', { aud: [CLIENT_ID] }],
    ['for us among others, given to us', { aud: [CLIENT_ID, 'another'], azp: CLIENT_ID }],
    ['with claims we never heard of', { acr: '2', cnf: { jkt: 'x' }, __proto__: null }],
  ] satisfies [string, Json][])('%s', (_, claims) => accepts({ claims }))

  it('signed by a key that came after the last look at the key set, a minute ago', async () => {
    await accepts({})
    await stack.op.rotateKey()
    const { now } = Date
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 61_000)
    // The gateway's own clock did not jump.
    await accepts({ claims: { iat: fromNow(-61) } })
  })
})

describe('a sign-in that must be recent (max_age)', () => {
  let strict: ScriptedStack
  beforeAll(async () => {
    strict = await startScriptedStack({
      config: { oidc: { authorizationParams: { max_age: 300 } } },
    })
  })
  afterAll(() => strict.stop())
  afterEach(() => strict.op.reset())

  it('is asked for, and good when it was', async () => {
    strict.op.script({ claims: { auth_time: fromNow(-200) } })
    expect((await signIn(strict)).status).toBe(302)
    expect(strict.op.asked('authorize')[0]?.query.get('max_age')).toBe('300')
  })

  it('is not believed without its time', async () => {
    await expectRefused(strict, INVALID, () => signIn(strict))
  })

  it('was too long ago: the next try asks the person again', async () => {
    strict.op.script({ claims: { auth_time: fromNow(-400) } })
    const refusal = { status: 403, reason: 'provider-needs-you' }
    const { answer } = await expectRefused(strict, refusal, () => signIn(strict))
    expect(answer.body).toContain('/oauth2/start?prompt=login')
  })
})
