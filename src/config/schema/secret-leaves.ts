// Keys, credentials and other values that must not appear in the log.

import * as z from 'zod'

import { parseStoreAddress } from '../../lib/store-address.ts'
import { readLine, text } from './leaf.ts'

const MIN_SECRET_BYTES = 32
const MIN_ADMIN_TOKEN_LENGTH = 16

/** The session secrets, newest first: one per line, or a list. */
export const sessionSecrets: z.ZodType<readonly [string, ...string[]]> = z
  .union([z.string(), z.array(z.string())], 'must be text or a list of texts')
  .transform((written, { issues }) => {
    const [first, ...older] = [written]
      .flat()
      .flatMap((entry) => entry.split(/\r?\n/))
      .filter((secret) => secret !== '')
    const refuse = (message: string): never => {
      issues.push({ code: 'custom', message, input: undefined })
      return z.NEVER
    }
    if (first === undefined) return refuse('must not be empty')
    const short = [first, ...older].some((secret) => Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    if (short) {
      return refuse('must be at least 32 bytes each; openssl rand -base64 32 prints one')
    }
    return [first, ...older]
  })

/** Whoever reaches the admin port can guess at it, as often as they like. */
export const adminToken: z.ZodType<string> = text(
  'must be text',
  (written, refuse) =>
    written.length < MIN_ADMIN_TOKEN_LENGTH
      ? refuse('must be at least 16 characters, such as openssl rand -base64 32 prints')
      : readLine(written, refuse),
  () => undefined,
)

/** Where sessions are stored. A Redis URL may contain a password, so a problem never quotes it. */
export const sessionStore: z.ZodType<string> = text(
  'must be text',
  (written, refuse) => {
    const parsed = parseStoreAddress(written)
    return parsed.ok ? written : refuse(parsed.problem)
  },
  () => undefined,
)

/** In Basic credentials the first colon ends the name (RFC 7617 2). The text after it may be a password: never quoted. */
export const username: z.ZodType<string> = text(
  'must be text',
  (written, refuse) =>
    written.includes(':')
      ? refuse('must not contain a colon: in Basic credentials the first colon ends the user name')
      : readLine(written, refuse),
  () => undefined,
)

/** SHA-256 of a certificate, with colons as `openssl x509 -fingerprint` prints it or without. Read as lower case. */
export const fingerprint: z.ZodType<string> = text('must be text', (written, refuse) => {
  const digits = written.replaceAll(':', '').toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits)
    ? digits
    : refuse('must be the SHA-256 fingerprint of the certificate: 64 hex digits')
})
