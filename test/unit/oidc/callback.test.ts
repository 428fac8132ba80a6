import { calculatePKCECodeChallenge } from 'openid-client'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createFinishLogin, type LoginFinish } from '../../../src/oidc/callback.ts'
import type { LoginState } from '../../../src/session/login-state.ts'
import {
  createTestRelyingParty,
  PUBLIC_URL,
  startTestRelyingParty,
  type RelyingPartyParts,
} from '../../support/relying-party.ts'
import type { Script } from '../../support/scripted-op.ts'

let parts: RelyingPartyParts
beforeAll(async () => {
  parts = await startTestRelyingParty()
})
afterAll(() => parts.stop())
afterEach(() => {
  parts.op.reset()
  vi.useRealTimers()
})

const login = {
  state: 'the-state',
  nonce: 'the-nonce',
  codeVerifier: 'v'.repeat(43),
  returnTo: '/',
  authenticatedAfter: undefined,
} as unknown as LoginState

const seconds = (): number => Math.floor(Date.now() / 1_000)

/** From the authorization request of `login` to the end of the sign-in. */
async function finish(
  script: Partial<Script> = {},
  more: Partial<LoginState> = {},
  now: () => number = Date.now,
): Promise<LoginFinish> {
  parts.op.script(script)
  const request = new URL(`${parts.op.issuer}/authorize`)
  request.search = new URLSearchParams({
    redirect_uri: `${PUBLIC_URL}/oauth2/callback`,
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: await calculatePKCECodeChallenge(login.codeVerifier),
  }).toString()
  const { searchParams } = parts.op.signIn(request)
  const finishLogin = createFinishLogin(parts.settings, parts.relyingParty, now)
  return finishLogin(searchParams, { ...login, ...more })
}

describe('a sign-in', () => {
  it('ends with who it is, the tokens, and until when these are good', async () => {
    // The library counts the seconds down.
    vi.useFakeTimers({ toFake: ['Date'] })
    const iat = seconds() - 3
    const token: Script['token'] = ({ body }) => ({
      body: { ...body, expires_in: 100, refresh_token: 'op-refresh' },
    })
    const finished = await finish({ claims: { iat, sid: 's' }, token }, {}, () => 1_000_000)
    expect(finished).toMatchObject({ outcome: 'failed', failure: { kind: 'clock' } })
    expect(await finish({ claims: { iat, sid: 's' }, token }, {}, () => iat * 1_000)).toMatchObject(
      {
        outcome: 'signed-in',
        identity: { iss: parts.op.issuer, sub: 'alice', sid: 's', groups: ['desktop-users'] },
        vault: { idToken: expect.stringMatching(/^eyJ/) as string, refreshToken: 'op-refresh' },
        issuedAt: iat,
        tokensExpireAt: iat * 1_000 + 100_000,
      },
    )
    const [asked] = parts.op.asked('token')
    expect(asked?.form.get('redirect_uri')).toBe(`${PUBLIC_URL}/oauth2/callback`)
    expect(asked?.form.get('code_verifier')).toBe(login.codeVerifier)
  })

  it('knows of no end where the provider names none', async () => {
    const token: Script['token'] = ({ body }) => ({ body: { ...body, expires_in: undefined } })
    expect(await finish({ token })).toMatchObject({
      outcome: 'signed-in',
      vault: { refreshToken: undefined },
      tokensExpireAt: undefined,
    })
  })

  it.each([
    [60, 'signed-in'],
    [61, 'failed'],
  ])('by a token issued %i s ahead of the clock: %s', async (ahead, outcome) => {
    const iat = seconds()
    const finished = await finish({ claims: { iat } }, {}, () => (iat - ahead) * 1_000)
    expect(finished.outcome).toBe(outcome)
  })

  it.each<[string, Partial<Script>, Partial<LoginState>, string]>([
    ['nobody', { claims: { sub: '' } }, {}, 'login-invalid'],
    ['the wrong nonce', {}, { nonce: 'another' }, 'login-invalid'],
    ['the wrong state', {}, { state: 'another' }, 'login-invalid'],
    ['no ID token', { signature: 'missing' }, {}, 'login-invalid'],
    ['a forged ID token', { signature: 'another-key' }, {}, 'login-invalid'],
    ['no sign-in since then', {}, { authenticatedAfter: Date.now() }, 'login-invalid'],
    [
      'a sign-in before then',
      { claims: { auth_time: seconds() - 600 } },
      { authenticatedAfter: Date.now() - 300_000 },
      'provider-needs-you',
    ],
  ])(
    'fails by %s',
    async (_, script, more, kind) => {
      expect(await finish(script, more)).toMatchObject({ outcome: 'failed', failure: { kind } })
      // A signature that fails waits until the key set may be fetched again.
    },
    15_000,
  )

  it('after an idle end needs a proof that is new', async () => {
    const claims = { auth_time: seconds() }
    const finished = await finish({ claims }, { authenticatedAfter: Date.now() - 300_000 })
    expect(finished.outcome).toBe('signed-in')
  })

  it('waits for discovery', async () => {
    const own = await createTestRelyingParty()
    const finishLogin = createFinishLogin(own.settings, own.relyingParty, Date.now)
    expect(await finishLogin(new URLSearchParams(), login)).toEqual({
      outcome: 'provider-starting',
    })
    await own.stop()
  })
})
