// Server-side apply in the tests' own API server, compared with the rules of
// https://kubernetes.io/docs/reference/using-api/server-side-apply/

import { expect, it } from 'vitest'
import { apply, update, DuplicateEntry, type Owned } from './support/api-server/field-ownership.ts'

const NOTHING: Owned = { object: {}, owners: new Map() }

function applied(state: Owned, wanted: object, manager = 'helm', force = false): Owned {
  const result = apply(state, wanted, manager, force)
  if (!('object' in result)) throw new Error(JSON.stringify(result))
  return result
}

it('writes the applied fields, in their order', () => {
  const wanted = {
    spec: {
      containers: [
        {
          name: 'b',
          env: [
            { name: 'Z', value: '1' },
            { name: 'A', value: '$(Z)' },
          ],
        },
        { name: 'a' },
      ],
      finalizers: [],
      emptyDir: {},
    },
  }
  const { object } = applied(NOTHING, wanted)
  expect(object).toEqual(wanted)
})

it('removes a field that the manager no longer applies', () => {
  const before = applied(NOTHING, {
    spec: {
      a: 1,
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
  })
  expect(applied(before, { spec: { env: [{ name: 'B', value: '2' }] } }).object).toEqual({
    spec: { env: [{ name: 'B', value: '2' }] },
  })
})

it('keeps fields of other managers beside them', () => {
  const before = update(applied(NOTHING, { spec: { a: 1 } }), { spec: { a: 1, b: 2 } }, 'kubectl')
  expect(applied(before, { spec: { a: 3 } }).object).toEqual({ spec: { a: 3, b: 2 } })
})

it('refuses to change a field of another manager, and names that manager', () => {
  const before = update(
    applied(NOTHING, { spec: { replicas: 1 } }),
    { spec: { replicas: 7 } },
    'kubectl',
  )
  expect(apply(before, { spec: { replicas: 2 } }, 'helm', false)).toEqual([
    { manager: 'kubectl', field: '.spec.replicas' },
  ])
})

it('has no conflict if both apply the same value, and then both own it', () => {
  const before = update(
    applied(NOTHING, { spec: { replicas: 1 } }),
    { spec: { replicas: 7 } },
    'kubectl',
  )
  const both = applied(before, { spec: { replicas: 7 } })
  expect(applied(both, {}).object).toEqual({ spec: { replicas: 7 } })
})

it('takes over a field if forced', () => {
  const before = update(
    applied(NOTHING, { spec: { replicas: 1 } }),
    { spec: { replicas: 7 } },
    'kubectl',
  )
  const forced = applied(before, { spec: { replicas: 2 } }, 'helm', true)
  expect(forced.object).toEqual({ spec: { replicas: 2 } })
  expect(forced.owners.get('kubectl')).toEqual(new Set())
})

it('refuses a list in which one key appears twice', () => {
  const twice = {
    env: [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
  }
  expect(() => apply(NOTHING, twice, 'helm', false)).toThrow(DuplicateEntry)
})

it('treats a list without keys as one value', () => {
  const before = applied(NOTHING, { args: ['a', 'b'] })
  expect(applied(before, { args: ['c'] }).object).toEqual({ args: ['c'] })
})
