import { describe, expect, it } from 'vitest'
import { createCookies, newSessionCookie, readCookie } from '../../../src/session/cookie.ts'

describe('on https', () => {
  const cookies = createCookies(new URL('https://desk.example.com'))

  it('pins the session cookie to the host, to https and away from scripts', () => {
    expect(cookies.sessionName).toBe('__Host-ghostwire')
    expect(cookies.set(cookies.sessionName, 'v')).toBe(
      '__Host-ghostwire=v; Path=/; HttpOnly; SameSite=Lax; Secure',
    )
  })

  it('takes a cookie back with the attributes it was set with', () => {
    expect(cookies.clear('__Host-ghostwire')).toBe(
      '__Host-ghostwire=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0',
    )
  })
})

it('on http loopback names the port, since ports share a jar, and leaves Secure out', () => {
  const cookies = createCookies(new URL('http://localhost:8080'))
  expect(cookies.sessionName).toBe('ghostwire-8080')
  expect(cookies.set('ghostwire-8080', 'v', 60)).toBe(
    'ghostwire-8080=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60',
  )
})

it('reads a cookie by its whole name only', () => {
  expect(
    readCookie(
      'x__Host-ghostwire=1; __Host-ghostwire-login-a=2; __Host-ghostwire=3',
      '__Host-ghostwire',
    ),
  ).toBe('3')
  expect(readCookie(';;=; a', 'a')).toBeUndefined()
  expect(readCookie(undefined, 'a')).toBeUndefined()
  expect(readCookie('a=b=c', 'a')).toBe('b=c')
})

it('takes no byte but SP and HTAB away before and behind the name and the value', () => {
  const name = '__Host-ghostwire'
  for (let byte = 0; byte <= 0xff; byte++) {
    const char = String.fromCharCode(byte)
    const hex = byte.toString(16)
    const isBlank = char === ' ' || char === '\t'
    // A semicolon ends the cookie before it.
    const before = isBlank || char === ';' ? 'v' : undefined
    expect(readCookie(`${char}${name}=v`, name), `${hex} before the name`).toBe(before)
    const behind = isBlank ? 'v' : char === '=' ? '=v' : undefined
    expect(readCookie(`${name}${char}=v`, name), `${hex} behind the name`).toBe(behind)
    const value = isBlank || char === ';' ? 'v' : `v${char}`
    expect(readCookie(`${name}=v${char}`, name), `${hex} behind the value`).toBe(value)
  }
})

it('reads two cookies of one name as none, whatever stands between them', () => {
  expect(readCookie('a=1; a=2', 'a')).toBeUndefined()
  expect(readCookie('a=1; b=3;\ta =1', 'a')).toBeUndefined()
  expect(readCookie('a=; a=2', 'a')).toBeUndefined()
  expect(readCookie('a=1; \xa0a=2', 'a')).toBe('1')
})

it('makes 256 random bits, never the same', () => {
  const values = new Set(Array.from({ length: 100 }, newSessionCookie))
  expect(values.size).toBe(100)
  for (const value of values) expect(value).toMatch(/^[\w-]{43}$/)
})
