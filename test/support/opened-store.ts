// A session store for a test: opens and closes it, and records its reports, failures and messages.

import { afterEach, expect } from 'vitest'
import type { GatewayError } from '../../src/lib/errors.ts'
import { openSessionStore, type SessionStoreOptions } from '../../src/session/open-session-store.ts'
import type { SessionRecord, SessionStore } from '../../src/session/session-store.ts'

export interface OpenedStore {
  readonly store: SessionStore
  /** The causes of its trouble, and `recovered`. */
  readonly told: readonly string[]
}

const opened: SessionStore[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})

/** Closed after the test. */
export async function open(url: string, options: SessionStoreOptions = {}): Promise<OpenedStore> {
  const told: string[] = []
  const store = await openSessionStore(url, {
    ...options,
    onTrouble: ({ cause }) => told.push((cause as Error).message),
    onRecovered: () => told.push('recovered'),
  })
  opened.push(store)
  return { store, told }
}

/** Of an active session that is kept for a minute, under the index `i`. */
export const newRecord = (): SessionRecord => ({
  envelope: 'an envelope',
  vault: 'a vault',
  indexes: ['i'],
  generation: 1,
  activeUntil: Date.now() + 60_000,
  keepUntil: Date.now() + 60_000,
})

/** The error of a call that must fail because the store is unavailable, and how long it took. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly error: GatewayError; readonly ms: number }> {
  const start = performance.now()
  const error = await call.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  )
  expect(error).toMatchObject({ code: 'store-unavailable' })
  return { error: error as GatewayError, ms: performance.now() - start }
}

export function answers(store: SessionStore): Promise<boolean> {
  return store.countActive().then(
    () => true,
    () => false,
  )
}

export function subscribe(store: SessionStore): {
  readonly heard: readonly string[]
  /** How often the store has subscribed. */
  readonly times: () => number
} {
  const heard: string[] = []
  let times = 0
  store.subscribe(
    (message) => heard.push(message),
    () => (times += 1),
  )
  return { heard, times: () => times }
}
