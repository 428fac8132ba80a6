import fc from 'fast-check'
import { expect, it } from 'vitest'
import { returnTo } from '../../../src/net/return-to.ts'

const origin = new URL('https://desk.example.com')

it.each(['/', '/vnc.html', '/a/b?x=1&y=%2F', '/oauth2x', "/~a/!$&'()*+,;=:@"])(
  'keeps the path %s',
  (path) => {
    expect(returnTo(path, origin)).toBe(path)
  },
)

it.each([
  undefined,
  '',
  'x',
  'https://evil.example',
  'https://desk.example.com/x',
  'https://desk.example.com.evil.example/',
  '//evil.example',
  '///evil.example',
  '////evil.example',
  String.raw`/\evil.example`,
  String.raw`\/evil.example`,
  String.raw`\\evil.example`,
  String.raw`/\/evil.example`,
  String.raw`//\evil.example`,
  String.raw`/a\b`,
  '/\t/evil.example',
  '/\n/evil.example',
  '/\r\n/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '/\u0000/evil.example',
  '/%0d%0a//evil.example/%2f..',
  '/%2f/evil.example',
  '/%2F%2Fevil.example',
  '/%5cevil.example',
  '/%5C%5Cevil.example',
  '/..//evil.example',
  '/.//evil.example',
  '/a/..//evil.example',
  '/./\\evil.example',
  '/\u3002/evil.example',
  '/\uFF0F/evil.example',
  '\u2044/evil.example',
  '/\u202Eevil',
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,x',
  'vbscript:x',
  'https:evil.example',
  'https:/evil.example',
  'http:evil.example',
  '@evil.example',
  'desk.example.com@evil.example',
  '//desk.example.com@evil.example',
  '//evil.example:443/',
  '//[::1]/',
  '//2130706433/',
  '.evil.example',
  ':443/',
  '?//evil.example',
  '#//evil.example',
  '/oauth2',
  '/oauth2/',
  '/oauth2/start?rd=/',
  '/oauth2/sign_out',
  '/x/../oauth2/sign_out',
  `/${'a'.repeat(1_024)}`,
])('replaces %j by /', (wanted) => {
  expect(returnTo(wanted, origin)).toBe('/')
})

it('never leaves the origin for any input', () => {
  const parts = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    '%2f',
    '%5c',
    ':',
    '@',
    '?',
    '#',
    '\t',
    '\n',
    ' ',
    'evil.example',
    'https',
    '\u3002',
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), (tried) => {
      const path = returnTo(tried.join(''), origin)
      // The first check reads the path as a browser reads a Location header, the second as a naive client does.
      expect(new URL(path, origin).origin).toBe(origin.origin)
      expect(path).toMatch(/^\/(?![/\\])/)
    }),
    { numRuns: 5_000 },
  )
})
