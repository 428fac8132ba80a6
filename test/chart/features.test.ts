// A feature is its own objects and nothing else: what each of chart/ci/*-values.yaml changes against the baseline.

import { expect, it } from 'vitest'
import { nameOf, withoutSecrets, type KubernetesObject } from './support/objects.ts'
import { MINIMAL, renderedObjects, renderNames } from './support/renders.ts'

/** What is there besides (+), no more (-), or otherwise (~). */
const CHANGES: Readonly<Record<string, readonly string[]>> = {}

const FEATURES = renderNames().filter((name) => name.startsWith('chart/ci/') && name !== MINIMAL)

it.each(FEATURES)('%s', (name) => {
  expect(changes(name)).toEqual([...(CHANGES[name] ?? [])].sort())
})

it('has every feature written down, and no others', () => {
  expect(Object.keys(CHANGES).sort()).toEqual([...FEATURES].sort())
})

function changes(name: string): string[] {
  const before = byName(MINIMAL)
  const after = byName(name)
  const all = new Set([...before.keys(), ...after.keys()])
  return [...all]
    .flatMap((object) => {
      if (!before.has(object)) return [`+ ${object}`]
      if (!after.has(object)) return [`- ${object}`]
      return before.get(object) === after.get(object) ? [] : [`~ ${object}`]
    })
    .sort()
}

function byName(name: string): Map<string, string> {
  const objects: KubernetesObject[] = withoutSecrets(renderedObjects(name))
  return new Map(objects.map((object) => [nameOf(object), JSON.stringify(object)]))
}
