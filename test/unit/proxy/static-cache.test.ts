import { expect, it, vi } from 'vitest'
import { StaticCache } from '../../../src/proxy/static-cache.ts'

const MIB = 1_048_576

it('keeps a value for a minute', async () => {
  let now = 0
  const cache = new StaticCache<string>(() => now)
  const fetch = vi.fn(async () => ({ value: 'a', bytes: 1 }))
  await cache.get('/a', fetch)
  now = 59_999
  expect(await cache.get('/a', fetch)).toBe('a')
  expect(fetch).toHaveBeenCalledTimes(1)
  now = 60_000
  await cache.get('/a', fetch)
  expect(fetch).toHaveBeenCalledTimes(2)
})

it('keeps at most its limit of bytes, and evicts the oldest first', async () => {
  const cache = new StaticCache<string>(() => 0)
  const fetch = vi.fn(async () => ({ value: 'x', bytes: 4 * MIB }))
  for (let file = 0; file < 8; file += 1) await cache.get(`/${file}`, fetch)
  expect(fetch).toHaveBeenCalledTimes(8)
  await cache.get('/7', fetch)
  expect(fetch).toHaveBeenCalledTimes(8)
  await cache.get('/0', fetch)
  expect(fetch).toHaveBeenCalledTimes(9)
})

it('counts empty entries too', async () => {
  const cache = new StaticCache<string>(() => 0)
  const fetch = vi.fn(async () => ({ value: '', bytes: 0 }))
  for (let file = 0; file < 20_000; file += 1) await cache.get(`/${file}`, fetch)
  await cache.get('/0', fetch)
  expect(fetch).toHaveBeenCalledTimes(20_001)
})

it('keeps neither failures nor uncacheable answers', async () => {
  const cache = new StaticCache<string>(() => 0)
  const fail = vi.fn(() => Promise.reject(new Error('gone')))
  await expect(cache.get('/a', fail)).rejects.toThrow('gone')
  await expect(cache.get('/a', fail)).rejects.toThrow('gone')
  const pass = vi.fn(async () => ({ value: 'a', bytes: undefined }))
  await cache.get('/a', pass)
  await cache.get('/a', pass)
  expect([fail, pass].map((fetch) => fetch.mock.calls.length)).toEqual([2, 2])
})

it('at a flush, gives a pending answer to requests that already wait, and to no later ones', async () => {
  const cache = new StaticCache<string>(() => 0)
  const { promise: old, resolve } = Promise.withResolvers<void>()
  const waiting = cache.get('/a', async () => {
    await old
    return { value: 'old', bytes: 1 }
  })
  cache.flush()
  expect(await cache.get('/a', async () => ({ value: 'new', bytes: 1 }))).toBe('new')
  resolve()
  expect(await waiting).toBe('old')
  expect(await cache.get('/a', () => Promise.reject(new Error('asked again')))).toBe('new')
})

it('remembers a missing file for seconds, without evicting a cached file', async () => {
  let now = 0
  const cache = new StaticCache<string>(() => now)
  const file = vi.fn(async () => ({ value: 'file', bytes: 8 * MIB }))
  const missing = vi.fn(async () => ({ value: 'none', bytes: 0, isMissing: true }))
  await cache.get('/file', file)
  for (let name = 0; name < 20_000; name += 1) await cache.get(`/nope-${name}`, missing)
  await cache.get('/file', file)
  expect(file).toHaveBeenCalledTimes(1)
  expect(await cache.get('/nope-19999', missing)).toBe('none')
  expect(missing).toHaveBeenCalledTimes(20_000)
  await cache.get('/nope-0', missing)
  expect(missing).toHaveBeenCalledTimes(20_001)
  now = 4_999
  await cache.get('/nope-0', missing)
  expect(missing).toHaveBeenCalledTimes(20_001)
  now = 5_000
  await cache.get('/nope-0', missing)
  expect(missing).toHaveBeenCalledTimes(20_002)
})

it('forgets missing files at a flush too', async () => {
  const cache = new StaticCache<string>(() => 0)
  await cache.get('/a', async () => ({ value: 'none', bytes: 0, isMissing: true }))
  expect(await cache.find('/a')).toBe('none')
  cache.flush()
  expect(cache.find('/a')).toBeUndefined()
})

it('counts a file once that expired and was fetched again', async () => {
  let now = 0
  const cache = new StaticCache<string>(() => now)
  const fetch = vi.fn(async () => ({ value: 'x', bytes: 12 * MIB }))
  for (let minute = 0; minute < 10; minute += 1) {
    now += 60_000
    await cache.get('/again', fetch)
  }
  await cache.get('/other', fetch)
  expect(cache.find('/again')).toBeDefined()
  expect(cache.find('/other')).toBeDefined()
})
