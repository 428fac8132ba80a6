import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import type { Environment } from '../support/gateway.ts'
import { Person, type Answer } from '../support/person.ts'
import { startScriptedOp, type Bend, type Script } from '../support/scripted-op.ts'
import {
  countAsked,
  expectRefused,
  metric,
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
    ['constructor', 502, 'provider-error'],
    ['invalid_scope', 502, 'provider-misconfigured'],
    ['unauthorized_client', 502, 'provider-misconfigured'],
    ['invalid_request', 502, 'provider-misconfigured'],
    ['unsupported_response_type', 502, 'provider-misconfigured'],
  ])('that says %s is a page, and no code is asked for', async (error, status, reason) => {
    stack.op.script({ authorization: declining(error) })
    const asked = await countAsked(stack.op, 'token', async () => {
      const { answer } = await expectRefused(stack, { status, reason }, () =>
        signIn(stack, '/a?b=c'),
      )
      // The provider's words are anybody's words: the address bar is how they came.
      expect(answer.body).not.toMatch(/alert\(1\)|see the manual/)
      expect(answer.body).toContain('rd=%2Fa%3Fb%3Dc')
    })
    expect(asked).toBe(0)
  })

  it.each([
    ['of another issuer', respond({ iss: 'https://evil.example' })],
    [
      'of another issuer, an error at that',
      respond({ iss: 'https://evil.example', error: 'access_denied' }),
    ],
    ['that names no issuer where the provider always does', respond({ iss: undefined })],
    ['with the issuer twice', (response) => response.append('iss', 'https://evil.example')],
    ['without a code', respond({ code: undefined })],
    ['with the code twice', (response) => response.append('code', 'another')],
    ['with the state twice', (response) => response.append('state', 'another')],
    ['with a token of its own', respond({ id_token: 'x' })],
    ['packed in a JWT', respond({ response: 'x' })],
  ] satisfies [string, Script['authorization']][])(
    '%s redeems no code',
    async (_, authorization) => {
      stack.op.script({ authorization })
      const asked = await countAsked(stack.op, 'token', () =>
        expectRefused(stack, { status: 400, reason: 'login-invalid' }, () => signIn(stack)),
      )
      expect(asked).toBe(0)
    },
  )

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
    [
      'is too busy',
      () => ({ status: 429, headers: { ...html, 'retry-after': '60' }, body: 'x' }),
      502,
      'provider-error',
    ],
    [
      'is being repaired',
      () => ({ status: 503, headers: { 'retry-after': '60' }, body: {} }),
      502,
      'provider-error',
    ],
    [
      'redirects',
      () => ({ status: 302, headers: { location: 'http://127.0.0.1:9/' } }),
      502,
      'provider-error',
    ],
    ['answers with a page', () => ({ headers: html, body: '<p>hello' }), 502, 'provider-error'],
    [
      'answers with broken JSON',
      () => ({ body: '{"access_token":op-secret-1' }),
      502,
      'provider-error',
    ],
    ['answers with JSON of no shape', () => ({ body: [1] }), 400, 'login-invalid'],
    ['answers without end', () => ({ body: 'x'.repeat(3_000_000) }), 503, 'provider-unreachable'],
    [
      'sends no access token',
      (usual) => ({ body: { ...usual.body, access_token: undefined } }),
      400,
      'login-invalid',
    ],
    [
      'sends a token of another type',
      (usual) => ({ body: { ...usual.body, token_type: 'mac' } }),
      502,
      'provider-misconfigured',
    ],
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

describe('the key set', () => {
  it.each([
    ['fails', failing, 502, 'provider-error'],
    ['hangs up', () => ({ fault: 'reset' }), 503, 'provider-unreachable'],
    ['is a page', () => ({ headers: html, body: '<p>hello' }), 502, 'provider-error'],
    ['is empty', () => ({ body: { keys: [] } }), 400, 'login-invalid'],
    ['has no keys', () => ({ body: {} }), 502, 'provider-error'],
    [
      'holds no key that can be read',
      () => ({ body: { keys: [{ kty: 'RSA' }] } }),
      400,
      'login-invalid',
    ],
  ] satisfies [string, Bend, number, string][])('that %s', async (_, jwks, status, reason) => {
    // A key set is kept for a while: a gateway of its own for each.
    await withScriptedStack({ op: { script: { jwks } } }, async (own) => {
      await expectRefused(own, { status, reason }, () => signIn(own))
    })
  })
})

