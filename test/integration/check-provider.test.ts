// `check --online` about providers: each fault is found by its own check, in words that say what to change.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { PUBLIC_URL, runCheck } from '../support/check.ts'
import { CLIENT_SECRET, freePort, type Environment } from '../support/gateway.ts'
import { startGithubStandIn } from '../support/github-stand-in.ts'
import { startTestProvider } from '../support/op.ts'
import {
  startScriptedOp,
  type OpRequest,
  type ScriptedOp,
  type ScriptedOpOptions,
} from '../support/scripted-op.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function startOp(options: ScriptedOpOptions = {}): Promise<ScriptedOp> {
  const op = await startScriptedOp(options)
  closing.push(() => op.stop())
  return op
}

const checkAt = (op: { readonly issuer: string }, environment: Environment = {}) =>
  runCheck({ GATEWAY_OIDC_ISSUER: op.issuer, ...environment })

/** The discovery document of an OP with other fields; undefined takes one out. */
const withFields = (fields: Readonly<Record<string, unknown>>): ScriptedOpOptions => ({
  script: { discovery: (usual) => ({ body: { ...usual.body, ...fields } }) },
})

describe('a provider in order', () => {
  it('passes every check, and its addresses to register are told', async () => {
    const provider = await startTestProvider(PUBLIC_URL)
    closing.push(() => provider.stop())
    const { findings, find } = await checkAt(provider, {
      GATEWAY_OIDC_SCOPES: 'openid profile email offline_access',
    })
    const states = findings
      .filter(({ id }) => id.startsWith('provider.'))
      .map(({ id, state }) => `${id} ${state}`)
    expect(states).toEqual([
      'provider.reachable ok',
      'provider.clock ok',
      'provider.issuer ok',
      'provider.fields ok',
      'provider.discovery ok',
      'provider.algorithms ok',
      'provider.keys ok',
      'provider.client-auth ok',
      'provider.redirect ok',
      'provider.pkce ok',
      'provider.scopes ok',
      'provider.refresh ok',
      'provider.logout ok',
      'provider.backchannel-logout ok',
      'provider.frontchannel-logout skipped',
      'provider.addresses ok',
    ])
    const { message } = find('provider.addresses')
    for (const path of ['callback', 'signed_out', 'backchannel_logout']) {
      expect(message).toContain(`${PUBLIC_URL}/oauth2/${path}`)
    }
  })
})

describe('a provider out of reach is explained', () => {
  it('by the name that cannot be resolved', async () => {
    const { exitCode, find } = await runCheck({ GATEWAY_OIDC_ISSUER: 'https://op.invalid' })
    expect(exitCode).toBe(1)
    expect(find('provider.reachable')).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/https:\/\/op\.invalid.*the name cannot be resolved/),
    })
    expect(find('provider.client-auth').state).toBe('skipped')
  })

  it('by the port at which nothing listens', async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`
    const { find } = await runCheck({ GATEWAY_OIDC_ISSUER: issuer })
    expect(find('provider.reachable').message).toContain('nothing listens there')
  })

  it('by the certificate that was found and is not trusted', async () => {
    const certificate = createCertificate('op')
    const op = await startOp({ tls: certificate })
    const { find } = await checkAt(op)
    expect(find('provider.reachable').message).toMatch(
      /signed by itself.*set oidc\.caFile.*fingerprint [0-9a-f]{64}; subject CN=op; names DNS:localhost/,
    )

    const folder = makeTemporaryFolder('ghostwire-check')
    closing.push(() => folder.remove())
    writeFileSync(`${folder.path}/ca.pem`, certificate.cert)
    const trusted = await checkAt(op, { GATEWAY_OIDC_CA_FILE: `${folder.path}/ca.pem` })
    expect(trusted.find('provider.reachable').state).toBe('ok')
  })

  it('by the forward proxy that refuses, without its password', async () => {
    const op = await startOp()
    const proxy = createServer().on('connect', (_, socket) => {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    closing.push(() => proxy.close())
    const { port } = proxy.address() as AddressInfo
    const { find, findings } = await checkAt(op, {
      GATEWAY_OIDC_PROXY: `http://someone:proxy-password@127.0.0.1:${port}`,
    })
    expect(find('provider.reachable').message).toMatch(
      /through the forward proxy.*check oidc\.proxy/,
    )
    expect(JSON.stringify(findings)).not.toContain('proxy-password')
  })
})

