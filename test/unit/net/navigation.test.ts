import { describe, expect, it } from 'vitest'
import { isNavigation, isPublicHost, isSameOrigin } from '../../../src/net/navigation.ts'

describe('a navigation', () => {
  const page = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

  it('is recognised by Sec-Fetch headers, or by Accept when they are missing', () => {
    expect(isNavigation('GET', page)).toBe(true)
    expect(isNavigation('GET', { accept: 'text/html,*/*' })).toBe(true)
  })

  it.each([
    ['POST', page],
    ['HEAD', page],
    ['GET', { ...page, 'sec-fetch-dest': 'iframe' }],
    ['GET', { ...page, 'sec-purpose': 'prefetch;prerender' }],
    ['GET', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: 'text/html' }],
    ['GET', { accept: '*/*' }],
    ['GET', {}],
  ])('is not %s with %j', (method, headers) => {
    expect(isNavigation(method, headers)).toBe(false)
  })
})

it('trusts Origin first, then Sec-Fetch-Site, and no other header', () => {
  const origin = 'https://desk.example.com'
  expect(isSameOrigin({ origin }, origin)).toBe(true)
  expect(isSameOrigin({ 'sec-fetch-site': 'same-origin' }, origin)).toBe(true)
  for (const other of [
    'null',
    'https://desk.example.com.evil.example',
    'http://desk.example.com',
    '',
  ]) {
    expect(isSameOrigin({ origin: other, 'sec-fetch-site': 'same-origin' }, origin)).toBe(false)
  }
  expect(isSameOrigin({ 'sec-fetch-site': 'same-site' }, origin)).toBe(false)
  expect(isSameOrigin({}, origin)).toBe(false)
})

it('recognises the public host with and without its port', () => {
  const url = new URL('https://desk.example.com')
  expect(
    ['desk.example.com', 'desk.example.com:443', 'DESK.example.com'].map((host) =>
      isPublicHost(host, url),
    ),
  ).toEqual([true, true, true])
  for (const host of [undefined, '', 'desk.example.com:8443', 'evil.example', 'a b']) {
    expect(isPublicHost(host, url)).toBe(false)
  }
})
