import { expect, it } from 'vitest'
import { formatDuration, parseDuration } from '../../../src/lib/duration.ts'

it.each([
  ['0', 0],
  ['250ms', 250],
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['12h', 43_200_000],
  ['7d', 604_800_000],
])('parses %s and formats it the same way', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
  expect(parseDuration(formatDuration(ms))).toBe(ms)
})

it.each(['', '30', 'm', '-1s', '1.5h', '30 m', '1h30m', '9999999999s', '30M'])(
  'refuses %j',
  (text) => {
    expect(parseDuration(text)).toBeUndefined()
  },
)
