import { expect, it } from 'vitest'
import { mergeObjects } from '../../../demo/provider/merge-objects.ts'

it('merges objects at every depth and replaces all other values', () => {
  const keep = (): number => 1
  const merged = mergeObjects<object>(
    { ttl: { a: 1, b: 2 }, list: [1, 2], features: { x: { enabled: true, keep } } },
    { ttl: { b: 3 }, list: [3], features: { x: { enabled: false } }, fresh: 1 },
  )
  expect(merged).toEqual({
    ttl: { a: 1, b: 3 },
    list: [3],
    features: { x: { enabled: false, keep } },
    fresh: 1,
  })
})
