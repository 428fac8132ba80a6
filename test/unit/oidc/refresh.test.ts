import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createRefresh, type Refresh } from '../../../src/oidc/refresh.ts'
import type { Session, Vault } from '../../../src/session/session.ts'
import {
  createTestRelyingParty,
  startTestRelyingParty,
  type RelyingPartyParts,
} from '../../support/relying-party.ts'
import type { Bend, Json } from '../../support/scripted-op.ts'

let parts: RelyingPartyParts
let refresh: Refresh
beforeAll(async () => {
  parts = await startTestRelyingParty()
  refresh = createRefresh(parts.settings, parts.relyingParty, () => NOW)
})
afterAll(() => parts.stop())
afterEach(() => {
  parts.op.reset()
  vi.useRealTimers()
})

const NOW = Date.UTC(2026, 0, 1)
const vault: Vault = { idToken: 'old-id', refreshToken: 'old-refresh' }

function session(more: object = {}): Session {
  const identity = {
    iss: parts.op.issuer,
    sub: 'alice',
    sid: 'the-sid',
    email: 'alice@example.com',
    emailCounts: true,
    name: 'Old Name',
    preferredUsername: 'old-name',
    groups: ['old-group'],
    claims: {},
    ...more,
  }
  return { id: 'one', identity } as unknown as Session
}

/** Over the usual answer; `idToken` is made of these claims. */
async function answering(body: Json, claims?: Json): Promise<Bend> {
  const idToken = claims === undefined ? undefined : await parts.op.logoutToken(claims)
  return (usual) => ({ body: { ...usual.body, id_token: idToken, ...body } })
}

describe('a refresh', () => {
  it('asks with the token of the vault, and takes the new tokens', async () => {
    // The library counts the seconds down.
    vi.useFakeTimers({ toFake: ['Date'] })
    const token = await answering({ refresh_token: 'new-refresh', expires_in: 100 })
    parts.op.script({ token, userinfoClaims: { groups: ['ops'], email: 'alice@example.com' } })
    const outcome = await refresh(session(), vault)
    expect(parts.op.asked('token')[0]?.form.get('refresh_token')).toBe('old-refresh')
    expect(outcome).toMatchObject({
      outcome: 'refreshed',
      vault: { idToken: 'old-id', refreshToken: 'new-refresh' },
      tokensExpireAt: NOW + 100_000,
      identity: {
        iss: parts.op.issuer,
        sub: 'alice',
        sid: 'the-sid',
        name: 'Old Name',
        preferredUsername: 'old-name',
        groups: ['ops'],
      },
    })
  })

  it('keeps what the provider does not send anew', async () => {
    parts.op.script({ token: await answering({ expires_in: undefined }) })
    expect(await refresh(session(), vault)).toMatchObject({
      outcome: 'refreshed',
      vault,
      tokensExpireAt: undefined,
    })
  })

  it('believes a new ID token, names included', async () => {
    const claims = { name: 'New Name', groups: ['ops'], email: 'a@b.example', email_verified: true }
    parts.op.script({ token: await answering({}, claims) })
    const outcome = await refresh(session(), vault)
    expect(outcome).toMatchObject({
      outcome: 'refreshed',
      identity: {
        name: 'New Name',
        preferredUsername: 'old-name',
        groups: ['ops'],
        email: 'a@b.example',
      },
    })
    expect(outcome).toHaveProperty('vault.idToken', expect.stringMatching(/^eyJ/))
    expect(outcome).toHaveProperty('vault.refreshToken', 'old-refresh')
    expect(parts.op.asked('userinfo')).toEqual([])
  })

  it('is refused by an ID token of somebody else', async () => {
    parts.op.script({ token: await answering({ refresh_token: 'x' }, { sub: 'mallory' }) })
    expect(await refresh(session(), vault)).toMatchObject({ outcome: 'refused' })
  })

  it('is refused by invalid_grant and by nothing else', async () => {
    const error =
      (word: string, status = 400): Bend =>
      () => ({ status, body: { error: word } })
    parts.op.script({ token: error('invalid_grant') })
    expect(await refresh(session(), vault)).toMatchObject({
      outcome: 'refused',
      cause: { error: 'invalid_grant' },
    })
    for (const token of [
      error('invalid_client', 401),
      error('temporarily_unavailable', 503),
      error('invalid_request'),
      () => ({ status: 500, body: '' }),
      () => ({ fault: 'reset' as const }),
    ]) {
      parts.op.script({ token })
      expect((await refresh(session(), vault)).outcome).toBe('unavailable')
    }
  })

  it('hands on a rotated token of an answer that cannot be verified', async () => {
    const bad = await parts.op.logoutToken({ iss: 'https://evil.example' })
    const token: Bend = ({ body }) => ({
      body: { ...body, refresh_token: 'new-refresh', id_token: bad },
    })
    parts.op.script({ token })
    expect(await refresh(session(), vault)).toMatchObject({
      outcome: 'refreshed',
      vault: { idToken: 'old-id', refreshToken: 'new-refresh' },
      tokensExpireAt: undefined,
      identity: undefined,
      cause: expect.any(Error) as Error,
    })
  })

  it.each([
    ['no text', 5],
    ['empty', ''],
    ['not there', undefined],
  ])('is none where that token is %s', async (_, refreshToken) => {
    const bad = await parts.op.logoutToken({ iss: 'https://evil.example' })
    const token: Bend = ({ body }) => ({
      body: { ...body, refresh_token: refreshToken, id_token: bad },
    })
    parts.op.script({ token })
    expect((await refresh(session(), vault)).outcome).toBe('unavailable')
  })

  it('without a word about the person says so, and keeps the tokens', async () => {
    const token = await answering({ refresh_token: 'new-refresh' })
    parts.op.script({ token, userinfo: () => ({ status: 500, body: '' }) })
    expect(await refresh(session(), vault)).toMatchObject({
      outcome: 'refreshed',
      vault: { refreshToken: 'new-refresh' },
      identity: undefined,
      cause: expect.any(Error) as Error,
    })
  })

  it('keeps the person as known where there is nowhere to ask', async () => {
    const discovery: Bend = ({ body }) => ({ body: { ...body, userinfo_endpoint: undefined } })
    const own = await startTestRelyingParty({ script: { discovery } })
    const known = { ...session(), identity: { ...session().identity, iss: own.op.issuer } }
    const outcome = await createRefresh(own.settings, own.relyingParty, () => NOW)(known, vault)
    expect(outcome).toMatchObject({ outcome: 'refreshed', identity: known.identity })
    await own.stop()
  })

  it('is not to be had before discovery, or without a refresh token', async () => {
    const own = await createTestRelyingParty()
    const early = createRefresh(own.settings, own.relyingParty, () => NOW)
    expect((await early(session(), vault)).outcome).toBe('unavailable')
    await own.stop()
    const without = { ...vault, refreshToken: undefined }
    expect((await refresh(session(), without)).outcome).toBe('unavailable')
    expect(parts.op.asked('token')).toEqual([])
  })
})
