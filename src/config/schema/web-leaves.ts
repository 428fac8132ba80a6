// Three addresses: the public origin, the OpenID Provider, the desktop.

import { isIPv4 } from 'node:net'

import type * as z from 'zod'

import { text } from './leaf.ts'

/** An origin such as `https://desk.example.com`. Plain http is allowed on loopback only: its traffic stays on the machine. */
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

/** The provider's issuer identifier (OpenID Connect Discovery 1.0 3). */
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

/** An address at the provider. */
export const providerUrl: z.ZodType<URL> = text(
  'must be an https URL',
  (written, refuse) => {
    const url = URL.parse(written)
    if (url === null || !isSafe(url)) return refuse('must be an https URL, or http on loopback')
    return url.username === '' && url.password === '' && url.hash === ''
      ? url
      : refuse('must be a URL without user name, password or fragment')
  },
  withoutSecrets,
)

/** A forward proxy, or `none`. The text keeps user name and password. */
export const proxy: z.ZodType<string> = text(
  'must be the URL of a proxy, or none',
  (written, refuse) => {
    if (written === 'none') return written
    const url = URL.parse(/^[a-z]+:\/\//i.test(written) ? written : `http://${written}`)
    const isProxy = url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/'
    return isProxy
      ? url.href
      : refuse('must be the URL of a proxy such as http://proxy.example.com:3128, or none')
  },
  () => undefined,
)

/** The pattern refuses what URL() would silently repair or drop: `\`, an empty `?`, blanks. */
function parseOrigin(written: string): URL | undefined {
  if (!/^https?:\/\/[^/?#@\\\s]+\/?$/i.test(written)) return undefined
  return URL.parse(written) ?? undefined
}

function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

/** Expects a hostname from URL(), which normalises all spellings of an address. */
function isLoopback(hostname: string): boolean {
  if (isIPv4(hostname)) return hostname.startsWith('127.')
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]'
}

function isMicrosoft({ hostname }: URL): boolean {
  return /(^|\.)(microsoftonline\.(com|us|de|cn)|windows\.net|chinacloudapi\.cn)$/.test(hostname)
}

/** Hides the secrets in `https://anna:secret@host/?token=secret`, so that a problem may quote it. */
function withoutSecrets(written: string): string {
  return written
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1(hidden)@')
    .replace(/[?#].*$/s, '?(hidden)')
}