describe('userinfo, asked for a claim that is missing,', () => {
  it.each([
    ['fails', failing, 502, 'provider-error'],
    ['hangs up', () => ({ fault: 'reset' }), 503, 'provider-unreachable'],
    ['hangs up in the middle', () => ({ fault: 'reset-midway' }), 503, 'provider-unreachable'],
    ['is a page', () => ({ headers: html, body: '<p>hello' }), 502, 'provider-error'],
    ['is forbidden', () => ({ status: 403, headers: html, body: 'no' }), 502, 'provider-error'],
    [
      'does not take the token',
      () => ({
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
        body: '',
      }),
      502,
      'provider-error',
    ],
    ['names nobody', () => ({ body: { groups: ['desktop-users'] } }), 400, 'login-invalid'],
    [
      'names somebody else',
      (usual) => ({ body: { ...usual.body, sub: 'bob' } }),
      400,
      'login-invalid',
    ],
  ] satisfies [string, Bend, number, string][])('that %s', async (_, userinfo, status, reason) => {
    stack.op.script({
      claims: { groups: undefined },
      userinfoClaims: { groups: ['desktop-users'] },
      userinfo,
    })
    await expectRefused(stack, { status, reason }, () => signIn(stack))
  })
})

describe('a compressed answer', () => {
  // Members of one gzip file (RFC 1952 2.2): 900 MB of blanks after valid JSON, in less than a megabyte. Nothing but its
  // encoding is wrong.
  const blanks = gzipSync(Buffer.alloc(1_000_000, ' '))
  const packed = (body: object): Buffer =>
    Buffer.concat([gzipSync(JSON.stringify(body)), ...Array<Buffer>(900).fill(blanks)])
  const bomb: Bend = ({ headers, body }) => ({
    headers: { ...headers, 'content-encoding': 'gzip' },
    body: packed(body),
  })
  const refusal = { status: 502, reason: 'provider-misconfigured' }

  it.each([
    ['the token endpoint', { token: bomb }],
    ['the key set', { jwks: bomb }],
    ['userinfo', { claims: { groups: undefined }, userinfo: bomb }],
    ['the endpoint of pushed requests', { par: bomb }],
  ] satisfies [string, Partial<Script>][])(
    'of %s is refused before a byte of it is unpacked',
    async (_, script) => {
      const discovery: Bend = ({ body }) => ({
        body: {
          ...body,
          ...('par' in script
            ? { pushed_authorization_request_endpoint: `${String(body['issuer'])}/par` }
            : {}),
        },
      })
      await withScriptedStack({ op: { script: { discovery, ...script } } }, async (own) => {
        const { answer } = await expectRefused(own, refusal, () =>
          signIn(own, '/oauth2/start?rd=/'),
        )
        expect(answer.body).not.toContain('gzip')
        expect(JSON.stringify(own.gateway.lines)).toContain('Content-Encoding: gzip')
      })
    },
  )

  it('of discovery leaves the gateway waiting for a better one', async () => {
    let isBent = true
    const discovery: Bend = (usual) => (isBent ? bomb(usual) : usual)
    const started = withScriptedStack({ op: { script: { discovery } } }, async (own) => {
      expect(JSON.stringify(own.gateway.lines)).toContain('Content-Encoding: gzip')
      expect((await signIn(own)).status).toBe(302)
    })
    setTimeout(() => (isBent = false), 500)
    await started
  })

  it.each(['identity', ' Identity'])('is none where it says %j', async (encoding) => {
    const plain: Bend = ({ headers }) => ({ headers: { ...headers, 'content-encoding': encoding } })
    stack.op.script({ token: plain, jwks: plain })
    expect((await signIn(stack)).status).toBe(302)
  })

  it('is never asked for', async () => {
    await withScriptedStack({ op: { script: { claims: { groups: undefined } } } }, async (own) => {
      await signIn(own)
      const asked = own.op.requests.filter(({ endpoint }) => endpoint !== 'authorize')
      expect(asked.map(({ endpoint }) => endpoint)).toEqual([
        'discovery',
        'token',
        'jwks',
        'userinfo',
      ])
      for (const { headers } of asked) expect(headers['accept-encoding']).toBe('identity')
    })
  })
})

