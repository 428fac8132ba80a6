import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Person } from '../support/person.ts'
import type { Bend, Script } from '../support/scripted-op.ts'
import {
  countAsked,
  expectRefused,
  metric,
  signIn,
  startScriptedStack,
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

const html = { 'content-type': 'text/html' }
const failing: Bend = () => ({ status: 500, headers: html, body: '<h1>Error: at Foo.java:12</h1>' })
const oauthError = (error: string, status = 400): Bend => {
  return () => ({ status, body: { error, error_description: 'see the manual' } })
}

describe('an answer of the authorization endpoint', () => {
  const respond = (
    changes: Readonly<Record<string, string | undefined>>,
  ): Script['authorization'] => {
    return (response) => {
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined) response.delete(name)
        else response.set(name, value)
      }
    }
  }
  const declining = (error: string): Script['authorization'] =>
    respond({ code: undefined, error, error_description: '<script>alert(1)</script>' })

  it.each([
    ['access_denied', 403, 'provider-declined'],
    ['login_required', 403, 'provider-needs-you'],
    ['interaction_required', 403, 'provider-needs-you'],
    ['consent_required', 403, 'provider-needs-you'],
    ['account_selection_required', 403, 'provider-needs-you'],
    ['server_error', 502, 'provider-error'],
    ['temporarily_unavailable', 502, 'provider-error'],
    ['<img src=x onerror=alert(1)>', 502, 'provider-error'],
    ['invalid_scope', 502, 'provider-misconfigured'],
    ['unauthorized_client', 502, 'provider-misconfigured'],
    ['invalid_request', 502, 'provider-misconfigured'],
    ['unsupported_response_type', 502, 'provider-misconfigured'],
  ])('that says %s is a page, and no code is asked for', async (error, status, reason) => {
    stack.op.script({ authorization: declining(error) })
    const asked = await countAsked(stack.op, 'token', async () => {
      const { answer } = await expectRefused(stack, { status, reason }, () => signIn(stack, '/a?b=c'))
      // The provider's words are anybody's words: the address bar is how they came.
      expect(answer.body).not.toMatch(/alert\(1\)|see the manual/)
      expect(answer.body).toContain('rd=%2Fa%3Fb%3Dc')
    })
    expect(asked).toBe(0)
  })

  it.each([
    ['of another issuer', respond({ iss: 'https://evil.example' })],
    ['of another issuer, an error at that', respond({ iss: 'https://evil.example', error: 'access_denied' })],
    ['that names no issuer where the provider always does', respond({ iss: undefined })],
    ['with the issuer twice', (response) => response.append('iss', 'https://evil.example')],
    ['without a code', respond({ code: undefined })],
    ['with the code twice', (response) => response.append('code', 'another')],
    ['with the state twice', (response) => response.append('state', 'another')],
    ['with a token of its own', respond({ id_token: 'x' })],
    ['packed in a JWT', respond({ response: 'x' })],
  ] satisfies [string, Script['authorization']][])('%s redeems no code', async (_, authorization) => {
    stack.op.script({ authorization })
    const asked = await countAsked(stack.op, 'token', () =>
      expectRefused(stack, { status: 400, reason: 'login-invalid' }, () => signIn(stack)),
    )
    expect(asked).toBe(0)
  })

  it('that asks for the person leads on with one that may ask', async () => {
    stack.op.script({ authorization: declining('login_required') })
    const person = new Person()
    const page = await signIn(stack, '/vnc.html', person)
    const button = /href="(\/oauth2\/start\?[^"]*)"/.exec(page.body)?.[1] ?? ''
    stack.op.reset()
    const back = await signIn(stack, button.replaceAll('&amp;', '&'), person)
    expect(stack.op.asked('authorize')[0]?.query.get('prompt')).toBe('login')
    expect([back.status, back.location?.pathname]).toEqual([302, '/vnc.html'])
  })
})

describe('the token endpoint', () => {
  it.each([
    ['hangs up', () => ({ fault: 'reset' }), 503, 'provider-unreachable'],
    ['hangs up in the middle', () => ({ fault: 'reset-midway' }), 503, 'provider-unreachable'],
    ['fails with a page', failing, 502, 'provider-error'],
    ['is too busy', () => ({ status: 429, headers: { ...html, 'retry-after': '60' }, body: 'x' }), 502, 'provider-error'],
    ['is being repaired', () => ({ status: 503, headers: { 'retry-after': '60' }, body: {} }), 502, 'provider-error'],
    ['redirects', () => ({ status: 302, headers: { location: 'http://127.0.0.1:9/' } }), 502, 'provider-error'],
    ['answers with a page', () => ({ headers: html, body: '<p>hello' }), 502, 'provider-error'],
    ['answers with broken JSON', () => ({ body: '{"access_token":op-secret-1' }), 502, 'provider-error'],
    ['answers with JSON of no shape', () => ({ body: [1] }), 400, 'login-invalid'],
    ['answers without end', () => ({ body: 'x'.repeat(3_000_000) }), 502, 'provider-error'],
    ['sends no access token', (usual) => ({ body: { ...usual.body, access_token: undefined } }), 400, 'login-invalid'],
    ['sends a token of another type', (usual) => ({ body: { ...usual.body, token_type: 'mac' } }), 400, 'login-invalid'],
    ['does not know the code', oauthError('invalid_grant'), 400, 'login-invalid'],
    ['does not know the client', oauthError('invalid_client', 401), 502, 'provider-misconfigured'],
    [
      'challenges the client',
      () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="op"' }, body: '' }),
      502,
      'provider-misconfigured',
    ],
    ['does not like the client', oauthError('unauthorized_client'), 502, 'provider-misconfigured'],
    ['does not like the request', oauthError('invalid_request'), 502, 'provider-misconfigured'],
    ['says something new', oauthError('moon_phase'), 502, 'provider-error'],
  ] satisfies [string, Bend, number, string][])('that %s', async (_, token, status, reason) => {
    stack.op.script({ token })
    const asked = await countAsked(stack.op, 'token', () =>
      expectRefused(stack, { status, reason }, () => signIn(stack)),
    )
    expect(asked).toBe(1)
  })
})
