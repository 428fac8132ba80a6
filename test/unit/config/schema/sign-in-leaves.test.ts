import { describe, expect, it } from 'vitest'

import { accepted, COMPLETE, problemsFrom, refusal, settingsFrom } from '../loading.ts'

function params(yaml: string): string {
  return `oidc: { authorizationParams: ${yaml} }`
}

describe('oidc.scopes', () => {
  it('must contain openid as a separate word', () => {
    expect(accepted('GATEWAY_OIDC_SCOPES', ' openid   groups ').providers[0]?.scopes).toBe(
      'openid groups',
    )
    expect(refusal('GATEWAY_OIDC_SCOPES', 'profile email')).toContain('must contain openid')
    expect(refusal('GATEWAY_OIDC_SCOPES', 'openid,email')).toContain('must contain openid')
  })
})

describe('oidc.authorizationParams', () => {
  it('are converted to text', () => {
    const yaml = params('{ prompt: login, max_age: 3600, hd: example.com, flag: true }')
    expect(settingsFrom(COMPLETE, yaml).providers[0]?.authorizationParams).toEqual({
      prompt: 'login',
      max_age: '3600',
      hd: 'example.com',
      flag: 'true',
    })
  })

  it.each([
    'client_id',
    'redirect_uri',
    'response_type',
    'response_mode',
    'scope',
    'state',
    'nonce',
    'code_challenge',
    'code_challenge_method',
    'request',
    'request_uri',
  ])('cannot replace %s, which the gateway sets', (name) => {
    const [problem, ...more] = problemsFrom(COMPLETE, params(`{ ${name}: x }`))
    expect(more).toEqual([])
    expect(problem).toMatch(new RegExp(`^oidc\\.authorizationParams\\.${name}: must be removed`))
  })

  it.each(['-1', '1.5', 'soon', '1e99'])('cannot contain a max_age of %s', (value) => {
    expect(problemsFrom(COMPLETE, params(`{ max_age: ${value} }`))).toEqual([
      'oidc.authorizationParams.max_age: must be a whole number of seconds',
    ])
  })

  it('must be a map of plain values', () => {
    expect(problemsFrom(COMPLETE, params('[prompt]'))[0]).toContain('must be a map of parameters')
    expect(problemsFrom(COMPLETE, params('{ prompt: [login] }'))[0]).toBe(
      'oidc.authorizationParams.prompt: must be text, a number, true or false; got a list',
    )
  })
})
