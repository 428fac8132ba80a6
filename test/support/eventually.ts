// Waits for a condition, long enough for a machine that is busy with other things.

import { vi } from 'vitest'

const TIMEOUT_MS = 10_000
const EVERY_MS = 5

/** Resolves once `check` no longer throws; rejects with its last error. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: TIMEOUT_MS, interval: EVERY_MS })
}
