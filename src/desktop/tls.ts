// How the gateway verifies a desktop's certificate: by the system's roots, a CA file, a pinned certificate, or not at all.

import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, type AgentOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect, rootCertificates, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { DesktopTls } from '../config/config.ts'

/** An agent for the desktop's scheme that checks its certificate as the settings say. */
export function createAgent(url: URL, tls: DesktopTls, options: AgentOptions): HttpAgent {
  if (url.protocol === 'http:') return new HttpAgent(options)
  if (tls.fingerprint !== undefined) return new PinnedAgent(tls.fingerprint, options)
  return new HttpsAgent({ ...options, rejectUnauthorized: !tls.insecure, ...rootsOf(tls) })
}

/** The certificates that are trusted besides the system's. */
export function rootsOf({ caFile }: DesktopTls): { ca?: string[] } {
  return caFile === undefined ? {} : { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] }
}

// The pin replaces the chain and the name: kasmweb images sign their certificate themselves, for no name at all.
class PinnedAgent extends HttpsAgent {
  readonly #fingerprint: string

  constructor(fingerprint: string, options: AgentOptions) {
    super({ ...options, maxCachedSessions: 0 })
    this.#fingerprint = fingerprint
  }

  override createConnection(options: ConnectionOptions): TLSSocket {
    const socket = connect({ ...options, rejectUnauthorized: false })
    // Not a byte of the request leaves before the certificate is the pinned one. Returned at once all the same: the
    // agent counts no socket that it is promised.
    socket.cork()
    socket.once('secureConnect', () => {
      const found = socket.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase()
      if (found === this.#fingerprint) socket.uncork()
      else {
        socket.destroy(new Error(`desktop certificate ${found ?? '(none)'} is not the pinned one`))
      }
    })
    return socket
  }
}
