import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ProviderEndpoints } from '../../../src/config/config.ts'
import { mistypedFields, cleanMetadata } from '../../../src/oidc/metadata.ts'

const HTTPS = ['https:']
const NONE: ProviderEndpoints = {
  discovery: undefined,
  authorization: undefined,
  token: undefined,
  userinfo: undefined,
  jwks: undefined,
  endSession: undefined,
}
const right = {
  issuer: 'https://id.example.com',
  authorization_endpoint: 'https://id.example.com/authorize',
  token_endpoint: 'https://id.example.com/token',
  userinfo_endpoint: 'https://id.example.com/userinfo',
  jwks_uri: 'https://id.example.com/jwks',
  end_session_endpoint: 'https://id.example.com/logout',
  pushed_authorization_request_endpoint: 'https://id.example.com/par',
  id_token_signing_alg_values_supported: ['RS256'],
  userinfo_signing_alg_values_supported: ['RS256'],
  token_endpoint_auth_methods_supported: ['client_secret_basic'],
  token_endpoint_auth_signing_alg_values_supported: ['RS256'],
  prompt_values_supported: ['login'],
}
const endpoints = Object.keys(right).filter((name) => /_endpoint$|_uri$/.test(name))
const lists = Object.keys(right).filter((name) => name.endsWith('_supported'))

describe('a discovery document', () => {
  it('of the right types is used whole', () => {
    expect(mistypedFields(right, HTTPS)).toEqual([])
    expect(mistypedFields({}, HTTPS)).toEqual([])
  })

  it.each(endpoints)('is used without %s where that is no address to go to', (name) => {
    for (const value of [null, 7, {}, ['https://id.example.com/'], '', 'x', '/token']) {
      expect(mistypedFields({ ...right, [name]: value }, HTTPS)).toEqual([name])
    }
    for (const scheme of ['http', 'javascript', 'file', 'data']) {
      const value = `${scheme}://id.example.com/x`
      expect(mistypedFields({ ...right, [name]: value }, HTTPS)).toEqual([name])
    }
    const plain = { ...right, [name]: 'http://id.example.com/x' }
    expect(mistypedFields(plain, ['https:', 'http:'])).toEqual([])
  })

  it.each(lists)('is used without %s where that is no list of texts', (name) => {
    for (const value of [null, 7, {}, 'RS256', [], [null], ['RS256', 5]]) {
      expect(mistypedFields({ ...right, [name]: value }, HTTPS)).toEqual([name])
    }
  })
})

describe('an answer', () => {
  it('loses the fields that cannot be used, and they are named', async () => {
    const named: unknown[] = []
    const bent = { ...right, jwks_uri: 5, prompt_values_supported: {}, other: { kept: true } }
    const answer = await cleanMetadata(Response.json(bent), HTTPS, NONE, (fields) =>
      named.push(fields),
    )
    const { jwks_uri, prompt_values_supported, ...kept } = bent
    expect([jwks_uri, prompt_values_supported]).toEqual([5, {}])
    expect(await answer.json()).toEqual(kept)
    expect(named).toEqual([['jwks_uri', 'prompt_values_supported']])
  })

  it('that is right, or no document at all, goes on as it came', async () => {
    const onIgnored = (): void => expect.fail('nothing is ignored')
    for (const body of [JSON.stringify(right), 'null', '5', '<p>', '']) {
      const answer = new Response(body, { status: 203, headers: { 'x-from': 'op' } })
      const same = await cleanMetadata(answer, HTTPS, NONE, onIgnored)
      expect([same.status, same.headers.get('x-from'), await same.text()]).toEqual([
        203,
        'op',
        body,
      ])
    }
  })

  it('gets the addresses that the operator gives, also in place of ones that cannot be used', async () => {
    const inside = (path: string): URL => new URL(`https://id.internal/${path}`)
    const own = { ...NONE, token: inside('t'), jwks: inside('j'), endSession: inside('e') }
    const bent = { ...right, jwks_uri: 5 }
    const answer = await cleanMetadata(Response.json(bent), HTTPS, own, () => {})
    expect(await answer.json()).toEqual({
      ...right,
      token_endpoint: 'https://id.internal/t',
      jwks_uri: 'https://id.internal/j',
      end_session_endpoint: 'https://id.internal/e',
    })
  })

  it('of any JSON leaves nothing of a wrong type', async () => {
    const field = fc.constantFrom(...endpoints, ...lists)
    await fc.assert(
      fc.asyncProperty(fc.dictionary(field, fc.jsonValue()), async (body) => {
        const answer = await cleanMetadata(Response.json(body), HTTPS, NONE, () => {})
        const left = (await answer.json()) as Record<string, unknown>
        expect(mistypedFields(left, HTTPS)).toEqual([])
      }),
    )
  })
})
