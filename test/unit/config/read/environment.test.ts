import { describe, expect, it } from 'vitest'

import { SETTINGS } from '../../../../src/config/schema/schema.ts'
import { COMPLETE, problemsFrom } from '../loading.ts'

describe('names in the environment', () => {
  it('are unique', () => {
    const names = SETTINGS.flatMap(({ env }) => env ?? [])
    expect(new Set(names).size).toBe(names.length)
    expect(names.every((name) => /^GATEWAY_[A-Z_]+$/.test(name))).toBe(true)
  })

  it.each([
    ['GATEWAY_PUBLIC_ULR', 'did you mean GATEWAY_PUBLIC_URL?'],
    ['GATEWAY_ALLOW_GROUP', 'did you mean GATEWAY_ALLOW_GROUPS?'],
    ['GATEWAY_SESSION_SECRETS_FILE', 'did you mean GATEWAY_SESSION_SECRET_FILE?'],
    ['GATEWAY_COOKIE_SECRET', 'did you mean GATEWAY_SESSION_SECRET?'],
    ['GATEWAY_CLIENT_ID', 'did you mean GATEWAY_OIDC_CLIENT_ID?'],
    ['GATEWAY_CONFIG_FILE', 'did you mean GATEWAY_CONFIG?'],
    ['GATEWAY_DESKTOP_CSP', 'desktop.csp can only be given in the YAML file'],
    ['GATEWAY_ACCESS', 'access can only be given in the YAML file'],
    [
      'GATEWAY_OIDC_AUTHORIZATION_PARAMS',
      'oidc.authorizationParams can only be given in the YAML file',
    ],
    ['GATEWAY_QX', 'remove it'],
  ])('are refused when no setting has them: %s', (name, hint) => {
    expect(problemsFrom({ ...COMPLETE, [name]: 'x' })).toEqual([
      `${name}: is not a setting; ${hint}`,
    ])
  })

  it('without our prefix are ignored', () => {
    expect(problemsFrom({ ...COMPLETE, PATH: '/bin', MY_GATEWAY_URL: 'x', GATEWAYS: '2' })).toEqual(
      [],
    )
  })

  it('never lead to a problem that quotes the value of an unknown one, which may be a secret', () => {
    const env = {
      ...COMPLETE,
      GATEWAY_OIDC_CLIENT_SECRT: 'hunter2',
      GATEWAY_DESKTOP_PASWORD: 'hunter2',
    }
    expect(problemsFrom(env)).toHaveLength(2)
    expect(problemsFrom(env).join()).not.toContain('hunter2')
  })
})

describe('Kubernetes service links', () => {
  it.each([
    ['GATEWAY_SERVICE_HOST', '10.0.0.1'],
    ['GATEWAY_SERVICE_PORT', '8080'],
    ['GATEWAY_SERVICE_PORT_HTTP', '8080'],
    ['GATEWAY_PORT', 'tcp://10.0.0.1:8080'],
    ['GATEWAY_PORT_8080_TCP', 'tcp://10.0.0.1:8080'],
    ['GATEWAY_PORT_8080_TCP_ADDR', '10.0.0.1'],
    ['GATEWAY_PORT_8080_TCP_PORT', '8080'],
    ['GATEWAY_PORT_8080_TCP_PROTO', 'tcp'],
    ['GATEWAY_PORT_53_UDP', 'udp://10.0.0.1:53'],
    ['GATEWAY_METRICS_SERVICE_HOST', '10.0.0.2'],
    ['GATEWAY_METRICS_SERVICE_PORT_HTTP_METRICS', '9090'],
    ['GATEWAY_METRICS_PORT', 'tcp://10.0.0.2:9090'],
    ['GATEWAY_METRICS_PORT_9090_TCP_ADDR', '10.0.0.2'],
  ])('are ignored: %s=%s', (name, value) => {
    expect(problemsFrom({ ...COMPLETE, [name]: value })).toEqual([])
  })

  it.each([
    ['GATEWAY_LISTEN_PORT', '8080'],
    ['GATEWAY_PORT', '8080'],
    ['GATEWAY_SERVICE', 'x'],
    ['GATEWAY_SERVICE_HOSTS', 'x'],
    ['GATEWAY_PORT_HTTP_TCP', 'x'],
    ['GATEWAY_ALLOW_GROUPS_TCP', 'x'],
  ])('do not excuse a name that only resembles one: %s=%s', (name, value) => {
    expect(problemsFrom({ ...COMPLETE, [name]: value })[0]).toContain(`${name}: is not a setting`)
  })
})
