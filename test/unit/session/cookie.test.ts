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

describe('the name of a cookie is exactly its bytes', () => {
  const NAME = '__Host-ghostwire'
  const bytes = Array.from({ length: 256 }, (_, code) => code)
  const blanks = [0x09, 0x20]
  const shown = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`

  it.each([
    ['before', (byte: string) => `${byte}${NAME}=planted`],
    ['behind', (byte: string) => `${NAME}${byte}=planted`],
  ])('only a space or a tab may stand %s it, of all 256 bytes', (place, plant) => {
    const taken = bytes.filter((code) => {
      const header = plant(String.fromCharCode(code))
      return readCookie(header, NAME) !== undefined
    })
    // A semicolon in front begins a new cookie; an equals sign behind belongs to the value.
    const asWritten = place === 'before' ? [0x3b] : [0x3d]
    expect(taken.map(shown)).toEqual([...blanks, ...asWritten].map(shown))
  })

  it('keeps every byte of a value but the blanks around it', () => {
    for (const code of bytes.filter((code) => code !== 0x3b && !blanks.includes(code))) {
      const value = `${String.fromCharCode(code)}v${String.fromCharCode(code)}`
      expect(readCookie(`a=1; ${NAME}= \t${value}\t `, NAME)).toBe(value)
    }
  })

  it('reads a header full of blanks in a single pass', () => {
    expect(readCookie(`${' '.repeat(16_000)}${NAME}${'\t'.repeat(300)}=v`, NAME)).toBe('v')
  })
})

describe('two cookies of one name', () => {
  it.each([
    ['session', '__Host-ghostwire'],
    ['logout', '__Host-ghostwire-logout'],
    ['login', '__Host-ghostwire-login-0123456789abcd'],
  ])('are read as none, and reported as %s', (kind, name) => {
    const reported: string[] = []
    const cookies = createCookies(new URL('https://desk.example.com'), (one) => reported.push(one))
    expect(cookies.read(`${name}=1`, name)).toBe('1')
    expect(reported).toEqual([])
    expect(cookies.read(`${name}=1; other=2; ${name}=1`, name)).toBeUndefined()
    expect(cookies.read(`${name}=; ${name}=1`, name)).toBeUndefined()
    expect(reported).toEqual([kind, kind])
  })
})
