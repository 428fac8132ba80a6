// Refuses an upgrade with a plain HTTP answer: there is no WebSocket yet that could be closed.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

const RETRY_AFTER_S = 5
/** How long the client has to read the answer, in ms. */
const LINGER_MS = 1_000

/** Also used as a label of `ghostwire_upgrades_refused_total`. */
export type UpgradeRefusal =
  | 'origin'
  | 'handshake'
  | 'not-found'
  | 'unauthenticated'
  | 'forbidden'
  | 'step-up'
  | 'store-unavailable'
  | 'desktop-refused'
  | 'desktop-unreachable'
  | 'desktop-broken'
  | 'desktop-timeout'
  | 'desktop-busy'
  | 'tunnel-limit'
  | 'session-ended'
  | 'draining'

const STATUS: Readonly<Record<UpgradeRefusal, number>> = {
  origin: 403,
  handshake: 400,
  'not-found': 404,
  unauthenticated: 401,
  forbidden: 403,
  'step-up': 403,
  'store-unavailable': 503,
  'desktop-refused': 502,
  'desktop-unreachable': 503,
  'desktop-broken': 502,
  'desktop-timeout': 504,
  'desktop-busy': 503,
  'tunnel-limit': 429,
  'session-ended': 401,
  draining: 503,
}

export const UPGRADE_REFUSALS: readonly string[] = Object.keys(STATUS)

/** `extra` contains complete header lines. */
export function refuseUpgrade(socket: Socket, reason: UpgradeRefusal, extra = ''): void {
  const status = STATUS[reason]
  const retry = status === 503 || status === 429 ? `Retry-After: ${RETRY_AFTER_S}\r\n` : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${extra}${retry}Content-Length: 0\r\nConnection: close\r\n\r\n`,
  )
  // Discard the rest of what the client sends.
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
