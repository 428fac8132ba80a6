// KasmVNC has a self-signed certificate. The demo pins the one it finds (trust on first use), and says so.

import { once } from 'node:events'
import { isIP } from 'node:net'
import { connect } from 'node:tls'

const TIMEOUT_MS = 10_000
const HTTPS_PORT = 443

/** SHA-256 of the certificate at `url`, 64 hex digits; undefined if this machine trusts the certificate. */
export async function untrustedCertificate(url: URL): Promise<string | undefined> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connect({
    host,
    port: Number(url.port || HTTPS_PORT),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: false,
  })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (socket.authorized) return undefined
    return socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase()
  } finally {
    socket.destroy()
  }
}
