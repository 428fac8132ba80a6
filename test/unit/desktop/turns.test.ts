import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Turns } from '../../../src/desktop/turns.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const create = (): Turns =>
  new Turns({ atOnce: 4, atOnceOfOne: 3, waiting: 2, waitingOfOne: 2, patience: 1_000 })

/** What came of waiting so far. */
function watch(waiting: Promise<boolean> | boolean): { readonly granted?: boolean } {
  const seen: { granted?: boolean } = {}
  void Promise.resolve(waiting).then((granted) => (seen.granted = granted))
  return seen
}
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

it('gives everybody a turn at once while there are some', () => {
  const turns = create()
  expect(['a', 'a', 'a', 'b'].map((who) => turns.take(who))).toEqual([true, true, true, true])
})

it('lets nobody have them all, the gateway itself neither', async () => {
  const turns = create()
  for (const who of ['a', 'a', 'a']) expect(turns.take(who)).toBe(true)
  const fourth = watch(turns.take('a'))
  expect(turns.take('b')).toBe(true)
  turns.done('b')
  await settle()
  expect(fourth).toEqual({})
  turns.done('a')
  await settle()
  expect(fourth).toEqual({ granted: true })

  const others = create()
  expect([1, 2, 3].map(() => others.take(undefined))).toEqual([true, true, true])
  watch(others.take(undefined))
  expect(others.take('a')).toBe(true)
})

it('lets nobody fill the room in which all wait', async () => {
  const limits = { atOnce: 1, atOnceOfOne: 1, waiting: 3, waitingOfOne: 2, patience: 1_000 }
  const turns = new Turns(limits)
  expect(turns.take('a')).toBe(true)
  watch(turns.take('a'))
  watch(turns.take('a'))
  expect(turns.take('a')).toBe(false)
  const other = watch(turns.take('b'))
  expect(turns.take('c')).toBe(false)
  // Who is done waiting, one way or the other, leaves a place to themselves again.
  turns.done('a')
  await settle()
  watch(turns.take('a'))
  turns.done('a')
  turns.done('a')
  await settle()
  expect(other).toEqual({ granted: true })
})

it('calls who waits in their order, but for those who have their share', async () => {
  const turns = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(turns.take(who)).toBe(true)
  const [a, c] = [watch(turns.take('a')), watch(turns.take('c'))]
  turns.done('b')
  await settle()
  expect([a, c]).toEqual([{}, { granted: true }])
  turns.done('a')
  await settle()
  expect([a, c]).toEqual([{ granted: true }, { granted: true }])
})

it('turns away who would wait too long, or behind too many', async () => {
  const turns = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(turns.take(who)).toBe(true)
  const waiting = [watch(turns.take('b')), watch(turns.take('b'))]
  expect(turns.take('b')).toBe(false)
  await vi.advanceTimersByTimeAsync(999)
  expect(waiting).toEqual([{}, {}])
  await vi.advanceTimersByTimeAsync(1)
  expect(waiting).toEqual([{ granted: false }, { granted: false }])
  turns.done('b')
  expect(turns.take('b')).toBe(true)
})

it('forgets who gives up', async () => {
  const turns = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(turns.take(who)).toBe(true)
  let giveUp = (): void => {}
  const first = watch(turns.take('b', (given) => (giveUp = given)))
  const second = watch(turns.take('c'))
  giveUp()
  turns.done('b')
  await settle()
  expect([first, second]).toEqual([{ granted: false }, { granted: true }])
})
