import { Writable } from 'node:stream'
import * as oidc from 'openid-client'
import { describe, expect, it } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { GatewayError } from '../../../src/lib/errors.ts'
import { createAudit } from '../../../src/observability/audit.ts'
import { createLog } from '../../../src/observability/log.ts'
import { createMetrics } from '../../../src/observability/metrics.ts'
import { createReportFailedLogin, failureOf } from '../../../src/oidc/failure.ts'

/** As the library throws it. */
function libraryError(code: string, cause?: unknown): Error {
  const error = new oidc.ClientError('something went wrong', { cause })
  return Object.assign(error, { code })
}

function responseError(error: string): Error {
  const made = Object.create(oidc.ResponseBodyError.prototype) as Error
  return Object.assign(made, { error, cause: { error } })
}

function challenge(...schemes: string[]): Error {
  const made = Object.create(oidc.WWWAuthenticateChallengeError.prototype) as Error
  return Object.assign(made, { cause: schemes.map((scheme) => ({ scheme, parameters: {} })) })
}

describe('why a login failed', () => {
  it.each<[string, unknown, string]>([
    ['the person said no', responseError('access_denied'), 'provider-declined'],
    ['the provider wants to ask', responseError('interaction_required'), 'provider-needs-you'],
    ['the client is not known', responseError('invalid_client'), 'provider-misconfigured'],
    ['the code is used up', responseError('invalid_grant'), 'login-invalid'],
    ['the provider has a word of its own', responseError('moon_phase'), 'provider-error'],
    ['the word is one of every object', responseError('constructor'), 'provider-error'],
    ['a challenge to the client', challenge('basic'), 'provider-misconfigured'],
    ['a challenge to the token', challenge('bearer'), 'provider-error'],
    ['a challenge to either', challenge('basic', 'bearer'), 'provider-error'],
    [
      'nobody answers',
      new TypeError('fetch failed', { cause: new Error('x') }),
      'provider-unreachable',
    ],
    ['a fault of ours', new TypeError('x is no function'), 'login-invalid'],
    [
      'an argument that is none',
      Object.assign(new TypeError('x', { cause: 1 }), { code: 'ERR_INVALID_ARG_TYPE' }),
      'login-invalid',
    ],
    [
      'the answer breaks off',
      libraryError('OAUTH_PARSE_ERROR', new TypeError('terminated', { cause: new Error('x') })),
      'provider-unreachable',
    ],
    ['no answer in time', new DOMException('late', 'TimeoutError'), 'provider-unreachable'],
    ['no answer in time, in the library', libraryError('OAUTH_TIMEOUT'), 'provider-unreachable'],
    ['the answer is no JSON', libraryError('OAUTH_RESPONSE_IS_NOT_JSON'), 'provider-error'],
    ['the clocks differ', libraryError('OAUTH_JWT_TIMESTAMP_CHECK_FAILED'), 'clock'],
    [
      'the person came too long ago',
      libraryError(
        'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
        new Error('x', { cause: { claim: 'auth_time' } }),
      ),
      'provider-needs-you',
    ],
    [
      'a token that has expired',
      libraryError('OAUTH_JWT_TIMESTAMP_CHECK_FAILED', new Error('x', { cause: { claim: 'exp' } })),
      'clock',
    ],
    [
      'an address is missing',
      libraryError('OAUTH_MISSING_SERVER_METADATA'),
      'provider-misconfigured',
    ],
    [
      'the answer is compressed',
      new GatewayError('provider-refused', 'x'),
      'provider-misconfigured',
    ],
    [
      'the answer is compressed, as the library says it',
      new oidc.ClientError('something went wrong', {
        cause: new GatewayError('provider-refused', 'x'),
      }),
      'provider-misconfigured',
    ],
    ['something else', libraryError('OAUTH_INVALID_RESPONSE'), 'login-invalid'],
    ['no error at all', 'a text', 'login-invalid'],
    ['nothing', undefined, 'login-invalid'],
    ['null', null, 'login-invalid'],
  ])('%s', (_, error, kind) => {
    expect(failureOf(error)).toEqual({ kind, cause: error })
  })
})

it.each([
  ['provider-misconfigured', 'error'],
  ['clock', 'error'],
  ['provider-declined', 'info'],
  ['login-limit', 'info'],
])('is told once to the metrics, the audit and the log: %s, as %s', async (reason, level) => {
  const lines: Record<string, unknown>[] = []
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
      done()
    },
  })
  const metrics = createMetrics('test')
  const desktop = { url: new URL('http://desktop:6901') }
  const report = createReportFailedLogin(
    { current: { desktop } as unknown as Settings },
    {
      metrics,
      audit: createAudit(output, undefined, Date.now, () => {}),
      log: createLog('debug', output),
    },
  )
  report({ requestId: 'r', address: '192.0.2.1', provider: undefined, reason, cause: 'why' })
  const { values } = await metrics.logins.get()
  expect(values).toMatchObject([{ labels: { outcome: 'failed', reason }, value: 1 }])
  expect(lines).toMatchObject([
    {
      audit: true,
      event: 'login_refused',
      request: 'r',
      address: '192.0.2.1',
      desktop: 'desktop:6901',
      reason,
    },
    { level, request: 'r', reason, cause: 'why' },
  ])
})
