// JSON values of the wrong type in every answer of a provider, or of somebody who pretends to be one. Each gives a regular
// error; none is an internal error of the gateway.

import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Person } from '../support/person.ts'
import type { Bend, Json } from '../support/scripted-op.ts'
import {
  signIn,
  startScriptedStack,
  withScriptedStack,
  type ScriptedStack,
} from '../support/scripted-stack.ts'

let stack: ScriptedStack
beforeAll(async () => {
  stack = await startScriptedStack({ environment: { GATEWAY_ALLOW_EMAILS: 'alice@example.com' } })
  // The key set is fetched before the first token that needs it.
  await signIn(stack)
})
afterAll(() => stack.stop())
afterEach(() => stack.op.reset())

/** Values that are invalid for nearly every field below; some fields accept lists or objects. */
const junk = fc.oneof(
  fc.constantFrom<unknown[]>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e300,
    '',
    'x',
    [],
    {},
    [null],
    [1],
    ['x'],
  ),
  fc.jsonValue({ maxDepth: 2 }),
)

/** Some of the fields, each with an invalid value. */
function mistyped(fields: readonly string[]): fc.Arbitrary<Json> {
  const some = fc.uniqueArray(fc.constantFrom(...fields), { minLength: 1, maxLength: 3 })
  return some.chain((names) =>
    fc.record(Object.fromEntries(names.map((name) => [name, junk] as const))),
  )
}

const faults = (): readonly unknown[] =>
  stack.gateway.lines.filter(({ level, stack: trace }) => level === 'fatal' || trace !== undefined)

describe('a logout token', () => {
  const post = async (token: string): Promise<number> => {
    const body = new URLSearchParams({ logout_token: token })
    const answer = await fetch(stack.at('/oauth2/backchannel_logout'), { method: 'POST', body })
    await answer.text()
    return answer.status
  }

  it.each([[5], [true], [{}], [[]], [['logout+jwt']], [null]])(
    'of type %j is refused',
    async (typ) => {
      expect(await post(await stack.op.logoutToken({}, { typ }))).toBe(400)
    },
  )

  it('with values of any type in claims and header is accepted or refused, without a crash', async () => {
    const claims = mistyped([
      'iss',
      'sub',
      'aud',
      'sid',
      'jti',
      'iat',
      'exp',
      'nbf',
      'events',
      'nonce',
    ])
    // An unknown `kid` may be a new key, so the provider is asked to retry.
    const header = mistyped([
      'alg',
      'typ',
      'cty',
      'crit',
      'b64',
      'jwk',
      'jku',
      'x5c',
      'x5u',
      'enc',
      'zip',
    ])
    const some = fc.oneof(
      claims.map((one) => [one, {}] as const),
      header.map((one) => [{}, one] as const),
      fc.tuple(claims, header),
    )
    await fc.assert(
      fc.asyncProperty(some, async ([changedClaims, changedHeader]) => {
        const status = await post(await stack.op.logoutToken(changedClaims, changedHeader))
        expect([200, 400]).toContain(status)
      }),
      { numRuns: 300 },
    )
    expect(faults()).toEqual([])
  })

  it('that is arbitrary text is refused', async () => {
    const part = fc.oneof(
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc.string({ unit: 'binary', maxLength: 8 }),
    )
    const text = fc.oneof(
      fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.')),
      fc.string({ unit: 'binary', minLength: 1 }),
    )
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect(await post(token)).toBe(400)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a sign-in', () => {
  const CLAIMS = [
    'iss',
    'sub',
    'aud',
    'azp',
    'sid',
    'iat',
    'exp',
    'nbf',
    'nonce',
    'auth_time',
    'at_hash',
    'email',
    'email_verified',
    'name',
    'preferred_username',
    'groups',
    'acr',
    'amr',
  ]

  /** Signed in, refused by a rule, refused as an invalid sign-in, or an error of the provider. */
  async function expectForeseen(): Promise<void> {
    const person = new Person()
    const answer = await signIn(stack, '/', person)
    expect([302, 400, 403, 502]).toContain(answer.status)
    expect(stack.gateway.audit().at(-1)?.['reason']).toEqual(expect.stringMatching(/^[\w-]+$/))
    // A token that is older than the provider's last logout of this person leads to the sign-in page instead.
    if (answer.status === 302 && answer.location?.pathname !== '/oauth2/sign_in') {
      expect(stack.gateway.audit('login').at(-1)?.['sub']).toEqual(expect.stringMatching(/./))
      // An accepted session can be read from the store again.
      expect((await person.request(stack.at('/oauth2/userinfo'))).status).toBe(200)
    }
  }

  it('with an ID token that has values of any type succeeds or shows an error page', async () => {
    await fc.assert(
      fc.asyncProperty(mistyped(CLAIMS), async (claims) => {
        stack.op.script({ claims })
        await expectForeseen()
      }),
      { numRuns: 150 },
    )
    expect(faults()).toEqual([])
  })

  it('with an ID token that has header values of any type succeeds or shows an error page', async () => {
    const header = mistyped(['alg', 'typ', 'cty', 'crit', 'b64', 'jwk', 'x5c'])
    await fc.assert(
      fc.asyncProperty(header, async (one) => {
        stack.op.script({ header: one })
        await expectForeseen()
      }),
      { numRuns: 60 },
    )
    expect(faults()).toEqual([])
  })

  // A separate test, because with an unknown key the sign-in waits until the key set may be fetched again.
  it.each([null, 7, ['x']])(
    'with an ID token that has the key ID %j succeeds or shows an error page',
    async (kid) => {
      stack.op.script({ header: { kid } })
      await expectForeseen()
      expect(faults()).toEqual([])
    },
  )

  it('with userinfo values of any type succeeds or shows an error page', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(mistyped(CLAIMS), fc.jsonValue()), async (body) => {
        const userinfo: Bend = (usual) => ({
          body: isObject(body) ? { ...usual.body, ...body } : body,
        })
        stack.op.script({ claims: { groups: undefined, email: undefined }, userinfo })
        await expectForeseen()
      }),
      { numRuns: 100 },
    )
    expect(faults()).toEqual([])
  })

  it('with token response values of any type succeeds or shows an error page', async () => {
    const fields = [
      'access_token',
      'token_type',
      'expires_in',
      'refresh_token',
      'id_token',
      'scope',
    ]
    await fc.assert(
      fc.asyncProperty(fc.oneof(mistyped(fields), fc.jsonValue()), async (body) => {
        const token: Bend = (usual) => ({
          body: isObject(body) ? { ...usual.body, ...body } : body,
        })
        stack.op.script({ token })
        await expectForeseen()
      }),
      { numRuns: 100 },
    )
    expect(faults()).toEqual([])
  })
})

