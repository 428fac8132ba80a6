// The certificate that a server shows, whether it is trusted or not.

import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import type { SocketAddress } from '../desktop/probe.ts'
import { printable } from '../lib/printable.ts'

const TIMEOUT_MS = 10_000
const MAX_TEXT = 200

export interface Peer {
  readonly certificate: X509Certificate
  /** The code that says why `trust` does not accept the certificate for this host; undefined: it does. */
  readonly fault: string | undefined
}

/** Makes a TLS handshake and sends no request. Rejects when the handshake fails for another reason than trust. */
export function peekAt(
  { host, port }: SocketAddress,
  trust: ConnectionOptions = {},
): Promise<Peer> {
  const { promise, resolve, reject } = Promise.withResolvers<Peer>()
  const name = isIP(host) === 0 ? { servername: host } : {}
  const socket = connect({ ...trust, ...name, host, port, rejectUnauthorized: false })
  socket.setTimeout(TIMEOUT_MS, () => {
    socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))
  })
  socket.on('error', reject)
  socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
  socket.once('secureConnect', () => {
    const certificate = socket.getPeerX509Certificate()
    // Node sets the code here, whatever its type says.
    const fault = socket.authorizationError as unknown as string | null | undefined
    if (certificate === undefined) reject(new Error('the server shows no certificate'))
    else resolve({ certificate, fault: fault ?? undefined })
    socket.destroy()
  })
  return promise
}

export function addressOf(url: URL): SocketAddress {
  return {
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  }
}

/** 64 lower-case hex digits, as `desktop.tls.fingerprint` takes it. */
export function fingerprintOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase()
}

export function describeCertificate(certificate: X509Certificate): string {
  const { subject, subjectAltName, validToDate } = certificate
  const text = (words: string | undefined): string =>
    printable((words ?? '').replaceAll('\n', ', '), MAX_TEXT) || 'none'
  return [
    `SHA-256 fingerprint ${fingerprintOf(certificate)}`,
    `subject ${text(subject)}`,
    `names ${text(subjectAltName)}`,
    `ends ${validToDate.toISOString().slice(0, 10)}`,
  ].join('; ')
}
