// Why a tunnel closes, and the Close frame that tells the browser (RFC 6455 7.4).

import type { EndReason } from '../session/session.ts'
import { closeFrame } from './frames.ts'

export type CloseReason =
  | EndReason
  | 'protocol-error'
  | 'draining'
  | 'desktop-gone'
  | 'client-closed'
  | 'client-gone'

/** Close codes (RFC 6455 7.4). When the browser itself ended the stream, no Close is needed. */
const CLOSE_CODES: Readonly<Record<Exclude<CloseReason, 'client-closed' | 'client-gone'>, number>> =
  {
    'signed-out': 4401,
    'provider-logout': 4401,
    revoked: 4401,
    expired: 4401,
    idle: 4401,
    superseded: 4401,
    'refresh-refused': 4401,
    'provider-lost': 4401,
    'store-lost': 4401,
    'access-withdrawn': 4403,
    'protocol-error': 1002,
    draining: 1001,
    'desktop-gone': 1013,
  }
const NORMAL_CLOSURE = 1000

export function closeFrameFor(reason: CloseReason): Buffer {
  if (reason === 'client-closed' || reason === 'client-gone') return closeFrame(NORMAL_CLOSURE, '')
  return closeFrame(CLOSE_CODES[reason], reason)
}
