// When a person is warned, and in which words.

import { describe, expect, it } from 'vitest'

interface Live {
  readonly expiresIn: number
  readonly idleExpiresIn: number | null
  readonly idleTimeout: number | null
}

// The browser's part is JavaScript, which the compiler of everything else does not look into.
const module = new URL('../../../src/panel/time-left.js', import.meta.url).href
const { inWords, nearestEnd } = (await import(module)) as {
  inWords: (ms: number) => string
  nearestEnd: (live: Live, now: number) => { ends: string; at: number; warnAt: number }
}

const NOW = 1_000_000
const ended = (live: Partial<Live>): unknown =>
  nearestEnd({ expiresIn: 43_200, idleExpiresIn: 1_800, idleTimeout: 1_800, ...live }, NOW)

describe('a warning', () => {
  it('comes a minute before whichever end is nearer', () => {
    expect(ended({})).toEqual({ ends: 'idle', at: NOW + 1_800_000, warnAt: NOW + 1_740_000 })
    expect(ended({ expiresIn: 600 })).toEqual({
      ends: 'expired',
      at: NOW + 600_000,
      warnAt: NOW + 540_000,
    })
  })

  it('does not stand from one input to the next where the idle timeout is short', () => {
    expect(ended({ idleExpiresIn: 60, idleTimeout: 60 })).toMatchObject({ warnAt: NOW + 30_000 })
    expect(ended({ idleExpiresIn: 120, idleTimeout: 120 })).toMatchObject({ warnAt: NOW + 60_000 })
  })

  it('is about the lifetime alone where idleness ends nothing', () => {
    expect(ended({ idleExpiresIn: null, idleTimeout: null })).toMatchObject({ ends: 'expired' })
  })

  it('offers no stay where a stay would change nothing', () => {
    expect(ended({ expiresIn: 50, idleExpiresIn: 50 })).toMatchObject({ ends: 'expired' })
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
])('%d ms are %s', (ms, words) => {
  expect(inWords(ms)).toBe(words)
})
