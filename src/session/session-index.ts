// Finding sessions without their cookies: keyed hashes of what a provider names them by (OpenID Connect Back-Channel
// Logout 1.0, 2.4). A stolen store tells nobody who is in it.

import { createHmac } from 'node:crypto'
import { deriveKey } from '../lib/seal.ts'
import type { Identity } from './session.ts'

export interface SessionIndex {
  /** What a new session is stored under. */
  of(identity: Identity): readonly string[]
  /** What the sessions of a person may be stored under: one index for each secret. */
  bySub(iss: string, sub: string): readonly string[]
  /** The same for one session at the provider. */
  bySid(iss: string, sid: string): readonly string[]
}

/** The first secret writes, all of them find. No two gateways have a hash in common (`gatewayId`). */
export function createSessionIndex(
  secrets: readonly [string, ...string[]],
  gatewayId: string,
): SessionIndex {
  const keys = secrets.map((secret) => deriveKey(secret, `session index of ${gatewayId}`))
  // As JSON no two different lists read the same.
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
