// values.schema.json has exactly the keys of values.yaml, and can be read without other files.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { CHART } from './support/helm.ts'
import { isMap, leaves } from './support/objects.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly [key: string]: unknown
}

const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Schema
const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Record<string, unknown>

/** Shared with the parent chart, which puts its own keys there. */
const OPEN = ['global']

function resolved(node: Schema): Schema {
  if (node.$ref === undefined) return node
  const steps = node.$ref.replace(/^#\//, '').split('/')
  const target = steps.reduce<unknown>((at, step) => (isMap(at) ? at[step] : undefined), schema)
  expect(target, node.$ref).toBeDefined()
  return resolved(target as Schema)
}

/** Keys that one of the two has and the other has not, at any depth where the keys are the chart's own. */
function* strayKeys(node: Schema, value: unknown, path: string): Generator<string> {
  const { properties } = resolved(node)
  if (properties === undefined || !isMap(value)) return
  for (const key of Object.keys(value))
    if (!(key in properties)) yield `the schema lacks ${path}${key}`
  for (const [key, child] of Object.entries(properties)) {
    if (key in value) yield* strayKeys(child, value[key], `${path}${key}.`)
    else yield `values.yaml lacks ${path}${key}`
  }
}

/** Where the schema names keys and lets others pass. */
function* openPlaces(node: Schema, value: unknown, path: string): Generator<string> {
  const { properties, additionalProperties } = resolved(node)
  if (properties === undefined || !isMap(value)) return
  if (additionalProperties !== false && !OPEN.includes(path)) yield path
  for (const [key, child] of Object.entries(properties)) {
    yield* openPlaces(child, value[key], path === '' ? key : `${path}.${key}`)
  }
}

it('has the keys of values.yaml', () => {
  expect(Object.keys(values).length).toBeGreaterThan(20)
  expect([...strayKeys(schema, values, '')]).toEqual([])
})

it('refuses unknown keys in every object that the chart defines', () => {
  expect([...openPlaces(schema, values, '')]).toEqual([])
})

it('describes each value as values.yaml does', () => {
  const text = readFileSync(join(CHART, 'values.yaml'), 'utf8')
  const said = [...text.matchAll(/^ *## @param (\S+) (?:\[\w+\] )?(.*)$/gm)]
  // Definitions that several values share have no description of their own.
  const pairs = said.flatMap(([, path = '', words]) => {
    const node = path
      .split('.')
      .reduce<Schema | undefined>((at, key) => at && resolved(at).properties?.[key], schema)
    return node?.['description'] === undefined ? [] : [{ path, known: node['description'], words }]
  })
  expect(pairs.length).toBeGreaterThan(100)
  for (const { path, known, words } of pairs) expect(known, path).toBe(words)
})

// helm would download external references, which fails without access to the internet.
it('has no external references', () => {
  const references = [...leaves(schema)].filter(([path]) => path.endsWith('.$ref'))
  expect(references.length).toBeGreaterThan(0)
  for (const [path, reference] of references) expect(reference, path).toMatch(/^#\//)
})

it('has the required sections and keys', () => {
  const sections = {
    ingress: ['enabled', 'className', 'hosts', 'tls', 'annotations'],
    networkPolicy: ['enabled', 'policyTypes', 'ingress', 'egress'],
    rbac: ['create', 'rules'],
    serviceMesh: ['enabled', 'name', 'inject'],
    oauth2proxy: ['enabled', 'provider'],
    podSecurityStandards: ['enforce', 'audit', 'warn'],
    servicemonitor: ['enabled', 'interval', 'namespace'],
    backup: ['enabled', 'schedule', 'retention', 'destination'],
    volumeSnapshot: ['enabled', 'schedule', 'retain'],
  }
  for (const [section, keys] of Object.entries(sections)) {
    expect(Object.keys(values[section] as object), section).toEqual(expect.arrayContaining(keys))
  }
})

it('has no default that is null, because a parent chart could not remove it', () => {
  expect([...leaves(values)].filter(([, leaf]) => leaf === null)).toEqual([])
})