describe('the discovery document', () => {
  it('that is not there is reported with its address and status', async () => {
    const op = await startOp()
    const { find } = await checkAt({ issuer: `${op.issuer}/realms/desk` })
    expect(find('provider.discovery').message).toContain(
      `${op.issuer}/realms/desk/.well-known/openid-configuration answers 404`,
    )
  })

  it('of another issuer is reported with the issuer found and expected', async () => {
    const op = await startOp(withFields({ issuer: 'https://id.example.com/' }))
    const { find } = await checkAt(op)
    expect(find('provider.issuer')).toMatchObject({
      state: 'failed',
      message: expect.stringContaining(`is https://id.example.com/; expected ${op.issuer}/`),
    })
  })

  it('with fields that cannot be used is named with the fields', async () => {
    const op = await startOp(withFields({ userinfo_endpoint: 7, end_session_endpoint: 'ftp://x' }))
    expect((await checkAt(op)).find('provider.fields')).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('userinfo_endpoint, end_session_endpoint'),
    })
    const other = await startOp(withFields({ token_endpoint: undefined }))
    expect((await checkAt(other)).find('provider.fields')).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('set oidc.endpoints.token'),
    })
  })
})

describe('keys and algorithms', () => {
  it('fail if ID tokens are signed with the client secret', async () => {
    const op = await startOp(withFields({ id_token_signing_alg_values_supported: ['HS256'] }))
    const { exitCode, find } = await checkAt(op)
    expect(exitCode).toBe(1)
    expect(find('provider.algorithms')).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/HS256 only.*RS256/),
    })
  })

  it('fail if no key fits the algorithms, or the keys cannot be fetched', async () => {
    const op = await startOp(withFields({ id_token_signing_alg_values_supported: ['ES256'] }))
    expect((await checkAt(op)).find('provider.keys').message).toContain('none for ES256')
    op.script({ jwks: () => ({ status: 500, body: '' }) })
    expect((await checkAt(op)).find('provider.keys').message).toContain('cannot be fetched')
  })
})

describe('the client credentials', () => {
  const usesBasic = ({ headers }: Pick<OpRequest, 'headers'>) => headers.authorization !== undefined
  const usesPost = ({ form }: Pick<OpRequest, 'form'>) =>
    form.get('client_secret') === CLIENT_SECRET

  it('that are accepted with another method: the method is named', async () => {
    const op = await startOp({ script: { authenticates: usesPost } })
    const { exitCode, find } = await checkAt(op)
    expect(exitCode).toBe(1)
    expect(find('provider.client-auth').message).toMatch(
      /refuses the client gateway with client_secret_basic.*accepts it with client_secret_post\. Set oidc\.clientAuth/,
    )
    op.script({ authenticates: usesBasic })
    const wrong = await checkAt(op, { GATEWAY_OIDC_CLIENT_AUTH: 'client_secret_post' })
    expect(wrong.find('provider.client-auth').message).toContain(
      'accepts it with client_secret_basic',
    )
  })

  it('that no method makes good are reported with the settings to check', async () => {
    const op = await startOp({ script: { authenticates: () => false } })
    expect((await checkAt(op)).find('provider.client-auth')).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(
        /every other method\. Check oidc\.clientId and oidc\.clientSecret/,
      ),
    })
    expect(op.asked('token')).toHaveLength(3)
  })

  it('that a real provider refuses are reported', async () => {
    const provider = await startTestProvider(PUBLIC_URL)
    closing.push(() => provider.stop())
    const { find, findings } = await checkAt(provider, {
      GATEWAY_OIDC_CLIENT_SECRET: 'not-the-secret-of-this-client',
    })
    expect(find('provider.client-auth').state).toBe('failed')
    expect(JSON.stringify(findings)).not.toContain('not-the-secret-of-this-client')
  })
})

describe('the redirect address', () => {
  it('that is not registered fails, at a provider with and without pushed requests', async () => {
    const configurations = [
      {},
      {
        features: {
          pushedAuthorizationRequests: { enabled: false },
          devInteractions: { enabled: false },
        },
      },
    ]
    for (const configuration of configurations) {
      const provider = await startTestProvider('https://elsewhere.example.com', { configuration })
      closing.push(() => provider.stop())
      const { find } = await checkAt(provider)
      expect(find('provider.redirect')).toMatchObject({
        state: 'failed',
        message: expect.stringContaining(
          `Register the redirect address ${PUBLIC_URL}/oauth2/callback`,
        ),
      })
    }
  })

  it('with a scope that the provider refuses names the setting', async () => {
    const op = await startOp({
      script: {
        authorization(response) {
          response.delete('code')
          response.set('error', 'invalid_scope')
        },
      },
    })
    expect((await checkAt(op)).find('provider.redirect').message).toMatch(
      /invalid_scope.*oidc\.scopes/,
    )
  })
})

