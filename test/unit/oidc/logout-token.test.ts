import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCheckLogoutToken, type CheckLogoutToken } from '../../../src/oidc/logout-token.ts'
import { CLIENT_ID } from '../../support/gateway.ts'
import {
  createTestRelyingParty,
  startTestRelyingParty,
  type RelyingPartyParts,
} from '../../support/relying-party.ts'
import type { Json, Signature } from '../../support/scripted-op.ts'

// Real sockets on a busy machine.
vi.setConfig({ testTimeout: 20_000 })
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

let parts: RelyingPartyParts
let check: CheckLogoutToken
beforeAll(async () => {
  parts = await startTestRelyingParty()
  check = createCheckLogoutToken(parts.relyingParty, CLIENT_ID, Date.now)
})
afterAll(() => parts.stop())
afterEach(() => parts.op.reset())

const seconds = (): number => Math.floor(Date.now() / 1_000)
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

it('reads whom a logout token means, and until when it is good', async () => {
  const times = { iat: seconds() - 5, exp: seconds() + 100 }
  const claims = { sub: 'carol', sid: 's', jti: 'j', ...times }
  expect(await check(await parts.op.logoutToken(claims))).toEqual({
    outcome: 'valid',
    token: { iss: parts.op.issuer, ...claims },
  })
})

it.each([
  ['a session alone', { sub: undefined, sid: 's' }, { sub: undefined, sid: 's' }],
  ['a person alone', { sub: 'carol' }, { sub: 'carol', sid: undefined }],
])('takes a token that names %s', async (_, claims, read) => {
  const checked = await check(await parts.op.logoutToken(claims))
  expect(checked).toMatchObject({ outcome: 'valid', token: read })
})

describe('the clocks', () => {
  it.each([
    ['expired within the tolerance', (now: number) => ({ exp: now - 50 }), true],
    ['expired before it', (now: number) => ({ exp: now - 70 }), false],
    ['issued ahead within the tolerance', (now: number) => ({ iat: now + 50 }), true],
    ['issued further ahead', (now: number) => ({ iat: now + 70 }), false],
    ['not good yet', (now: number) => ({ nbf: now + 70 }), false],
  ])('may differ by a minute: %s', async (_, times, isValid) => {
    const { outcome } = await check(await parts.op.logoutToken(times(seconds())))
    expect(outcome).toBe(isValid ? 'valid' : 'invalid')
  })

  it('are read from the clock that was given', async () => {
    const later = createCheckLogoutToken(parts.relyingParty, CLIENT_ID, () => Date.now() + 400_000)
    expect(await later(await parts.op.logoutToken())).toEqual({
      outcome: 'invalid',
      problem: 'exp',
    })
  })
})

describe('a token is refused, and the rule it breaks is named', () => {
  it.each<[string, Json, Json?, Signature?]>([
    ['iss', { iss: 'https://other.example.com' }],
    ['aud', { aud: 'somebody-else' }],
    ['aud', { aud: undefined }],
    ['exp', { iat: seconds() - 700, exp: seconds() - 400 }],
    ['iat', { exp: undefined, iat: seconds() - 300 }],
    ['exp', { exp: 'never' }],
    ['iat', { iat: undefined }],
    ['iat', { iat: seconds() + 120 }],
    ['jti', { jti: undefined }],
    ['jti', { jti: '' }],
    ['jti', { jti: 7 }],
    ['events', { events: undefined }],
    ['events', { events: { 'https://example.com/other': {} } }],
    ['events', { events: { [EVENT]: 'yes' } }],
    ['events', { events: { [EVENT]: null } }],
    ['events', { events: { [EVENT]: [] } }],
    ['events', { events: [EVENT] }],
    ['events', { events: null }],
    ['nonce', { nonce: 'n' }],
    ['nonce', { nonce: null }],
    ['sub', { sub: undefined }],
    ['sub', { sub: '', sid: 's' }],
    ['sub', { sub: 7, sid: 's' }],
    ['sid', { sid: 7 }],
    ['sid', { sid: '' }],
    ['sid', { sid: null }],
    ['typ', {}, { typ: 'at+jwt' }],
    ['typ', {}, { typ: '' }],
    ['typ', {}, { typ: null }],
    ['typ', {}, { typ: 5 }],
    ['signature', {}, {}, 'another-key'],
    ['signature', {}, {}, 'none'],
    ['signature', {}, {}, 'public-key-as-secret'],
    ['signature', {}, {}, 'tampered'],
    ['signature', {}, { alg: 'PS256' }],
    ['signature', {}, { crit: ['b64'] }],
  ])('%s: %j %j %s', async (problem, claims, header = {}, signature = 'right') => {
    const token = await parts.op.logoutToken(claims, header, signature)
    expect(await check(token)).toEqual({ outcome: 'invalid', problem })
  })

  it.each(['', 'x', 'x.y.z', 'e30.e30.e30'])('signature: %j', async (token) => {
    expect(await check(token)).toEqual({ outcome: 'invalid', problem: 'signature' })
  })
})

