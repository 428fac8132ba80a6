// How many sessions one person may have at once (`limits.sessionsPerPerson`).

import type { SessionIndex } from './session-index.ts'
import type { SessionRecords } from './session-records.ts'
import type { SessionStore } from './session-store.ts'
import type { Identity } from './session.ts'

export interface SessionLimitParts {
  readonly store: SessionStore
  readonly index: SessionIndex
  readonly records: SessionRecords
  readonly now: () => number
}

/**
 * Ids of a person's oldest live sessions beyond `max`. Every sign-in is stored before it counts, and all replicas agree
 * on the order: of several at once the last to count sees them all, and nobody ends one too many.
 */
export async function findSuperseded(
  { store, index, records, now }: SessionLimitParts,
  { iss, sub }: Identity,
  max: number,
): Promise<readonly string[]> {
  const hashes = index.bySub(iss, sub)
  const ids = new Set((await Promise.all(hashes.map((hash) => store.find(hash)))).flat())
  const found = await records.readMany([...ids], ({ activeUntil }) => activeUntil > now())
  return (
    found
      .flatMap((one) => (one === undefined ? [] : [one.session]))
      // An index is only a hint: a writer to the store may have put others' sessions under it.
      .filter(({ identity }) => identity.iss === iss && identity.sub === sub)
      .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
      .slice(max)
      .map(({ id }) => id)
  )
}
