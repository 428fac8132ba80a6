import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalTarget } from '../../../src/net/target.ts'

describe('the canonical path', () => {
  it.each([
    ['/', '/'],
    ['/vnc.html', '/vnc.html'],
    ['/a//b///c', '/a/b/c'],
    ['/%41%2d%7e%5f', '/A-~_'],
    ['/%61pi/get_users', '/api/get_users'],
    ['/my%20file%c3%a9.txt', '/my%20file%C3%A9.txt'],
    ['/my file\u00e9', '/my%20file%E9'],
    ['/a"<>^`{|}', '/a%22%3C%3E%5E%60%7B%7C%7D'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a..b/...', '/a..b/...'],
  ])('of %s is %s', (url, path) => {
    expect(canonicalTarget(url)).toEqual({ path, query: '' })
  })

  it.each([
    '',
    'x',
    '*',
    'http://evil.example/x',
    '/../x',
    '/a/..',
    '/a/./b',
    '/%2e%2e/x',
    '/.%2E/x',
    '/a%2fb',
    '/a%5cb',
    String.raw`/a\b`,
    '/a%00b',
    '/a%0d%0ab',
    '/a%7f',
    '/a%',
    '/a%zz',
    '/a#b',
    `/${'a'.repeat(1_024)}`,
    `/?${'a'.repeat(1_024)}`,
    `/${'"'.repeat(400)}`,
  ])('does not exist for %j', (url) => {
    expect(canonicalTarget(url)).toBeUndefined()
  })
})

it('escapes slashes in the query, so that KasmVNC finds no path in it', () => {
  expect(canonicalTarget('/x?a=/api/&b=../..&c=%2Fapi')).toEqual({
    path: '/x',
    query: '?a=%2Fapi%2F&b=..%2F..&c=%2Fapi',
  })
})

it('does not change when canonicalised again, and never exceeds the length limit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('/', '.', '%', '2', 'e', 'F', 'a', '?', '#', '\\', 'é', ' ', '"'), {
        maxLength: 30,
      }),
      (parts) => {
        const target = canonicalTarget(`/${parts.join('')}`)
        if (target === undefined) return
        const text = target.path + target.query
        expect(canonicalTarget(text)).toEqual(target)
        expect(text.length).toBeLessThanOrEqual(1_024)
        expect(text).toMatch(/^[!-~]+$/)
        expect(target.path).not.toMatch(/\/\/|\\|\/\.\.?(\/|$)/)
        expect(target.query).not.toContain('/')
      },
    ),
    { numRuns: 3_000 },
  )
})
