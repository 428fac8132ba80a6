// The gateway's cookies (RFC 6265bis): their names, and how they are read, set and cleared.
// `__Host-` binds a cookie to this host, Secure and Path=/, so that neither a sibling host nor plain http can plant one.

import { randomBytes } from 'node:crypto'

export interface Cookies {
  /** Of the session cookie. */
  readonly sessionName: string
  /** Name of a login attempt's cookie is this prefix and the attempt's id. */
  readonly loginPrefix: string
  /** Of a sign-out on its way through the provider. */
  readonly logoutName: string
  /** A `Set-Cookie` value; without `maxAge` (seconds) it lives as long as the browser. */
  set(name: string, value: string, maxAge?: number): string
  clear(name: string): string
}

/** On http loopback, all ports share one cookie jar, hence the port in the name. Safari refuses Secure there. */
export function createCookies(publicUrl: URL): Cookies {
  const secure = publicUrl.protocol === 'https:'
  const sessionName = secure ? '__Host-ghostwire' : `ghostwire-${publicUrl.port || '80'}`
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  return {
    sessionName,
    loginPrefix: `${sessionName}-login-`,
    logoutName: `${sessionName}-logout`,
    set: (name, value, maxAge) =>
      `${name}=${value}${attributes}${maxAge === undefined ? '' : `; Max-Age=${maxAge}`}`,
    clear: (name) => `${name}=${attributes}; Max-Age=0`,
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
 * Every cookie of a `Cookie` header, in order, names and values by their own bytes (RFC 6265, section 4.2.1).
 * Blanks are SP and HTAB only. A browser does not treat `\xa0__Host-ghostwire` as a `__Host-` name, so a sibling host may
 * set it. `trim()` removes U+00A0 and would turn it into our cookie.
 */
export function* eachCookie(header: string | undefined): Generator<[name: string, value: string]> {
  if (header === undefined) return
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) yield [withoutBlanks(part, 0, equals), withoutBlanks(part, equals + 1)]
  }
}

/** The only cookie of that name. Two of them are as good as none: nobody can tell which one a stranger planted. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  let only: string | undefined
  for (const [found, value] of eachCookie(header)) {
    if (found !== name) continue
    if (only !== undefined) return undefined
    only = value
  }
  return only
}

function withoutBlanks(text: string, from: number, to = text.length): string {
  let [start, end] = [from, to]
  while (start < end && isBlank(text, start)) start++
  while (start < end && isBlank(text, end - 1)) end--
  return text.slice(start, end)
}

function isBlank(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t'
}
