// The gateway's cookies (RFC 6265bis): their names, and how they are read, set and cleared.
// `__Host-` binds a cookie to this host, Secure and Path=/, so that neither a sibling host nor plain http can plant one.

import { randomBytes } from 'node:crypto'

/** What a cookie of ours is for. */
export type CookieKind = 'session' | 'login' | 'logout' | 'provider'

export interface Cookies {
  /** Of the session cookie. */
  readonly sessionName: string
  /** Name of a login attempt's cookie is this prefix and the attempt's id. */
  readonly loginPrefix: string
  /** Of a sign-out on its way through the provider. */
  readonly logoutName: string
  /** Of the provider of the last sign-in, where there are several. */
  readonly providerName: string
  /** A `Set-Cookie` value; without `maxAge` (seconds) it lives as long as the browser. */
  set(name: string, value: string, maxAge?: number): string
  clear(name: string): string
  /** The value of the cookie, or undefined when the header has none or more than one of that name. */
  read(header: string | undefined, name: string): string | undefined
}

/**
 * On http loopback all ports share the cookies, so the name contains the port; Safari refuses Secure there.
 * `onRepeated` is called whenever a cookie that is read occurs more than once.
 */
export function createCookies(
  publicUrl: URL,
  onRepeated: (kind: CookieKind) => void = () => {},
): Cookies {
  const secure = publicUrl.protocol === 'https:'
  const sessionName = secure ? '__Host-ghostwire' : `ghostwire-${publicUrl.port || '80'}`
  const logoutName = `${sessionName}-logout`
  const providerName = `${sessionName}-provider`
  const kinds: ReadonlyMap<string, CookieKind> = new Map([
    [sessionName, 'session'],
    [logoutName, 'logout'],
    [providerName, 'provider'],
  ])
  const kindOf = (name: string): CookieKind => kinds.get(name) ?? 'login'
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  return {
    sessionName,
    loginPrefix: `${sessionName}-login-`,
    logoutName,
    providerName,
    set: (name, value, maxAge) =>
      `${name}=${value}${attributes}${maxAge === undefined ? '' : `; Max-Age=${maxAge}`}`,
    clear: (name) => `${name}=${attributes}; Max-Age=0`,
    read: (header, name) => readCookie(header, name, () => onRepeated(kindOf(name))),
  }
}

/** 256 random bits: nothing to guess, nothing to read. */
export function newSessionCookie(): string {
  return randomBytes(32).toString('base64url')
}

/** 128 random bits that come back with a redirect. */
export function randomState(): string {
  return randomBytes(16).toString('base64url')
}

/**
 * Every cookie of a `Cookie` header, in order (RFC 6265, 5.2 and 5.4). Only space and tab are blanks. `trim()` also
 * removes U+00A0, so that a sibling host could plant `\xa0__Host-…`, which no browser treats as a `__Host-` name.
 */
export function* eachCookie(header: string | undefined): Generator<[name: string, value: string]> {
  if (header === undefined) return
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) {
      yield [withoutBlanks(part, 0, equals), withoutBlanks(part, equals + 1, part.length)]
    }
  }
}

/** The value of the cookie, or undefined when there is none or more than one: no order among them can be trusted. */
export function readCookie(
  header: string | undefined,
  name: string,
  onRepeated: () => void = () => {},
): string | undefined {
  let only: string | undefined
  for (const [found, value] of eachCookie(header)) {
    if (found !== name) continue
    if (only !== undefined) {
      onRepeated()
      return undefined
    }
    only = value
  }
  return only
}

function withoutBlanks(text: string, from: number, to: number): string {
  let [start, end] = [from, to]
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
