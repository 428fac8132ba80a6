// The three addresses the gateway lives between: where people find it, the OpenID Provider, the desktop.

import { isIPv4 } from 'node:net'

import type * as z from 'zod'

import { text } from './leaf.ts'

/** `https://desk.example.com`: origin only, and clear text only where nobody else is on the wire. */
export const publicOrigin: z.ZodType<URL> = text(
  'must be an https origin, or http on loopback',
  (written, refuse) => {
    const url = parseOrigin(written)
    if (url === undefined) {
      return refuse('must be an origin such as https://desk.example.com, without path or user name')
    }
    return isSafe(url) ? url : refuse('must be an https origin, or http on loopback')
  },
  withoutSecrets,
)

/** `http(s)://host[:port]`. */
export const desktopUrl: z.ZodType<URL> = text(
  'must be an address such as http://desktop:6901',
  (written, refuse) =>
    parseOrigin(written) ??
    refuse('must be http(s)://host:port, without path, query, user name or password'),
  withoutSecrets,
)

/** The provider's issuer identifier: OpenID Connect Discovery 1.0, section 3. */
export const issuer: z.ZodType<URL> = text(
  'must be the https URL of the provider',
  (written, refuse) => {
    if (/\{|%7b/i.test(written)) {
      return refuse('must name one tenant: an issuer with a placeholder accepts every tenant')
    }
    const url = URL.parse(written)
    if (url === null || !isSafe(url)) {
      return refuse('must be the https URL of the provider, or http on loopback')
    }
    if (/[?#\s]/.test(written) || url.username !== '' || url.password !== '') {
      return refuse('must be an issuer URL without query, fragment, user name or password')
    }
    if (url.pathname.includes('/.well-known/')) {
      return refuse('must be the issuer itself, without /.well-known/openid-configuration')
    }
    if (isMicrosoft(url) && /^\/(common|organizations|consumers)(\/|$)/i.test(url.pathname)) {
      return refuse('must name one tenant: put the tenant id in place of the multi-tenant endpoint')
    }
    return url
  },
  withoutSecrets,
)

/** What URL() would repair or drop in silence (`\`, an empty `?`, blanks) is refused by the pattern. */
function parseOrigin(written: string): URL | undefined {
  if (!/^https?:\/\/[^/?#@\\\s]+\/?$/i.test(written)) return undefined
  return URL.parse(written) ?? undefined
}

function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

/** URL() has already brought every spelling of an address to its usual form. */
function isLoopback(hostname: string): boolean {
  if (isIPv4(hostname)) return hostname.startsWith('127.')
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]'
}

function isMicrosoft({ hostname }: URL): boolean {
  return /(^|\.)(microsoftonline\.(com|us|de|cn)|windows\.net|chinacloudapi\.cn)$/.test(hostname)
}

/** `https://anna:secret@host/?token=secret` as a refusal may quote it. */
function withoutSecrets(written: string): string {
  return written
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1(hidden)@')
    .replace(/[?#].*$/s, '?(hidden)')
}
