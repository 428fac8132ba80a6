import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../src/net/forwarded.ts'
import { createLoginLimiter } from '../../../src/net/limits.ts'
import type { FailedLogin } from '../../../src/oidc/failure.ts'
import { mostAge } from '../../../src/oidc/authorization-request.ts'
import { createBeginLogin, type LoginRequest } from '../../../src/oidc/login.ts'
import { createProvider } from '../../../src/oidc/provider.ts'
import { createProviders } from '../../../src/oidc/providers.ts'
import type { LoginState, LoginStates } from '../../../src/session/login-state.ts'
import {
  createTestRelyingParty,
  PUBLIC_URL,
  startTestRelyingParty,
  type RelyingPartyParts,
} from '../../support/relying-party.ts'
import type { Bend } from '../../support/scripted-op.ts'

let parts: RelyingPartyParts
beforeAll(async () => {
  parts = await startTestRelyingParty()
})
afterAll(() => parts.stop())
afterEach(() => parts.op.reset())

const NOW = Date.UTC(2026, 0, 1)
const client: Client = { address: '192.0.2.1', behindUndeclaredProxy: false }
const request: LoginRequest = {
  returnTo: '/a?b=c',
  prompt: undefined,
  cookieHeader: 'a=b',
  client,
  requestId: 'r',
  automatic: true,
}

interface SetUp {
  readonly parts?: RelyingPartyParts
  readonly isLooping?: boolean
  readonly authenticatedAfter?: number
  readonly limit?: number
}

function setUp({
  parts: own = parts,
  isLooping = false,
  authenticatedAfter,
  limit = 100,
}: SetUp = {}) {
  const begun: object[] = []
  const reported: FailedLogin[] = []
  const looked: unknown[] = []
  const loginStates = {
    isLooping: async (header: string | undefined) => {
      looked.push(header)
      return isLooping
    },
    begin: async (_: string | undefined, wanted: object) => {
      begun.push(wanted)
      return { login: { ...wanted, state: 'the-state' }, setCookies: ['login=1'] }
    },
  } as unknown as LoginStates
  const beginLogin = createBeginLogin({
    settings: own.settings,
    providers: createProviders([
      createProvider(own.relyingParty, { settings: own.settings, now: () => NOW }),
    ]),
    loginStates,
    limiter: createLoginLimiter(
      () => ({ count: limit, windowMs: 60_000 }),
      () => NOW,
    ),
    reportFailed: (failed) => reported.push(failed),
    reauthenticateSince: async () => authenticatedAfter,
    log: own.log,
  })
  return { beginLogin, begun, reported, looked }
}

async function parametersOf(more: Partial<LoginRequest> = {}, options: SetUp = {}) {
  const { beginLogin, begun, reported } = setUp(options)
  const start = await beginLogin({ ...request, ...more })
  if (start.outcome !== 'redirect') throw new Error(start.outcome)
  expect(reported).toEqual([])
  expect(start.setCookies).toEqual(['login=1'])
  const url = new URL(start.location)
  return { url, parameters: Object.fromEntries(url.searchParams), begun }
}

