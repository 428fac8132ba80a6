import { describe, expect, it } from 'vitest'

import { accepted, COMPLETE, problemsFrom, refusal, settingsFrom } from '../loading.ts'

describe('listen', () => {
  it.each([
    [':8080', undefined, 8080],
    [':0', undefined, 0],
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['[::1]:8080', '::1', 8080],
    ['[::]:65535', '::', 65_535],
    ['localhost:8080', 'localhost', 8080],
  ])('may be %s', (written, host, port) => {
    expect(accepted('GATEWAY_LISTEN', written).listen).toEqual({ host, port })
    expect(accepted('GATEWAY_ADMIN_LISTEN', written).adminListen).toEqual({ host, port })
  })

  it.each([
    '8080',
    ':',
    ':65536',
    '::1:8080',
    '[::1]',
    '[127.0.0.1]:80',
    '[]:80',
    'desk:http',
    '1.2.3:80',
    ':80 ',
  ])('cannot be %j', (written) => {
    expect(refusal('GATEWAY_LISTEN', written)).toMatch(/^GATEWAY_LISTEN \(listen\): must be :port/)
  })

  it('asks for quotes when YAML reads it as a number', () => {
    expect(problemsFrom(COMPLETE, 'listen: 8080')).toEqual([
      'GATEWAY_LISTEN (listen): must be text; put it in quotes; got 8080',
    ])
  })
})

describe('trustedProxies', () => {
  it('accepts CIDRs and addresses of both families and keeps them as written', () => {
    const networks = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1', '0.0.0.0/0']
    expect(accepted('GATEWAY_TRUSTED_PROXIES', networks.join(', ')).trustedProxies).toEqual(
      networks,
    )
    expect(settingsFrom(COMPLETE, `trustedProxies: [10.0.0.0/8, "::1"]`).trustedProxies).toEqual([
      '10.0.0.0/8',
      '::1',
    ])
    expect(settingsFrom(COMPLETE, 'trustedProxies: 10.0.0.0/8,::1').trustedProxies).toHaveLength(2)
  })

  it.each([
    '10.0.0.0/33',
    '10.0.0/8',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '[::1]',
    'fe80::1%eth0',
    'ingress',
    '10.0.0.1:80',
  ])('cannot contain %s', (network) => {
    expect(refusal('GATEWAY_TRUSTED_PROXIES', `10.0.0.0/8,${network}`)).toContain(
      `must be a CIDR or a single address, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8; got "${network}"`,
    )
  })

  it('reports each invalid entry', () => {
    expect(problemsFrom(COMPLETE, 'trustedProxies: [a, 10.0.0.0/8, b]')).toHaveLength(2)
  })
})

describe('loginLimit', () => {
  it.each([
    ['30/m', { count: 30, windowMs: 60_000 }],
    ['5/s', { count: 5, windowMs: 1_000 }],
    ['200/h', { count: 200, windowMs: 3_600_000 }],
    ['off', undefined],
  ])('may be %s', (written, limit) => {
    expect(accepted('GATEWAY_LOGIN_LIMIT', written).loginLimit).toEqual(limit)
  })

  it.each(['30', '0/m', '-1/m', '30/d', '30 / m', '1.5/m', 'none', 'Off'])(
    'cannot be %s',
    (written) => {
      expect(refusal('GATEWAY_LOGIN_LIMIT', written)).toContain('must be a rate such as 30/m')
    },
  )
})
