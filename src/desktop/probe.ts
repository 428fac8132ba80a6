// Probes whether a person would get through to the desktop: it accepts a connection and its certificate is the right one. After
// it has refused the gateway's credentials it must also accept them. Otherwise no request is sent: one without credentials would
// count for KasmVNC's blacklist, and one with them would take a place. It probes at most every few seconds, however often it is
// called.

import { request as httpRequest, type Agent } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** The host for a socket: an IPv6 address without brackets. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
}

const ANSWER_TIMEOUT_MS = 1_000
const FRESH_MS = 2_000

export interface Probe {
  isUp(): Promise<boolean>
  /** When the certificate ends that the desktop had at the last probe (ms since the epoch); undefined without TLS. */
  readonly certificateEndsAt: number | undefined
  /** Forgets the last result. */
  forget(): void
}

export interface ProbeParts {
  readonly url: URL
  readonly address: SocketAddress
  /** Decides whether the certificate is the right one. */
  readonly agent: Agent
  /** What to try the credentials with; undefined: a connection is enough. */
  readonly authorizationToTry: () => string | undefined
  /** The desktop must not be asked now: it refused the credentials a moment ago. */
  readonly isPaused: () => boolean
  /** The result of a trial of the credentials. */
  readonly onTried: (outcome: 'accepted' | 'refused') => void
  readonly now: () => number
}

export function createProbe(parts: ProbeParts): Probe {
  const { url, address, agent, authorizationToTry, isPaused, onTried, now } = parts
  const isTls = url.protocol === 'https:'
  const send = isTls ? httpsRequest : httpRequest
  let askedAt = Number.NEGATIVE_INFINITY
  let answer = Promise.resolve(false)
  let certificateEndsAt: number | undefined

  function ask(): Promise<boolean> {
    const authorization = authorizationToTry()
    return new Promise((resolve) => {
      const request = send({
        agent,
        ...address,
        path: '/',
        headers: {
          ...(authorization === undefined ? {} : { Authorization: authorization }),
          Host: url.host,
        },
      })
      const settle = (up: boolean): void => {
        clearTimeout(deadline)
        request.destroy()
        resolve(up)
      }
      const deadline = setTimeout(() => settle(false), ANSWER_TIMEOUT_MS)
      request.on('error', () => settle(false))
      request.once('socket', (socket: Socket) => {
        socket.once(isTls ? 'secureConnect' : 'connect', () => {
          // The agent has destroyed the socket if the certificate is not the pinned one.
          if (socket.destroyed) return settle(false)
          if (socket instanceof TLSSocket) certificateEndsAt = endOf(socket) ?? certificateEndsAt
          if (authorization === undefined) settle(true)
          return undefined
        })
      })
      request.once('upgrade', () => settle(false))
      request.once('response', (response) => {
        const { statusCode = 0 } = response
        response.destroy()
        if (statusCode < 500) onTried(statusCode === 401 ? 'refused' : 'accepted')
        settle(statusCode < 500 && statusCode !== 401)
      })
      // Without `end`, Node connects and sends nothing.
      if (authorization !== undefined) request.end()
    })
  }

  return {
    isUp() {
      if (isPaused()) return Promise.resolve(false)
      if (now() - askedAt >= FRESH_MS) {
        askedAt = now()
        answer = ask()
      }
      return answer
    },
    get certificateEndsAt() {
      return certificateEndsAt
    },
    forget() {
      askedAt = Number.NEGATIVE_INFINITY
    },
  }
}

function endOf(socket: TLSSocket): number | undefined {
  const end = Date.parse(socket.getPeerCertificate().valid_to ?? '')
  return Number.isNaN(end) ? undefined : end
}