describe('an authorization request', () => {
  it('asks for a code with PKCE, state and nonce, and comes back to the public address', async () => {
    const { url, parameters, begun } = await parametersOf()
    expect(`${url.origin}${url.pathname}`).toBe(`${parts.op.issuer}/authorize`)
    expect(parameters).toEqual({
      client_id: 'gateway',
      response_type: 'code',
      redirect_uri: `${PUBLIC_URL}/oauth2/callback`,
      scope: 'openid profile email',
      state: 'the-state',
      nonce: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge_method: 'S256',
    })
    expect(begun).toEqual([
      {
        provider: 'oidc',
        nonce: parameters['nonce'],
        codeVerifier: expect.stringMatching(/^[\w-]{43}$/) as string,
        returnTo: '/a?b=c',
        authenticatedAfter: undefined,
      },
    ])
  })

  it.each(['login', 'select_account'] as const)(
    'asks with the prompt %s of a link',
    async (prompt) => {
      expect((await parametersOf({ prompt })).parameters['prompt']).toBe(prompt)
    },
  )

  it('after an idle end asks who is there, and how long ago they showed it', async () => {
    const options = { authenticatedAfter: NOW - 1_500 }
    const { parameters, begun } = await parametersOf({ prompt: 'select_account' }, options)
    expect(parameters).toMatchObject({ prompt: 'login', max_age: '2' })
    expect(begun).toMatchObject([{ authenticatedAfter: NOW - 1_500 }])
  })

  it('carries what the operator adds', async () => {
    const authorizationParams = { max_age: '60', hd: 'example.com', prompt: 'consent' }
    const provider = { ...parts.relyingParty.provider, authorizationParams }
    const own = { ...parts, relyingParty: { ...parts.relyingParty, provider } }
    expect((await parametersOf({}, { parts: own })).parameters).toMatchObject(authorizationParams)
    expect((await parametersOf({ prompt: 'login' }, { parts: own })).parameters).toMatchObject({
      prompt: 'login',
    })
  })

  it.each([
    [['login', 'consent'], 'select_account', 'login'],
    [['login', 'select_account'], 'select_account', 'select_account'],
    [['none'], 'login', 'login'],
  ] as const)('to a provider that offers %j asks %s as %s', async (listed, prompt, asked) => {
    const discovery: Bend = ({ body }) => ({ body: { ...body, prompt_values_supported: listed } })
    const own = await startTestRelyingParty({ script: { discovery } })
    expect((await parametersOf({ prompt }, { parts: own })).parameters['prompt']).toBe(asked)
    await own.stop()
  })

  it('is pushed where the provider takes that', async () => {
    const discovery: Bend = ({ body }) => ({
      body: {
        ...body,
        pushed_authorization_request_endpoint: `${String(body['issuer'])}/par`,
      },
    })
    const own = await startTestRelyingParty({ script: { discovery } })
    const { parameters } = await parametersOf({}, { parts: own })
    expect(Object.keys(parameters).sort()).toEqual(['client_id', 'request_uri'])
    expect(own.op.asked('par')[0]?.form.get('state')).toBe('the-state')
    own.op.script({ par: () => ({ status: 500, body: {} }) })
    const { beginLogin, reported } = setUp({ parts: own })
    expect(await beginLogin(request)).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'provider-error' },
    })
    expect(reported).toMatchObject([
      {
        requestId: 'r',
        address: '192.0.2.1',
        reason: 'provider-error',
        cause: expect.anything() as unknown,
      },
    ])
    await own.stop()
  })
})

describe('no login begins', () => {
  it('where the last ones went round in a circle, unless a person pressed a button', async () => {
    const { beginLogin, reported, looked, begun } = setUp({ isLooping: true })
    expect(await beginLogin(request)).toEqual({ outcome: 'login-loop' })
    expect(begun).toEqual([])
    expect(reported).toEqual([
      {
        requestId: 'r',
        address: '192.0.2.1',
        provider: expect.anything() as unknown,
        reason: 'login-loop',
        cause: undefined,
      },
    ])
    expect((await beginLogin({ ...request, automatic: false })).outcome).toBe('redirect')
    expect(looked).toEqual(['a=b'])
  })

  it('beyond the limit of an address', async () => {
    const { beginLogin, reported } = setUp({ limit: 1 })
    expect((await beginLogin(request)).outcome).toBe('redirect')
    expect(await beginLogin(request)).toEqual({ outcome: 'login-limit', retryAfter: 60 })
    expect(reported).toMatchObject([{ reason: 'login-limit' }])
    const other = { ...request, client: { ...client, address: '192.0.2.2' } }
    expect((await beginLogin(other)).outcome).toBe('redirect')
  })

  it('before the provider has answered', async () => {
    const own = await createTestRelyingParty()
    const { beginLogin, reported, begun } = setUp({ parts: own })
    expect(await beginLogin(request)).toEqual({ outcome: 'provider-starting' })
    expect(reported).toMatchObject([{ reason: 'provider-starting' }])
    expect(begun).toEqual([])
    await own.stop()
  })
})

it('counts people behind a proxy that was not declared together, against ten times the limit, and warns once', async () => {
  const own = await startTestRelyingParty()
  const { beginLogin } = setUp({ parts: own, limit: 1 })
  const behind = { ...request, client: { ...client, behindUndeclaredProxy: true } }
  for (let at = 0; at < 10; at += 1) expect((await beginLogin(behind)).outcome).toBe('redirect')
  expect((await beginLogin(behind)).outcome).toBe('login-limit')
  const warnings = own.lines.filter(({ level }) => level === 'warn')
  expect(warnings).toMatchObject([{ peer: '192.0.2.1' }])
  await own.stop()
})

describe('the greatest age of a sign-in at the provider', () => {
  const login = (authenticatedAfter?: number): LoginState =>
    ({ authenticatedAfter }) as unknown as LoginState

  it.each([
    [{}, undefined, undefined],
    [{ max_age: '60' }, undefined, 60],
    [{}, NOW - 2_001, 3],
    [{ max_age: '60' }, NOW - 2_000, 2],
    [{ max_age: '1' }, NOW - 2_000, 1],
    [{}, NOW + 5_000, 0],
  ])('with %j since %s is %s s', (params, since, age) => {
    expect(mostAge(params, login(since), NOW)).toBe(age)
  })
})
