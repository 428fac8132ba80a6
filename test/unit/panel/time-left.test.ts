// When a person is warned, and how the remaining time is written.

import { describe, expect, it } from 'vitest'

interface Live {
  readonly expiresIn: number
  readonly idleExpiresIn: number | null
  readonly idleTimeout: number | null
}

// The panel is JavaScript for the browser. The compiler of the other code does not check it, hence the dynamic import.
const module = new URL('../../../src/panel/time-left.js', import.meta.url).href
const { formatTimeLeft, nextEnd } = (await import(module)) as {
  formatTimeLeft: (ms: number) => string
  nextEnd: (live: Live, now: number) => { ends: string; at: number; warnAt: number }
}

const NOW = 1_000_000
const nextEndOf = (live: Partial<Live>): unknown =>
  nextEnd({ expiresIn: 43_200, idleExpiresIn: 1_800, idleTimeout: 1_800, ...live }, NOW)

describe('a warning', () => {
  it('comes a minute before the next end', () => {
    expect(nextEndOf({})).toEqual({ ends: 'idle', at: NOW + 1_800_000, warnAt: NOW + 1_740_000 })
    expect(nextEndOf({ expiresIn: 600 })).toEqual({
      ends: 'expired',
      at: NOW + 600_000,
      warnAt: NOW + 540_000,
    })
  })

  it('comes at half of a short idle timeout, so that it is not shown all the time', () => {
    expect(nextEndOf({ idleExpiresIn: 60, idleTimeout: 60 })).toMatchObject({
      warnAt: NOW + 30_000,
    })
    expect(nextEndOf({ idleExpiresIn: 120, idleTimeout: 120 })).toMatchObject({
      warnAt: NOW + 60_000,
    })
  })

  it('is about the lifetime when there is no idle timeout', () => {
    expect(nextEndOf({ idleExpiresIn: null, idleTimeout: null })).toMatchObject({ ends: 'expired' })
  })

  it('is about the lifetime when staying could not extend the session', () => {
    expect(nextEndOf({ expiresIn: 50, idleExpiresIn: 50 })).toMatchObject({ ends: 'expired' })
  })
})

it.each([
  [-5, '0 seconds'],
  [1, '1 second'],
  [59_000, '59 seconds'],
  [59_001, '1 minute'],
  [119_999, '2 minutes'],
  [3_599_000, '59 minutes'],
  [3_600_000, '1 h'],
  [43_170_000, '11 h 59 min'],
])('%d ms are written as %s', (ms, words) => {
  expect(formatTimeLeft(ms)).toBe(words)
})
