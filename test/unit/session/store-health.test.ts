import { expect, it } from 'vitest'
import { createMemoryStore } from '../../../src/session/memory-store.ts'
import { createStoreHealth } from '../../../src/session/store-health.ts'

it('a store that works is up, and the trial leaves no session', async () => {
  const store = createMemoryStore(Date.now)
  const health = createStoreHealth(store, Date.now)
  expect([await health.isUp(), await health.countActive(), await store.list()]).toEqual([
    true,
    0,
    [],
  ])
  await store.close()
})

it('a store that refuses writes is down, and its sessions are counted all the same', async () => {
  const store = {
    create: () => Promise.reject(new Error('the disk is full')),
    countActive: async () => 7,
  }
  const health = createStoreHealth(store, Date.now)
  expect([await health.isUp(), await health.countActive()]).toEqual([false, 7])
})

it('a store that does not answer is down, and nobody knows how many sessions it has', async () => {
  const away = (): Promise<never> => Promise.reject(new Error('away'))
  const health = createStoreHealth({ create: away, countActive: away }, Date.now)
  expect([await health.isUp(), await health.countActive()]).toEqual([false, undefined])
})

it('asks the store at most every two seconds', async () => {
  let time = 0
  let asked = 0
  const store = {
    create: async () => void (asked += 1),
    countActive: async () => 0,
  }
  const health = createStoreHealth(store, () => time)
  await Promise.all([health.isUp(), health.countActive(), health.isUp()])
  time = 1_999
  await health.isUp()
  expect(asked).toBe(1)
  time = 2_000
  await health.isUp()
  expect(asked).toBe(2)
})