describe('what the provider offers', () => {
  it('draws a warning where the gateway wants more', async () => {
    const op = await startOp(
      withFields({
        code_challenge_methods_supported: ['plain'],
        scopes_supported: ['openid', 'email'],
        grant_types_supported: ['authorization_code'],
        end_session_endpoint: undefined,
      }),
    )
    const { find } = await checkAt(op)
    expect(find('provider.pkce').state).toBe('warning')
    expect(find('provider.scopes').message).toContain('does not list profile')
    expect(find('provider.refresh').message).toMatch(/not refresh_token.*12h/)
    expect(find('provider.logout').state).toBe('warning')
  })

  it('draws a warning for authentication contexts that rules require and it does not know', async () => {
    const op = await startOp(withFields({ acr_values_supported: ['password', 'mfa'] }))
    const folder = makeTemporaryFolder('ghostwire-check')
    closing.push(() => folder.remove())
    const stateFor = async (acr: string) => {
      const rule = `{match: {groups: [ops]}, role: control, require: {acr: [${acr}]}}`
      writeFileSync(`${folder.path}/gateway.yaml`, `access: [${rule}]\n`)
      const { find } = await checkAt(op, {
        GATEWAY_CONFIG: `${folder.path}/gateway.yaml`,
        GATEWAY_ALLOW_GROUPS: undefined,
      })
      return find('provider.acr')
    }
    expect((await stateFor('mfa')).state).toBe('ok')
    expect(await stateFor('phrh')).toMatchObject({
      state: 'warning',
      message: expect.stringContaining(
        'contexts phrh, which rules require; it lists password, mfa',
      ),
    })
  })

  it('is skipped where the document has something else than a list of texts', async () => {
    const op = await startOp(
      withFields({ code_challenge_methods_supported: 'S256', scopes_supported: { openid: true } }),
    )
    const { find } = await checkAt(op)
    expect(find('provider.pkce').state).toBe('skipped')
    expect(find('provider.scopes').state).toBe('skipped')
    expect(find('provider.refresh').state).toBe('ok')
  })

  it('draws a warning for refresh tokens that are not asked for', async () => {
    const op = await startOp(withFields({ scopes_supported: ['openid', 'offline_access'] }))
    expect((await checkAt(op)).find('provider.refresh')).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('Add offline_access'),
    })
  })
})

it.each([
  [20, 'ok'],
  [-45, 'warning'],
  [90, 'failed'],
])('a clock that is %i s ahead: %s', async (seconds, state) => {
  const op = await startOp({
    script: {
      discovery: (usual) => ({
        headers: {
          ...usual.headers,
          date: new Date(Date.now() + seconds * 1_000).toUTCString(),
        },
      }),
    },
  })
  const finding = (await checkAt(op)).find('provider.clock')
  expect(finding.state).toBe(state)
  expect(finding.message).toMatch(seconds < 0 ? /s behind/ : /s ahead of/)
})

describe('GitHub', () => {
  it('passes with the right secret and fails with a wrong one', async () => {
    const github = await startGithubStandIn()
    closing.push(() => github.stop())
    const environment = { GATEWAY_OIDC_PRESET: 'github' }
    const { find } = await checkAt({ issuer: github.origin }, environment)
    expect(find('provider.reachable', 'github').state).toBe('ok')
    expect(find('provider.client-auth').state).toBe('ok')
    expect(find('provider.api').state).toBe('ok')
    const wrong = await checkAt(
      { issuer: github.origin },
      { ...environment, GATEWAY_OIDC_CLIENT_SECRET: 'a-wrong-secret' },
    )
    expect(wrong.find('provider.client-auth')).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('passed are incorrect'),
    })
  })
})

it('a provider that sends control characters does not make the check print them', async () => {
  const op = await startOp(withFields({ jwks_uri: 'http://127.0.0.1:1/\u001b[2Jkeys' }))
  expect((await checkAt(op)).find('provider.keys').message).toContain('/ [2Jkeys cannot be fetched')
})

it('a provider that repeats the secret in its error does not make the check print it', async () => {
  const op = await startOp({
    script: {
      authorization(response) {
        response.set('error', 'invalid_request')
        response.set('error_description', `never send ${CLIENT_SECRET}`)
      },
    },
  })
  expect((await checkAt(op)).find('provider.redirect').message).toContain('never send (hidden)')
})
