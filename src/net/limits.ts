// Counts attempts per client address in fixed windows, with a bound on the number of addresses.

import type { RateLimit } from '../config/config.ts'
import { networkOf } from './address.ts'
import type { Client } from './forwarded.ts'

/** Maximum number of addresses. The oldest window is dropped first. */
const MAX_ADDRESSES = 10_000

export interface AttemptLimiter {
  /** Counts one attempt. Returns the seconds to wait if it is one too many, else undefined. */
  attempt(address: string): number | undefined
}

export function createAttemptLimiter(
  limit: () => RateLimit | undefined,
  now: () => number,
): AttemptLimiter {
  const windows = new Map<string, { endsAt: number; count: number }>()
  return {
    attempt(address) {
      const rate = limit()
      if (rate === undefined) return undefined
      const key = networkOf(address)
      const time = now()
      let window = windows.get(key)
      if (window === undefined || window.endsAt <= time) {
        windows.delete(key)
        const [oldest] = windows.keys()
        if (windows.size >= MAX_ADDRESSES && oldest !== undefined) windows.delete(oldest)
        window = { endsAt: time + rate.windowMs, count: 0 }
        windows.set(key, window)
      }
      window.count += 1
      return window.count > rate.count ? Math.ceil((window.endsAt - time) / 1_000) : undefined
    },
  }
}

/** Factor for the clients behind one undeclared proxy: many people, but not an unlimited number. */
const MANY_PEOPLE = 10

export interface LoginLimiter {
  /** Counts one sign-in attempt. Returns the seconds to wait if it is one too many, else undefined. */
  attempt(client: Client): number | undefined
}

/**
 * One limit for each client. All clients behind a proxy that nobody declared have one address, so that this limit would
 * lock a whole team out; but anybody can claim to be such a proxy, so that no limit at all would be none for anybody. They
 * share one that is ten times as large.
 */
export function createLoginLimiter(
  limit: () => RateLimit | undefined,
  now: () => number,
): LoginLimiter {
  const byClient = createAttemptLimiter(limit, now)
  const byUndeclaredProxy = createAttemptLimiter(() => {
    const rate = limit()
    return rate === undefined ? undefined : { ...rate, count: rate.count * MANY_PEOPLE }
  }, now)
  return {
    attempt: ({ address, behindUndeclaredProxy }) =>
      (behindUndeclaredProxy ? byUndeclaredProxy : byClient).attempt(address),
  }
}
