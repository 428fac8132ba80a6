// Scopes and parameters of the authorization request, and the e-mail addresses and domains in rules.

import * as z from 'zod'

import { parseDomain, parseEmailAddress } from '../../lib/email-address.ts'
import { text } from './leaf.ts'
import { publicOrigin } from './web-leaves.ts'

/** Scopes, normalised to single spaces. Without `openid` the request is not OpenID Connect (Core 1.0 3.1.2.1). */
export const scopes: z.ZodType<string> = text('must be text', (written, refuse) => {
  const all = written.split(/\s+/).filter((scope) => scope !== '')
  return all.includes('openid')
    ? all.join(' ')
    : refuse('must contain openid; separate scopes by spaces')
})

/** The gateway sets these for each login or depends on them, so settings must not override them. */
const RESERVED: ReadonlySet<string> = new Set([
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
])

/** Parameters added to the authorization request. */
export const authorizationParams: z.ZodType<Readonly<Record<string, string>>> = z
  .record(
    z.string(),
    z.union([z.string(), z.number(), z.boolean()], 'must be text, a number, true or false'),
    'must be a map of parameters',
  )
  .transform((params, { issues }) => {
    for (const [name, value] of Object.entries(params)) {
      const message = refuseParameter(name, String(value))
      if (message !== undefined) {
        issues.push({ code: 'custom', message, path: [name], input: undefined })
      }
    }
    return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]))
  })

function refuseParameter(name: string, value: string): string | undefined {
  if (name === 'scope') return 'must be removed; set GATEWAY_OIDC_SCOPES (oidc.scopes) instead'
  if (RESERVED.has(name)) return 'must be removed; the gateway sets this parameter itself'
  if (name === 'max_age' && value !== '' && !/^\d{1,9}$/.test(value))
    return 'must be a whole number of seconds'
  return undefined
}

/** A name that can be a part of a path and of a metric label. */
export const providerName: z.ZodType<string> = text('must be text', (written, refuse) =>
  /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(written)
    ? written
    : refuse('must be lower-case letters, digits and hyphens, at most 32, such as staff'),
)

/** True, false, or the origin of Microsoft Graph: https, or http on loopback. */
export const graph: z.ZodType<boolean | URL> = z.preprocess(
  (input) => (input === true || input === false ? String(input) : input),
  text('must be true, false or an origin', (written, refuse) => {
    if (written === 'true' || written === 'false') return written === 'true'
    const read = publicOrigin.safeParse(written)
    return read.success
      ? read.data
      : refuse('must be true, false or an origin such as https://graph.microsoft.us')
  }),
)

/** False; true; or the words for the providers whose every user is meant (presets.ts). */
export const anyone: z.ZodType<boolean | readonly string[]> = z.preprocess(
  (input) => (input === true || input === false ? String(input) : input),
  text('must be true, false or a word such as everyone-at-google', (written, refuse) => {
    if (written === 'true' || written === 'false') return written === 'true'
    const words = written.split(',').map((word) => word.trim())
    return words.every((word) => word.startsWith('everyone-at-'))
      ? words
      : refuse('must be true, false or a word such as everyone-at-google')
  }),
)

/** One person's address, in the form that is compared with the provider's (lib/email-address.ts). */
export const email: z.ZodType<string> = text('must be an e-mail address', (written, refuse) => {
  const parsed = parseEmailAddress(written)
  if (parsed !== undefined) return parsed.address
  return /^[^@\s]+@[^@\s]+$/.test(written)
    ? refuse(
        'must be an e-mail address such as anna@example.com: no quotes, brackets, commas or blanks, and a domain of letters, digits, hyphens and dots',
      )
    : refuse('must be an e-mail address with exactly one @')
})

/** `example.com`, in lower case and A-labels: what follows the @, whole. */
export const emailDomain: z.ZodType<string> = text('must be a domain', (written, refuse) => {
  if (written.startsWith('@')) return refuse('must be a domain without the leading @')
  if (written.includes('@'))
    return refuse('must be a domain; an address goes into the list of e-mail addresses')
  if (written.includes('*')) return refuse('must be a whole domain; list each subdomain by itself')
  return (
    parseDomain(written) ??
    refuse('must be a domain such as example.com, of letters, digits, hyphens and dots')
  )
})