describe('a provider that does not answer', () => {
  it.each([
    ['the token request', { token: () => ({ fault: 'hang' }) }],
    ['the token request to its end', { token: () => ({ fault: 'hang-midway' }) }],
    [
      'the userinfo request',
      { claims: { groups: undefined }, userinfo: () => ({ fault: 'hang' }) },
    ],
  ] satisfies [string, Partial<Script>][])(
    '%s is given up after thirty seconds',
    async (_, script) => {
      const timeout = AbortSignal.timeout.bind(AbortSignal)
      const asked = vi
        .spyOn(AbortSignal, 'timeout')
        .mockImplementation((milliseconds) => timeout(milliseconds / 100))
      stack.op.script(script)
      await expectRefused(stack, { status: 503, reason: 'provider-unreachable' }, () =>
        signIn(stack),
      )
      expect(asked).toHaveBeenCalledWith(30_000)
    },
  )

  it('is down by its metric, and up again when it answers', async () => {
    await signIn(stack)
    expect(await metric(stack.gateway, 'ghostwire_provider_up')).toBe(1)
    stack.op.script({ token: () => ({ fault: 'reset' }), discovery: () => ({ fault: 'reset' }) })
    await signIn(stack)
    expect(await metric(stack.gateway, 'ghostwire_provider_up')).toBe(0)
    expect(
      await metric(stack.gateway, 'ghostwire_oidc_request_duration_seconds_count', {
        operation: 'token',
        outcome: 'unreachable',
      }),
    ).toBeGreaterThan(0)
    stack.op.reset()
    expect((await signIn(stack)).status).toBe(302)
    expect(await metric(stack.gateway, 'ghostwire_provider_up')).toBe(1)
  })
})

describe('a discovery document', () => {
  const without = (name: string): Bend => {
    return ({ body }) => ({ body: { ...body, [name]: undefined } })
  }
  it.each([
    ['authorization_endpoint', 0],
    ['token_endpoint', 0],
    ['jwks_uri', 1],
  ])('without %s is a matter of set-up', async (name, tokenRequests) => {
    await withScriptedStack({ op: { script: { discovery: without(name) } } }, async (own) => {
      const asked = await countAsked(own.op, 'token', () =>
        expectRefused(own, { status: 502, reason: 'provider-misconfigured' }, () =>
          signIn(own, '/oauth2/start?rd=/'),
        ),
      )
      expect(asked).toBe(tokenRequests)
    })
  })
})

describe('a provider on https', () => {
  const tls = createCertificate('op')
  let folder: string
  let environment: Environment
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
    const file = join(folder, 'ca.pem')
    await writeFile(file, tls.cert)
    environment = { GATEWAY_OIDC_CA_FILE: file }
  })
  afterAll(() => rm(folder, { recursive: true }))

  // The person trusts no such certificate: the provider answers them in the process.
  const signInAt = async (own: ScriptedStack): Promise<Answer> => {
    const person = new Person()
    const { location } = await person.visit(own.at('/'))
    expect(location?.protocol).toBe('https:')
    return person.visit(own.op.signIn(location as URL))
  }

  it('is believed under the CA of the settings', async () => {
    await withScriptedStack({ op: { tls }, environment }, async (own) => {
      expect((await signInAt(own)).status).toBe(302)
      expect(own.op.asked('token')).toHaveLength(1)
    })
  })

  it('that names a token endpoint without TLS gets no code in the clear', async () => {
    const plain = await startScriptedOp()
    const discovery: Bend = ({ body }) => ({
      body: { ...body, token_endpoint: `${plain.issuer}/token` },
    })
    await withScriptedStack({ op: { tls, script: { discovery } }, environment }, async (own) => {
      await expectRefused(own, { status: 502, reason: 'provider-misconfigured' }, () =>
        signInAt(own),
      )
    })
    expect(plain.requests).toEqual([])
    await plain.stop()
  })
})

describe('pushed authorization requests', () => {
  const par = (bend: Bend): Partial<Script> => ({
    discovery: ({ body }) => ({
      body: { ...body, pushed_authorization_request_endpoint: `${String(body['issuer'])}/par` },
    }),
    par: bend,
  })
  it.each([
    ['refused', oauthError('invalid_request'), 502, 'provider-misconfigured'],
    ['refused for the client', oauthError('invalid_client', 401), 502, 'provider-misconfigured'],
    ['that fail', failing, 502, 'provider-error'],
    ['that hang up', () => ({ fault: 'reset' }), 503, 'provider-unreachable'],
    ['without a request_uri', () => ({ body: { expires_in: 60 } }), 400, 'login-invalid'],
  ] satisfies [string, Bend, number, string][])(
    '%s are a page',
    async (_, bend, status, reason) => {
      await withScriptedStack({ op: { script: par(bend) } }, async (own) => {
        const { answer } = await expectRefused(own, { status, reason }, () =>
          new Person().visit(own.at('/oauth2/start?rd=/a')),
        )
        expect(answer.headers.getSetCookie()).toEqual([])
      })
    },
  )
})
