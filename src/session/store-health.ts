// Finds out whether sessions can be opened now: the store must answer and take a write. A full disk, a full Redis or a read-only
// replica still answers reads. The store is asked at most every few seconds, however often this is called.

import type { SessionStore } from './session-store.ts'

const FRESH_MS = 2_000
/** Of a record that nothing reads. It is written like a session, and is as large: a nearly full disk may still take a few bytes. */
const ID = 'store-health'
const ENVELOPE = ' '.repeat(4_096)
const KEEP_MS = 60_000

export interface StoreHealth {
  isUp(): Promise<boolean>
  /** Undefined when the store does not answer. */
  countActive(): Promise<number | undefined>
}

interface Finding {
  readonly isUp: boolean
  readonly active: number | undefined
}

export function createStoreHealth(
  store: Pick<SessionStore, 'create' | 'countActive'>,
  now: () => number,
): StoreHealth {
  let askedAt = Number.NEGATIVE_INFINITY
  let finding: Promise<Finding> | undefined

  async function ask(): Promise<Finding> {
    const [written, counted] = await Promise.allSettled([
      store.create(ID, {
        envelope: ENVELOPE,
        vault: undefined,
        indexes: [],
        generation: 1,
        // An ended session: it does not count as active.
        activeUntil: 0,
        keepUntil: now() + KEEP_MS,
      }),
      store.countActive(),
    ])
    return {
      isUp: written.status === 'fulfilled' && counted.status === 'fulfilled',
      active: counted.status === 'fulfilled' ? counted.value : undefined,
    }
  }

  function find(): Promise<Finding> {
    if (finding === undefined || now() - askedAt >= FRESH_MS) {
      askedAt = now()
      finding = ask()
    }
    return finding
  }

  return {
    isUp: async () => (await find()).isUp,
    countActive: async () => (await find()).active,
  }
}
