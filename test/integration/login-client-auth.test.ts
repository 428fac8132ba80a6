import { createHash, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { CLIENT_ID, CLIENT_SECRET, type Environment } from '../support/gateway.ts'
import { Person } from '../support/person.ts'
import type { Bend, OpRequest } from '../support/scripted-op.ts'
import {
  expectNothingSecret,
  expectRefused,
  signIn,
  withScriptedStack,
} from '../support/scripted-stack.ts'

const CALLBACK = '/oauth2/callback'

/** What the provider offers as authentication methods of clients; undefined: it does not say. */
const offers = (methods: readonly string[] | undefined): Bend => {
  return ({ body }) => ({
    body: { ...body, token_endpoint_auth_methods_supported: methods },
  })
}

/** Signs in at a gateway of its own; the one token request that took. */
function tokenRequest(environment: Environment, discovery: Bend): Promise<OpRequest> {
  return withScriptedStack({ environment, op: { script: { discovery } } }, async (stack) => {
    expect((await signIn(stack)).status).toBe(302)
    const [asked, ...more] = stack.op.asked('token')
    expect(more).toEqual([])
    expectNothingSecret(JSON.stringify(stack.gateway.lines))
    return asked as OpRequest
  })
}

/** User name and password of an Authorization header, as RFC 6749 2.3.1 has them: form-encoded each. */
function basic({ headers }: OpRequest): readonly string[] {
  const [scheme, encoded = ''] = (headers.authorization ?? '').split(' ')
  expect(scheme).toBe('Basic')
  return Buffer.from(encoded, 'base64')
    .toString()
    .split(':')
    .map((part) => new URLSearchParams(`x=${part}`).get('x') ?? '')
}

describe('a client with a secret', () => {
  it.each([
    ['nothing', undefined],
    ['client_secret_basic', ['client_secret_basic']],
    ['both', ['client_secret_post', 'client_secret_basic']],
    ['neither', ['private_key_jwt', 'none']],
  ])('sends it in a header where the provider offers %s', async (_, methods) => {
    const asked = await tokenRequest({}, offers(methods))
    expect(basic(asked)).toEqual([CLIENT_ID, CLIENT_SECRET])
    expect(asked.form.has('client_secret')).toBe(false)
  })

  it('sends it in the body where the provider offers only that', async () => {
    const asked = await tokenRequest({}, offers(['client_secret_post']))
    expect(asked.headers.authorization).toBeUndefined()
    expect(asked.form.get('client_id')).toBe(CLIENT_ID)
    expect(asked.form.get('client_secret')).toBe(CLIENT_SECRET)
  })

  it.each([
    ['client_secret_post', ['client_secret_basic'], undefined],
    ['client_secret_basic', ['client_secret_post'], 'Basic'],
  ])(
    'sends it as the setting says (%s), whatever the provider offers',
    async (auth, methods, scheme) => {
      const asked = await tokenRequest({ GATEWAY_OIDC_CLIENT_AUTH: auth }, offers(methods))
      expect(asked.headers.authorization?.split(' ')[0]).toBe(scheme)
    },
  )

  it.each(['client_secret_basic', 'client_secret_post'])(
    'may have any character in it, by %s',
    async (auth) => {
      const secret = 'p%2B+&=: ~-_.!*()\'"\\/ü€😀'
      const asked = await tokenRequest(
        { GATEWAY_OIDC_CLIENT_AUTH: auth, GATEWAY_OIDC_CLIENT_SECRET: secret },
        offers(undefined),
      )
      const sent = auth === 'client_secret_post' ? asked.form.get('client_secret') : basic(asked)[1]
      expect(sent).toBe(secret)
    },
  )
})

describe('client credentials in a header', () => {
  /** The text that the provider finds in the header, before it decodes anything. */
  async function sent(clientId: string, clientSecret: string): Promise<OpRequest> {
    const environment = {
      GATEWAY_OIDC_CLIENT_ID: clientId,
      GATEWAY_OIDC_CLIENT_SECRET: clientSecret,
      GATEWAY_OIDC_CLIENT_AUTH: 'client_secret_basic',
    }
    const op = { script: { claims: { aud: clientId } } }
    return withScriptedStack({ environment, op }, async (stack) => {
      expect((await signIn(stack)).status).toBe(302)
      return stack.op.asked('token')[0] as OpRequest
    })
  }

  it('are readable for a provider that does not decode them, as long as forms leave them alone', async () => {
    const [id, secret] = ['3f6c1d4e-8a5b-4c1e-9d0f-2b7a6c5e4d3f', 'gto_s3cr.et-with_all*of-them']
    const { headers } = await sent(id, secret)
    const encoded = headers.authorization?.replace('Basic ', '') ?? ''
    expect(Buffer.from(encoded, 'base64').toString()).toBe(`${id}:${secret}`)
  })

  it('are what they were for a provider that decodes them (RFC 6749 2.3.1)', async () => {
    const [id, secret] = ['a client: one', 'p%2B+&=: ~-_.!*()/ü']
    expect(basic(await sent(id, secret))).toEqual([id, secret])
  })

  it('that the provider refuses are logged with the setting to change', async () => {
    const token: Bend = () => ({
      status: 401,
      body: { error: 'invalid_client', error_description: 'unknown\u001b client' },
    })
    await withScriptedStack({ op: { script: { token } } }, async (stack) => {
      expect((await signIn(stack)).status).toBe(502)
      const [line] = stack.gateway.lines.filter(({ msg }) => msg === 'login failed')
      expect(line).toMatchObject({
        level: 'error',
        reason: 'provider-misconfigured',
        cause: { error: 'invalid_client', error_description: String.raw`unknown\u{1b} client` },
        advice: expect.stringContaining('client_secret_post') as string,
      })
    })
  })
})

describe('a public client', () => {
  it.each([{}, { GATEWAY_OIDC_CLIENT_AUTH: 'none' }])(
    'names itself and proves nothing but its verifier (%j)',
    async (environment) => {
      const asked = await tokenRequest(
        { GATEWAY_OIDC_CLIENT_SECRET: undefined, ...environment },
        offers(['client_secret_basic', 'none']),
      )
      expect(asked.headers.authorization).toBeUndefined()
      expect(asked.form.get('client_id')).toBe(CLIENT_ID)
      expect([...asked.form.keys()].sort()).toEqual([
        'client_id',
        'code',
        'code_verifier',
        'grant_type',
        'redirect_uri',
      ])
    },
  )
})

describe('a client with a private key', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  interface KeyPair {
    readonly publicKey: KeyObject
    readonly privateKey: KeyObject
  }
  const ec = (namedCurve: string): KeyPair => generateKeyPairSync('ec', { namedCurve })
  const PEMS = { pkcs8: 'PRIVATE KEY', pkcs1: 'RSA PRIVATE KEY', sec1: 'EC PRIVATE KEY' }

  it.each([
    ['RS256', 'pkcs8', () => generateKeyPairSync('rsa', { modulusLength: 2_048 })],
    ['RS256', 'pkcs1', () => generateKeyPairSync('rsa', { modulusLength: 2_048 })],
    ['ES256', 'pkcs8', () => ec('P-256')],
    ['ES256', 'sec1', () => ec('P-256')],
    ['ES384', 'pkcs8', () => ec('P-384')],
    ['ES512', 'pkcs8', () => ec('P-521')],
    ['EdDSA', 'pkcs8', () => generateKeyPairSync('ed25519')],
  ] satisfies [string, keyof typeof PEMS, () => KeyPair][])(
    'signs an assertion for the provider alone: %s, %s',
    async (algorithm, type, makeKeys) => {
      const { publicKey, privateKey } = makeKeys()
      const pem = privateKey.export({ type, format: 'pem' }).toString()
      expect(pem).toContain(`BEGIN ${PEMS[type]}`)
      const file = join(folder, `${algorithm}-${type}.pem`)
      await writeFile(file, pem)
      const environment = {
        GATEWAY_OIDC_CLIENT_SECRET: undefined,
        GATEWAY_OIDC_PRIVATE_KEY_FILE: file,
      }
      await withScriptedStack({ environment }, async ({ op, gateway, at }) => {
        expect((await signIn({ at })).status).toBe(302)
        expect((await signIn({ at })).status).toBe(302)
        const identifiers = new Set<unknown>()
        for (const { form, headers } of op.asked('token')) {
          expect(headers.authorization).toBeUndefined()
          expect(form.has('client_secret')).toBe(false)
          expect(form.get('client_assertion_type')).toBe(
            'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          )
          const assertion = form.get('client_assertion') ?? ''
          expect(decodeProtectedHeader(assertion).alg).toBe(algorithm)
          const { payload } = await jwtVerify(assertion, publicKey, {
            issuer: CLIENT_ID,
            subject: CLIENT_ID,
            audience: op.issuer,
            maxTokenAge: '10s',
            requiredClaims: ['exp', 'jti'],
          })
          expect(payload.exp).toBeLessThanOrEqual(Date.now() / 1_000 + 300)
          identifiers.add(payload.jti)
        }
        expect(identifiers.size).toBe(2)
        expectNothingSecret(JSON.stringify(gateway.lines))
      })
    },
  )

  it.each([
    ['rsa-pss', () => generateKeyPairSync('rsa-pss', { modulusLength: 2_048 })],
    ['ed448', () => generateKeyPairSync('ed448')],
    ['secp256k1', () => ec('secp256k1')],
    ['x25519', () => generateKeyPairSync('x25519')],
  ] satisfies [string, () => KeyPair][])(
    'that no provider takes (%s) stops the start, and the setting is named',
    async (name, makeKeys) => {
      const file = join(folder, `${name}.pem`)
      await writeFile(file, makeKeys().privateKey.export({ type: 'pkcs8', format: 'pem' }))
      const environment = { GATEWAY_OIDC_PRIVATE_KEY_FILE: file }
      await expect(withScriptedStack({ environment }, async () => {})).rejects.toThrow(
        /oidc\.privateKeyFile|GATEWAY_OIDC_PRIVATE_KEY_FILE/,
      )
    },
  )

  it.each([
    ['EdDSA', ['RS256', 'EdDSA'], () => generateKeyPairSync('ed25519')],
    ['Ed25519', ['RS256', 'Ed25519'], () => generateKeyPairSync('ed25519')],
    ['PS256', ['ES256', 'PS256'], () => generateKeyPairSync('rsa', { modulusLength: 2_048 })],
    ['RS256', ['PS256', 'RS256'], () => generateKeyPairSync('rsa', { modulusLength: 2_048 })],
  ] satisfies [string, string[], () => KeyPair][])(
    'signs with %s where the provider lists %j',
    async (algorithm, listed, makeKeys) => {
      const { publicKey, privateKey } = makeKeys()
      const file = join(folder, `listed-${algorithm}.pem`)
      await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
      const asked = await tokenRequest({ GATEWAY_OIDC_PRIVATE_KEY_FILE: file }, ({ body }) => ({
        body: { ...body, token_endpoint_auth_signing_alg_values_supported: listed },
      }))
      const assertion = asked.form.get('client_assertion') ?? ''
      expect(decodeProtectedHeader(assertion).alg).toBe(algorithm)
      await jwtVerify(assertion, publicKey, { issuer: CLIENT_ID })
    },
  )

  it('uses it rather than a secret', async () => {
    const file = join(folder, 'both.pem')
    await writeFile(file, ec('P-256').privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const asked = await tokenRequest({ GATEWAY_OIDC_PRIVATE_KEY_FILE: file }, offers(undefined))
    expect(asked.form.has('client_assertion')).toBe(true)
    expect(asked.headers.authorization).toBeUndefined()
  })
})

describe('the authorization request', () => {
  it('is code flow with PKCE S256, state and nonce, all of them new each time', async () => {
    await withScriptedStack({}, async ({ op, at, gateway }) => {
      await signIn({ at })
      await signIn({ at })
      const [one, two] = op.asked('authorize').map(({ query }) => Object.fromEntries(query))
      expect(one).toEqual({
        client_id: CLIENT_ID,
        response_type: 'code',
        redirect_uri: gateway.origin + CALLBACK,
        scope: 'openid profile email',
        code_challenge_method: 'S256',
        code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
        state: expect.stringMatching(/^[\w-]{43,}$/) as string,
        nonce: expect.stringMatching(/^[\w-]{43,}$/) as string,
      })
      for (const name of ['code_challenge', 'state', 'nonce']) {
        expect(two?.[name]).not.toBe(one?.[name])
      }
      // The scripted provider redeems a code only for the verifier of its challenge.
      const [redeemed] = op.asked('token')
      expect(redeemed?.form.get('code_verifier')).toMatch(/^[\w.~-]{43,128}$/)
      expect(redeemed?.form.get('redirect_uri')).toBe(gateway.origin + CALLBACK)
      expect(redeemed?.form.get('grant_type')).toBe('authorization_code')
    })
  })

  it('carries what the operator adds', async () => {
    const config = { oidc: { authorizationParams: { acr_values: 'mfa', hd: 'example.com' } } }
    await withScriptedStack({ config }, async ({ op, at }) => {
      await signIn({ at })
      const query = op.asked('authorize')[0]?.query
      expect([query?.get('acr_values'), query?.get('hd')]).toEqual(['mfa', 'example.com'])
    })
  })

  it.each([
    ['select_account', undefined, 'select_account'],
    ['select_account', ['none', 'login'], 'login'],
    ['login', undefined, 'login'],
    ['none', undefined, null],
    ['consent', undefined, null],
  ])(
    'asks as our link says (%s), where the provider knows that (%j): %s',
    async (wanted, listed, sent) => {
      const discovery: Bend = ({ body }) => ({ body: { ...body, prompt_values_supported: listed } })
      await withScriptedStack({ op: { script: { discovery } } }, async ({ op, at }) => {
        await signIn({ at }, `/oauth2/start?prompt=${wanted}`)
        expect(op.asked('authorize')[0]?.query.get('prompt')).toBe(sent)
      })
    },
  )

  it('is pushed where the provider takes that, with the client’s own proof', async () => {
    const discovery: Bend = ({ body }) => ({
      body: {
        ...body,
        pushed_authorization_request_endpoint: `${String(body['issuer'])}/par`,
      },
    })
    await withScriptedStack({ op: { script: { discovery } } }, async ({ op, at }) => {
      const { location } = await new Person().visit(at('/'))
      // Nothing of the request passes through the browser.
      expect([...(location?.searchParams.keys() ?? [])].sort()).toEqual([
        'client_id',
        'request_uri',
      ])
      const [pushed] = op.asked('par')
      expect(basic(pushed as OpRequest)).toEqual([CLIENT_ID, CLIENT_SECRET])
      expect([...(pushed?.form.keys() ?? [])]).toEqual(
        expect.arrayContaining(['state', 'nonce', 'code_challenge', 'redirect_uri', 'scope']),
      )
      expect((await signIn({ at })).status).toBe(302)
    })
  })
})

describe('an assertion', () => {
  const { cert, key } = createCertificate()
  const environment = (more: Environment): Environment => ({
    GATEWAY_OIDC_CLIENT_SECRET: undefined,
    ...more,
  })
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ghostwire-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each([
    ['behind', `${key}\n${cert}`],
    ['before', `${cert}\n${key}`],
  ])(
    'names the certificate %s its key in the file, as Entra requires, and the key id',
    async (_, pem) => {
      const file = join(folder, 'client.pem')
      await writeFile(file, pem)
      const asked = await tokenRequest(
        environment({ GATEWAY_OIDC_PRIVATE_KEY_FILE: file, GATEWAY_OIDC_PRIVATE_KEY_ID: 'key-1' }),
        offers(['private_key_jwt']),
      )
      const header = decodeProtectedHeader(asked.form.get('client_assertion') ?? '')
      const der = new X509Certificate(cert).raw
      expect(header).toMatchObject({
        kid: 'key-1',
        'x5t#S256': createHash('sha256').update(der).digest('base64url'),
      })
    },
  )

  it('by another issuer is read from its file for each request', async () => {
    const file = join(folder, 'token')
    await writeFile(file, 'first-token\n')
    const own = environment({ GATEWAY_OIDC_FEDERATED_TOKEN_FILE: file })
    await withScriptedStack({ environment: own }, async (stack) => {
      const assertions: (string | null)[] = []
      for (const token of ['first-token', 'second-token']) {
        await writeFile(file, token)
        expect((await signIn(stack)).status).toBe(302)
        const form = stack.op.asked('token').at(-1)?.form
        expect(form?.get('client_id')).toBe(CLIENT_ID)
        expect(form?.get('client_assertion_type')).toMatch(/:jwt-bearer$/)
        assertions.push(form?.get('client_assertion') ?? null)
      }
      expect(assertions).toEqual(['first-token', 'second-token'])
      await rm(file)
      const refusal = { status: 502, reason: 'provider-misconfigured' }
      await expectRefused(stack, refusal, () => signIn(stack))
      const errors = stack.gateway.lines.filter(({ level }) => level === 'error')
      expect(JSON.stringify(errors)).toContain('oidc.federatedTokenFile: cannot read')
    })
  })
})
