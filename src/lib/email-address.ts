// What counts as an e-mail address, in settings and in claims. A rule for a domain trusts the part after the `@`. So a text in
// which two readers see different domains (`a@evil.example@corp.example`, `a@evil.example,b@corp.example`) is not an address.

import { domainToASCII, domainToUnicode } from 'node:url'

/** The form for comparison: lower case, the domain in A-labels (RFC 5890 2.3.2.1). */
export interface EmailAddress {
  /** `local@domain` */
  readonly address: string
  readonly domain: string
}

/** RFC 5321 4.5.3.1: octets of a local part, of an address. */
const MAX_LOCAL_BYTES = 64
const MAX_ADDRESS_BYTES = 254
/** RFC 1035 2.3.4: octets of a domain. */
const MAX_DOMAIN_BYTES = 253

// A Dot-string of RFC 5321 4.1.2 without braces, or the same with letters and digits beyond ASCII (RFC 6531 3.3).
const LOCAL = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`|~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`|~-]+)*$/u
/** Invisible characters that Unicode counts as letters: Hangul fillers, variation selectors, joiners. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u
const ASCII_DOMAIN = /^(?!-)[a-z\d-]{1,63}(?<!-)(?:\.(?!-)[a-z\d-]{1,63}(?<!-))*$/
const UNICODE_DOMAIN = /^(?!-)[\p{L}\p{M}\p{N}-]+(?<!-)(?:\.(?!-)[\p{L}\p{M}\p{N}-]+(?<!-))*$/u

/** `undefined` for a text that is not an address and so matches no rule. */
export function parseEmailAddress(written: string): EmailAddress | undefined {
  const at = written.indexOf('@')
  if (at < 1 || Buffer.byteLength(written) > MAX_ADDRESS_BYTES) return undefined
  const domain = parseDomain(written.slice(at + 1))
  const local = lowerCase(written.slice(0, at))
  if (domain === undefined || local === undefined) return undefined
  if (!LOCAL.test(local) || Buffer.byteLength(local) > MAX_LOCAL_BYTES) return undefined
  return { address: `${local}@${domain}`, domain }
}

/** In lower case and A-labels; `undefined` for an invalid domain, including one with a final dot. */
export function parseDomain(written: string): string | undefined {
  const lower = lowerCase(written)
  if (lower === undefined || !UNICODE_DOMAIN.test(lower)) return undefined
  const ascii = isAscii(lower) ? lower : toALabels(lower)
  if (ascii === undefined || ascii.length > MAX_DOMAIN_BYTES) return undefined
  return ASCII_DOMAIN.test(ascii) ? ascii : undefined
}

// `domainToASCII` works like a browser's address bar: it drops soft hyphens, folds full-width letters, and reads numbers as IPv4
// addresses. A domain that it changes is not the domain that it looks like.
function toALabels(domain: string): string | undefined {
  const ascii = domainToASCII(domain)
  return domainToUnicode(ascii) === domain ? ascii : undefined
}

// Normalization Form C excludes characters that are defined as another one. The Kelvin sign, for example, becomes an ASCII `k` in
// lower case, and a domain with it would pass for `bank.example`.
function lowerCase(written: string): string | undefined {
  if (isAscii(written)) return written.toLowerCase()
  const isPlain = written === written.normalize('NFC') && !INVISIBLE.test(written)
  return isPlain ? written.toLowerCase() : undefined
}

function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text)
}