it.each(['logout+jwt', 'Logout+JWT', 'application/logout+jwt', 'JWT', undefined])(
  'takes a token of type %s',
  async (typ) => {
    const { outcome } = await check(await parts.op.logoutToken({}, { typ }))
    expect(outcome).toBe('valid')
  },
)

describe('the keys', () => {
  const bent = async <T>(
    use: (parts: RelyingPartyParts, check: CheckLogoutToken) => Promise<T>,
    options: Parameters<typeof startTestRelyingParty>[0] = {},
  ): Promise<T> => {
    const own = await startTestRelyingParty(options)
    try {
      return await use(own, createCheckLogoutToken(own.relyingParty, CLIENT_ID, Date.now))
    } finally {
      await own.stop()
    }
  }

  it('are not to be had before discovery', async () => {
    const own = await createTestRelyingParty()
    const early = createCheckLogoutToken(own.relyingParty, CLIENT_ID, Date.now)
    expect(await early(await own.op.logoutToken())).toMatchObject({ outcome: 'keys-unavailable' })
    await own.stop()
  })

  it.each([
    ['refused', () => ({ status: 503 })],
    ['no key set', () => ({ body: { keys: 5 } })],
    ['no JSON', () => ({ body: '<p>' })],
    ['cut off', () => ({ fault: 'reset' as const })],
    ['of a key that cannot be read', () => ({ body: { keys: [{ kty: 'RSA', alg: 'RS256' }] } })],
  ])('are not to be had where the answer is %s', async (_, jwks) => {
    await bent(
      async ({ op }, own) => {
        // Without a name every key of the algorithm is tried.
        const token = await op.logoutToken({}, { kid: undefined })
        expect(await own(token)).toMatchObject({ outcome: 'keys-unavailable' })
      },
      { script: { jwks } },
    )
  })

  it('that are named and not there may be new ones, for which nobody asks too often', async () => {
    await bent(async ({ op }, own) => {
      // The first token has the keys fetched, so that a name that is not there is none.
      expect(await own(await op.logoutToken({}, { kid: 'x' }))).toEqual({
        outcome: 'invalid',
        problem: 'signature',
      })
      expect(await own(await op.logoutToken({}, { kid: 'x' }))).toMatchObject({
        outcome: 'keys-unavailable',
      })
      expect((await own(await op.logoutToken())).outcome).toBe('valid')
      expect(op.asked('jwks')).toHaveLength(1)
    })
  })

  it.each([
    [['RS256', 'HS256', 'none'], 'public-key-as-secret', 'invalid'],
    [['HS256', 'none'], 'right', 'invalid'],
    [undefined, 'right', 'valid'],
    [['ES256', 'EdDSA', 'RS256'], 'right', 'valid'],
  ] satisfies [unknown, Signature, string][])(
    'of a provider that offers %j, a token signed as %s: %s',
    async (offered, signature, outcome) => {
      await bent(
        async ({ op }, own) => {
          expect((await own(await op.logoutToken({}, {}, signature))).outcome).toBe(outcome)
        },
        {
          script: {
            discovery: ({ body }) => ({
              body: { ...body, id_token_signing_alg_values_supported: offered },
            }),
          },
        },
      )
    },
  )

  it('are asked for where discovery says, also when that changes', async () => {
    let path = 'jwks'
    await bent(
      async ({ op, relyingParty }, own) => {
        expect((await own(await op.logoutToken())).outcome).toBe('valid')
        path = 'elsewhere'
        relyingParty.start()
        await poll(() => relyingParty.configuration?.serverMetadata().jwks_uri).toMatch(
          /elsewhere$/,
        )
        expect(await own(await op.logoutToken())).toMatchObject({ outcome: 'keys-unavailable' })
      },
      {
        script: {
          discovery: ({ body }) => ({
            body: { ...body, jwks_uri: `${String(body['issuer'])}/${path}` },
          }),
        },
      },
    )
  })
})
