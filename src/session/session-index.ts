// Indexes that find sessions without their cookies: keyed hashes of the names that a provider uses (OpenID Connect Back-Channel
// Logout 1.0, 2.4). A stolen store does not reveal who is in it.

import { createHmac } from 'node:crypto'
import { deriveKey } from '../lib/seal.ts'
import type { Identity } from './session.ts'

export interface SessionIndex {
  /** The indexes of a new session. */
  of(identity: Identity): readonly string[]
  /** The possible indexes of a person's sessions: one per secret. */
  bySub(iss: string, sub: string): readonly string[]
  /** The possible indexes of one session at the provider: one per secret. */
  bySid(iss: string, sid: string): readonly string[]
}

/** New indexes use the first secret; searches use all. `gatewayId` makes the hashes of two gateways differ. */
export function createSessionIndex(
  secrets: readonly [string, ...string[]],
  gatewayId: string,
): SessionIndex {
  const keys = secrets.map((secret) => deriveKey(secret, `session index of ${gatewayId}`))
  // JSON maps different lists to different texts.
  const hashes = (...name: readonly string[]): string[] =>
    keys.map((key) => createHmac('sha256', key).update(JSON.stringify(name)).digest('base64url'))
  const bySub = (iss: string, sub: string): string[] => hashes('sub', iss, sub)
  const bySid = (iss: string, sid: string): string[] => hashes('sid', iss, sid)
  return {
    of: ({ iss, sub, sid }) =>
      [bySub(iss, sub), sid === undefined ? [] : bySid(iss, sid)].flatMap((all) => all.slice(0, 1)),
    bySub,
    bySid,
  }
}
