import { expect, it } from 'vitest'
import type { Settings } from '../../../src/config/config.ts'
import { createCookies } from '../../../src/session/cookie.ts'
import { createToPublicHost } from '../../../src/session/public-host.ts'

const publicUrl = new URL('https://desk.example.com')
const cookies = createCookies(publicUrl)

function setUp() {
  const rewritten: (string | undefined)[] = []
  const settings = { current: { publicUrl } as unknown as Settings }
  const toPublicHost = createToPublicHost(settings, cookies, (host) => rewritten.push(host))
  return { toPublicHost, rewritten }
}

it('leaves whoever is at the public host where they are', () => {
  const { toPublicHost, rewritten } = setUp()
  expect(toPublicHost({ host: 'desk.example.com' }, '/a')).toBeUndefined()
  expect(toPublicHost({ host: 'desk.example.com:443' }, '/a')).toBeUndefined()
  expect(rewritten).toEqual([])
})

it('sends everybody else there once, path and all, and remembers it for ten seconds', () => {
  const { toPublicHost, rewritten } = setUp()
  for (const host of ['other.example.com', 'desk.example.com:8443', undefined]) {
    const { location, setCookie } = toPublicHost(host === undefined ? {} : { host }, '/a?b=c') ?? {}
    expect(location).toBe('https://desk.example.com/a?b=c')
    expect(setCookie).toMatch(/^__Host-ghostwire-login-host=1;.*Max-Age=10$/)
  }
  expect(rewritten).toEqual([])
})

it('says that a proxy rewrites Host where somebody comes back unchanged', () => {
  const { toPublicHost, rewritten } = setUp()
  const headers = { host: 'inside:8080', cookie: '__Host-ghostwire-login-host=1' }
  expect(toPublicHost(headers, '/a')).toBeUndefined()
  expect(rewritten).toEqual(['inside:8080'])
})
