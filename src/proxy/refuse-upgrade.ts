// How an upgrade that does not get through is answered: in plain HTTP, for there is no WebSocket yet to close.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

const RETRY_AFTER_S = 5
/** Milliseconds that the client has for reading the answer. */
const LINGER_MS = 1_000

/** Also the label of `ghostwire_upgrades_refused_total`. */
export type UpgradeRefusal =
  | 'origin'
  | 'handshake'
  | 'not-found'
  | 'unauthenticated'
  | 'forbidden'
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

/** `extra` are whole header lines. */
export function refuseUpgrade(socket: Socket, reason: UpgradeRefusal, extra = ''): void {
  const status = STATUS[reason]
  const retry = status === 503 || status === 429 ? `Retry-After: ${RETRY_AFTER_S}\r\n` : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${extra}${retry}Content-Length: 0\r\nConnection: close\r\n\r\n`,
  )
  // The rest of what the client sends is nobody's.
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
