// The gateway's cookies (RFC 6265bis): their names, how they are read, how they are set and taken back.
// `__Host-` pins a cookie to this host, Secure and Path=/, so that neither a sibling host nor plain http can plant one.

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

/** On http loopback ports share one jar, hence the port in the name; Safari refuses Secure there. */
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

/** Every cookie of a `Cookie` header, in order, values as they stand. */
export function* eachCookie(header: string | undefined): Generator<[name: string, value: string]> {
  if (header === undefined) return
  for (const part of header.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) yield [part.slice(0, equals).trim(), part.slice(equals + 1).trim()]
  }
}

/** The first cookie of that name, or undefined. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const [found, value] of eachCookie(header)) {
    if (found === name) return value
  }
  return undefined
}
