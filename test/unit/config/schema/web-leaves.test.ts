import { describe, expect, it } from 'vitest'

import { accepted, refusal } from '../loading.ts'

describe('publicUrl', () => {
  it.each([
    'https://desk.example.com',
    'https://desk.example.com/',
    'https://DESK.example.com:8443',
    'http://localhost:8080',
    'http://desk.localhost',
    'http://127.0.0.1:8080',
    'http://127.8.9.10',
    'http://[::1]:8080',
  ])('may be %s', (url) => {
    expect(accepted('GATEWAY_PUBLIC_URL', url).publicUrl.href).toBe(new URL(url).href)
  })

  it.each([
    'http://desk.example.com',
    'http://192.168.0.1',
    'http://128.0.0.1',
    'http://localhost.example.com',
    'http://127.example.com',
    'http://[::2]',
  ])('cannot be plain http, except on loopback: %s', (url) => {
    expect(refusal('GATEWAY_PUBLIC_URL', url)).toBe(
      `GATEWAY_PUBLIC_URL (publicUrl): must be an https origin, or http on loopback; got "${url}"`,
    )
  })

  it.each([
    'desk.example.com',
    '//desk.example.com',
    'ftp://desk.example.com',
    'https://',
    'https://desk.example.com/desk',
    'https://desk.example.com//',
    'https://desk.example.com?',
    'https://desk.example.com#',
    'https:\\\\desk.example.com',
    'https://desk example.com',
    ' https://desk.example.com',
    'https://desk.example.com:99999',
  ])('must be an origin: %j', (url) => {
    expect(refusal('GATEWAY_PUBLIC_URL', url)).toContain('must be an origin such as')
  })
})

describe('oidc.issuer', () => {
  it.each([
    'https://login.example.com',
    'https://login.example.com/realms/common/',
    'http://localhost:9000/op',
    'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0',
  ])('may be %s', (issuer) => {
    expect(accepted('GATEWAY_OIDC_ISSUER', issuer).providers[0]?.issuer.href).toBe(
      new URL(issuer).href,
    )
  })

  it.each([
    ['http://login.example.com', 'must be the https URL of the provider, or http on loopback'],
    ['login.example.com', 'must be the https URL of the provider'],
    ['https://login.example.com/?tenant=1', 'without query'],
    ['https://login.example.com/#x', 'without query, fragment'],
    ['https://login.example.com/.well-known/openid-configuration', 'must be the issuer itself'],
    [
      'https://login.microsoftonline.com/{tenantid}/v2.0',
      'an issuer with a placeholder accepts every tenant',
    ],
    ['https://login.example.com/%7Btenant%7D', 'an issuer with a placeholder accepts every tenant'],
    ['https://login.microsoftonline.com/common/v2.0', 'must name one tenant'],
    ['https://login.microsoftonline.com/organizations/v2.0', 'must name one tenant'],
    ['https://login.microsoftonline.us/Consumers', 'must name one tenant'],
    ['https://login.partner.microsoftonline.cn/common/', 'must name one tenant'],
  ])('cannot be %s', (issuer, words) => {
    const problem = refusal('GATEWAY_OIDC_ISSUER', issuer)
    expect(problem).toMatch(/^GATEWAY_OIDC_ISSUER \(oidc\.issuer\): must /)
    expect(problem).toContain(words)
  })
})

describe('desktop.url', () => {
  it.each([
    ['http://desktop:6901', 'http://desktop:6901'],
    ['https://desktop:6901/', 'https://desktop:6901'],
    ['http://10.1.2.3', 'http://10.1.2.3'],
    ['https://[fd00::1]:6901', 'https://[fd00::1]:6901'],
  ])('may be %s', (written, origin) => {
    expect(accepted('GATEWAY_DESKTOP_URL', written).desktop.url.origin).toBe(origin)
  })

  it.each([
    'desktop:6901',
    'ws://desktop:6901',
    'http://desktop:6901/vnc',
    'http://desktop?x',
    'http://desktop:0x50',
  ])('cannot be %s', (written) => {
    expect(refusal('GATEWAY_DESKTOP_URL', written)).toContain('must be http(s)://host:port')
  })
})
