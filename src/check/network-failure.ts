// Why a connection failed, in words that say what to change.

import { codeOf } from '../lib/errors.ts'
import { printable } from '../lib/printable.ts'

const MAX_TEXT = 200

const BY_CODE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name cannot be resolved; check it, and the DNS of this machine',
  EAI_AGAIN: 'the DNS server does not answer; check the DNS of this machine',
  ECONNREFUSED: 'nothing listens there; check host and port, and that the server runs',
  ECONNRESET: 'the connection was closed without an answer; check the port, and http against https',
  ETIMEDOUT: 'no answer; check the address, firewalls and network policies',
  EHOSTUNREACH: 'there is no route; check the address, firewalls and network policies',
  ENETUNREACH: 'there is no route; check the address, firewalls and network policies',
  EPROTO: 'the server does not answer with TLS; check the port, and http against https',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'the server does not answer with TLS; check the port, and http against https',
  UND_ERR_CONNECT_TIMEOUT: 'no answer; check the address, firewalls and network policies',
  UND_ERR_SOCKET:
    'the connection was closed without an answer; check the port, and http against https',
}

/** Node's codes for a certificate that is not trusted (nodejs.org/api/tls.html, X509 certificate error codes). */
const CERTIFICATE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its root is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its issuer is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'its issuer is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its issuer is not trusted',
  CERT_UNTRUSTED: 'its root is not trusted',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for other names',
}

/** Why a certificate was not accepted; undefined for a code about something else. */
export function certificateFault(code: string | undefined): string | undefined {
  return CERTIFICATE[code ?? '']
}

/** The code at the root of an error: libraries wrap those of the system. */
export function rootCode(error: unknown): string | undefined {
  const errors = causesOf(error)
  return errors.map(codeOf).findLast((code) => code !== undefined && isKnown(code))
}

/** Words that follow the name of the address. */
export function networkFailure(error: unknown): string {
  const code = rootCode(error)
  if (code !== undefined) {
    const words = BY_CODE[code] ?? `its certificate is not accepted: ${CERTIFICATE[code] ?? ''}`
    return `${words} (${code})`
  }
  const last = causesOf(error).at(-1)
  if (last instanceof Error && last.name === 'TimeoutError') {
    return 'no answer in time; check the server, firewalls and network policies'
  }
  const text = last instanceof Error ? last.message : String(last)
  return printable([text, codeOf(last)].filter(Boolean).join(' '), MAX_TEXT)
}

function isKnown(code: string): boolean {
  return code in BY_CODE || code in CERTIFICATE
}

/** The error, its cause, the cause of that. An attempt at several addresses has an error for each. */
function causesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return [error]
  const below = error instanceof AggregateError ? error.errors[0] : error.cause
  return below instanceof Error ? [error, ...causesOf(below)] : [error]
}
