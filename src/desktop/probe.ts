// Probes whether the desktop accepts connections. It only opens a TCP connection, because a request without credentials would
// count for KasmVNC's blacklist. It probes at most every few seconds, however often it is called.

import { connect } from 'node:net'

/** The host for a socket: an IPv6 address without brackets. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
}

const ANSWER_TIMEOUT_MS = 1_000
const FRESH_MS = 2_000

export interface Probe {
  isUp(): Promise<boolean>
  /** Forgets the last result. */
  forget(): void
}

export function createProbe({ host, port }: SocketAddress, now: () => number): Probe {
  let askedAt = Number.NEGATIVE_INFINITY
  let answer = Promise.resolve(false)

  function ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host, port, timeout: ANSWER_TIMEOUT_MS })
      const settle = (up: boolean): void => {
        socket.destroy()
        resolve(up)
      }
      socket.once('connect', () => settle(true))
      socket.once('timeout', () => settle(false))
      socket.once('error', () => settle(false))
    })
  }

  return {
    isUp() {
      if (now() - askedAt >= FRESH_MS) {
        askedAt = now()
        answer = ask()
      }
      return answer
    },
    forget() {
      askedAt = Number.NEGATIVE_INFINITY
    },
  }
}
