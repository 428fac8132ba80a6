// Whether the desktop takes connections: a TCP connect and nothing more, as a request without credentials would feed
// KasmVNC's blacklist. Asked at most every few seconds, however often it is looked at.

import { connect } from 'node:net'

const ANSWER_WITHIN_MS = 1_000
const FRESH_MS = 5_000

export function createProbe(url: URL, now: () => number): () => Promise<boolean> {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const host = url.hostname.replaceAll(/^\[|\]$/g, '')
  let askedAt = Number.NEGATIVE_INFINITY
  let answer = Promise.resolve(false)

  return function isUp() {
    if (now() - askedAt >= FRESH_MS) {
      askedAt = now()
      answer = new Promise((resolve) => {
        const socket = connect({ host, port, timeout: ANSWER_WITHIN_MS })
        const settle = (up: boolean): void => {
          socket.destroy()
          resolve(up)
        }
        socket.once('connect', () => settle(true))
        socket.once('timeout', () => settle(false))
        socket.once('error', () => settle(false))
      })
    }
    return answer
  }
}
