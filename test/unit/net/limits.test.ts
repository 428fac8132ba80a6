import { expect, it } from 'vitest'
import { createAttemptLimiter } from '../../../src/net/limits.ts'

function setUp(count: number) {
  const clock = { time: 1_000_000 }
  const limiter = createAttemptLimiter(
    () => ({ count, windowMs: 60_000 }),
    () => clock.time,
  )
  return { clock, limiter }
}

it('allows the configured number of attempts in a window, then says how long to wait', () => {
  const { clock, limiter } = setUp(2)
  expect([limiter.attempt('a'), limiter.attempt('a')]).toEqual([undefined, undefined])
  clock.time += 15_000
  expect(limiter.attempt('a')).toBe(45)
  expect(limiter.attempt('b')).toBeUndefined()
  clock.time += 45_000
  expect(limiter.attempt('a')).toBeUndefined()
})

it('counts an IPv6 /64 as one client, because one device can use all of it', () => {
  const { limiter } = setUp(1)
  expect(limiter.attempt('2001:db8:1:2::1')).toBeUndefined()
  expect(limiter.attempt('2001:db8:1:2:ffff::9')).toBeGreaterThan(0)
  expect(limiter.attempt('2001:db8:1:3::1')).toBeUndefined()
  expect(limiter.attempt('::1')).toBeUndefined()
})

it('counts nothing without a limit', () => {
  const limiter = createAttemptLimiter(() => undefined, Date.now)
  for (let i = 0; i < 100; i += 1) expect(limiter.attempt('a')).toBeUndefined()
})
