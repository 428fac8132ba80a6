// Whether the desktop takes connections: a TCP connect and nothing more, as a request without credentials would feed
// KasmVNC's blacklist. Asked at most every few seconds, however often it is looked at.

import { connect } from 'node:net'

/** As sockets take it: no brackets around an IPv6 address. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
}

const ANSWER_TIMEOUT_MS = 1_000
const FRESH_MS = 2_000

export interface Probe {
  isUp(): Promise<boolean>
  /** What was found out is no longer so. */
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