describe('a discovery document', () => {
  const FIELDS = [
    'authorization_endpoint',
    'token_endpoint',
    'userinfo_endpoint',
    'jwks_uri',
    'end_session_endpoint',
    'pushed_authorization_request_endpoint',
    'id_token_signing_alg_values_supported',
    'token_endpoint_auth_methods_supported',
    'token_endpoint_auth_signing_alg_values_supported',
    'userinfo_signing_alg_values_supported',
    'prompt_values_supported',
    'authorization_response_iss_parameter_supported',
    'mtls_endpoint_aliases',
    'response_types_supported',
    'code_challenge_methods_supported',
  ]
  const cases = FIELDS.flatMap((name) =>
    [null, 7, true, 'x', '', [], [null, 5], {}].map((value) => [name, value] as const),
  )

  it.each(cases)(
    'with %s set to %j lets a person sign in and out, or the error says what is wrong',
    async (name, value) => {
      const discovery: Bend = ({ body }) => ({ body: { ...body, [name]: value } })
      await withScriptedStack({ op: { script: { discovery } } }, async (own) => {
        const person = new Person()
        const answer = await signIn(own, '/oauth2/start?rd=/', person)
        expect([302, 502]).toContain(answer.status)
        const left = await person.request(own.at('/oauth2/sign_out'), {
          method: 'POST',
          headers: { origin: own.gateway.origin },
        })
        expect([200, 302]).toContain(left.status)
        const body = new URLSearchParams({ logout_token: await own.op.logoutToken() })
        const logout = await fetch(own.at('/oauth2/backchannel_logout'), { method: 'POST', body })
        expect(logout.status).toBe(name === 'jwks_uri' ? 503 : 200)
        expect(JSON.stringify(own.gateway.lines)).not.toContain('"stack"')
      })
    },
  )
})

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
