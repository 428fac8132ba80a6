import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FairQueue } from '../../../src/desktop/fair-queue.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const create = (): FairQueue =>
  new FairQueue({
    maxConcurrent: 4,
    maxConcurrentOfOne: 3,
    maxWaiting: 2,
    maxWaitingOfOne: 2,
    maxWait: 1_000,
  })

/** What came of waiting so far. */
function watch(waiting: Promise<boolean> | boolean): { readonly granted?: boolean } {
  const seen: { granted?: boolean } = {}
  void Promise.resolve(waiting).then((granted) => (seen.granted = granted))
  return seen
}
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

it('gives everybody a place at once while there are free ones', () => {
  const queue = create()
  expect(['a', 'a', 'a', 'b'].map((who) => queue.acquire(who))).toEqual([true, true, true, true])
})

it('does not give all places to one person', async () => {
  const queue = create()
  for (const who of ['a', 'a', 'a']) expect(queue.acquire(who)).toBe(true)
  const fourth = watch(queue.acquire('a'))
  expect(queue.acquire('b')).toBe(true)
  queue.release('b')
  await settle()
  expect(fourth).toEqual({})
  queue.release('a')
  await settle()
  expect(fourth).toEqual({ granted: true })

  const others = create()
  expect([1, 2, 3].map(() => others.acquire('b'))).toEqual([true, true, true])
  watch(others.acquire('b'))
  expect(others.acquire('a')).toBe(true)
})

it('does not let one person fill the queue', async () => {
  const limits = {
    maxConcurrent: 1,
    maxConcurrentOfOne: 1,
    maxWaiting: 3,
    maxWaitingOfOne: 2,
    maxWait: 1_000,
  }
  const queue = new FairQueue(limits)
  expect(queue.acquire('a')).toBe(true)
  watch(queue.acquire('a'))
  watch(queue.acquire('a'))
  expect(queue.acquire('a')).toBe(false)
  const other = watch(queue.acquire('b'))
  expect(queue.acquire('c')).toBe(false)
  // Who is done waiting, one way or the other, leaves a place to themselves again.
  queue.release('a')
  await settle()
  watch(queue.acquire('a'))
  queue.release('a')
  queue.release('a')
  await settle()
  expect(other).toEqual({ granted: true })
})

it('skips persons who have their share of places', async () => {
  const queue = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(queue.acquire(who)).toBe(true)
  const [a, c] = [watch(queue.acquire('a')), watch(queue.acquire('c'))]
  queue.release('b')
  await settle()
  expect([a, c]).toEqual([{}, { granted: true }])
  queue.release('a')
  await settle()
  expect([a, c]).toEqual([{ granted: true }, { granted: true }])
})

it('refuses a request that waits too long, or behind too many', async () => {
  const queue = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(queue.acquire(who)).toBe(true)
  const waiting = [watch(queue.acquire('b')), watch(queue.acquire('b'))]
  expect(queue.acquire('b')).toBe(false)
  await vi.advanceTimersByTimeAsync(999)
  expect(waiting).toEqual([{}, {}])
  await vi.advanceTimersByTimeAsync(1)
  expect(waiting).toEqual([{ granted: false }, { granted: false }])
  queue.release('b')
  expect(queue.acquire('b')).toBe(true)
})

it('forgets a request that gives up', async () => {
  const queue = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(queue.acquire(who)).toBe(true)
  let giveUp = (): void => {}
  const first = watch(queue.acquire('b', (given) => (giveUp = given)))
  const second = watch(queue.acquire('c'))
  giveUp()
  queue.release('b')
  await settle()
  expect([first, second]).toEqual([{ granted: false }, { granted: true }])
})

it('serves persons in turn, one request each, regardless of how many one has and who came first', async () => {
  const queue = new FairQueue({
    maxConcurrent: 1,
    maxConcurrentOfOne: 1,
    maxWaiting: 100,
    maxWaitingOfOne: 50,
    maxWait: 1_000,
  })
  queue.tryAcquire('a')
  const served: string[] = []
  const wait = (who: string): void => {
    void Promise.resolve(queue.acquire(who)).then(() => served.push(who))
  }
  for (const who of 'aaaaaaaabbc'.split('')) wait(who)
  queue.release('a')
  await settle()
  // Who comes back is behind those who have waited since.
  wait('d')
  for (let turn = 0; turn < 11; turn += 1) {
    queue.release(served.at(-1) as string)
    await settle()
  }
  expect(served.join('')).toBe('abcadbaaaaaa')
})

it('gives a place at once or never to a request that does not wait, and forgets persons without a place', () => {
  const queue = new FairQueue({
    maxConcurrent: Number.POSITIVE_INFINITY,
    maxConcurrentOfOne: 2,
    maxWaiting: 0,
    maxWaitingOfOne: 0,
    maxWait: 0,
  })
  expect(['a', 'a', 'a', 'b'].map((who) => queue.tryAcquire(who))).toEqual([
    true,
    true,
    false,
    true,
  ])
  expect(queue.acquire('a')).toBe(false)
  queue.release('a')
  expect(queue.tryAcquire('a')).toBe(true)
  for (const who of ['a', 'a', 'b']) queue.release(who)
  expect(queue.persons).toBe(0)
})

it('keeps no timer for a request that got its place or gave up', async () => {
  const queue = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(queue.acquire(who)).toBe(true)
  let giveUp = (): void => {}
  const waiting = [
    watch(queue.acquire('b')),
    watch(queue.acquire('c', (given) => (giveUp = given))),
  ]
  expect(vi.getTimerCount()).toBe(2)
  queue.release('a')
  giveUp()
  await settle()
  expect(waiting).toEqual([{ granted: true }, { granted: false }])
  expect(vi.getTimerCount()).toBe(0)
})

it('counts a request once if it gives up after it got its place, and leaves no timer behind', async () => {
  const queue = new FairQueue({
    maxConcurrent: 1,
    maxConcurrentOfOne: 1,
    maxWaiting: 1,
    maxWaitingOfOne: 1,
    maxWait: 1_000,
  })
  expect(queue.acquire('a')).toBe(true)
  let giveUp = (): void => {}
  const granted = watch(queue.acquire('b', (given) => (giveUp = given)))
  queue.release('a')
  await settle()
  expect(granted).toEqual({ granted: true })
  expect(vi.getTimerCount()).toBe(0)
  giveUp()
  giveUp()
  expect(queue.acquire('c')).toBeInstanceOf(Promise)
  expect(queue.acquire('d')).toBe(false)
})

it('forgets persons who gave up waiting', async () => {
  const queue = create()
  for (const who of ['a', 'a', 'a', 'b']) expect(queue.acquire(who)).toBe(true)
  let giveUp = (): void => {}
  const waiting = watch(queue.acquire('c', (given) => (giveUp = given)))
  expect(queue.persons).toBe(3)
  giveUp()
  await settle()
  expect(waiting).toEqual({ granted: false })
  expect(queue.persons).toBe(2)
})
