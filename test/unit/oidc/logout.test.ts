import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { endSessionUrl } from '../../../src/oidc/logout.ts'
import type { Session } from '../../../src/session/session.ts'
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

const session = { identity: { sub: 'alice', email: 'alice@example.com' } } as unknown as Session

function parametersWith(idToken: string | undefined, of = session): Record<string, string> {
  const vault = idToken === undefined ? undefined : { idToken, refreshToken: undefined }
  const url = endSessionUrl(parts.settings, parts.relyingParty, of, vault, 'the-state') ?? ''
  expect(url.startsWith(`${parts.op.issuer}/logout?`)).toBe(true)
  return Object.fromEntries(new URL(url).searchParams)
}

it('names the session that ends by its ID token', () => {
  expect(parametersWith('x.y.z')).toEqual({
    client_id: 'gateway',
    post_logout_redirect_uri: `${PUBLIC_URL}/oauth2/signed_out`,
    state: 'the-state',
    id_token_hint: 'x.y.z',
  })
})

it('names the person where the ID token is too long for an answer header, or not there', () => {
  const room = 2_048 - new URL(`${parts.op.issuer}/logout`).href.length
  for (const idToken of ['x'.repeat(room), undefined]) {
    const parameters = parametersWith(idToken)
    expect(parameters['id_token_hint']).toBeUndefined()
    expect(parameters['logout_hint']).toBe('alice@example.com')
  }
  const nameless = { identity: { sub: 'alice' } } as unknown as Session
  expect(parametersWith(undefined, nameless)['logout_hint']).toBe('alice')
})

it('takes an address of 2,048 characters and none longer', () => {
  const vault = (idToken: string) => ({ idToken, refreshToken: undefined })
  const urlOf = (idToken: string): string =>
    endSessionUrl(parts.settings, parts.relyingParty, session, vault(idToken), 's') ?? ''
  const rest = urlOf('').length
  expect(urlOf('x'.repeat(2_048 - rest))).toHaveLength(2_048)
  expect(urlOf('x'.repeat(2_049 - rest))).not.toContain('id_token_hint')
})

it('leads nowhere where the provider has no such address, or has not answered yet', async () => {
  const discovery: Bend = ({ body }) => ({ body: { ...body, end_session_endpoint: undefined } })
  const without = await startTestRelyingParty({ script: { discovery } })
  const early = await createTestRelyingParty()
  for (const own of [without, early]) {
    const url = endSessionUrl(own.settings, own.relyingParty, session, undefined, 's')
    expect(url).toBeUndefined()
    await own.stop()
  }
})
