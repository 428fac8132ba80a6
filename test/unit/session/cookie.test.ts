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

it('makes 256 random bits, never the same', () => {
  const values = new Set(Array.from({ length: 100 }, newSessionCookie))
  expect(values.size).toBe(100)
  for (const value of values) expect(value).toMatch(/^[\w-]{43}$/)
})
