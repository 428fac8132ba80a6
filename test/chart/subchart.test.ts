// The chart as a dependency, twice in one parent: a Signal and a browser behind two gateways.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { CHART, helm, MINIMAL, template, type Outcome } from './support/helm.ts'
import { lintFaults } from './support/lint.ts'
import {
  nameOf,
  ofKind,
  parseObjects,
  podOwners,
  type KubernetesObject,
} from './support/objects.ts'
import { schemaFaults } from './support/strict-schemas.ts'

let folder: string

interface Dependency {
  readonly alias: string
  readonly condition?: string
  readonly tags?: readonly string[]
}

const TWICE: readonly Dependency[] = [
  { alias: 'signal', condition: 'signal.enabled' },
  { alias: 'browser', tags: ['browsers'] },
]
const VALUES = parse(readFileSync(MINIMAL, 'utf8')) as Record<string, unknown>

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-parent-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A parent with the chart under each alias, and the baseline's values for all of them. */
async function parent(
  name: string,
  dependencies: readonly Dependency[],
  extra = '',
): Promise<string> {
  const path = join(folder, name)
  mkdirSync(join(path, 'templates'), { recursive: true })
  const { version } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { version: string }
  const all = dependencies.map((dependency) => ({
    name: 'ghostwire',
    version,
    repository: `file://${CHART}`,
    ...dependency,
  }))
  writeFileSync(
    join(path, 'Chart.yaml'),
    stringify({ apiVersion: 'v2', name, version: '1.0.0', dependencies: all }),
  )
  writeFileSync(
    join(path, 'values.yaml'),
    stringify(Object.fromEntries(dependencies.map(({ alias }) => [alias, VALUES]))),
  )
  writeFileSync(join(path, 'templates/extra.yaml'), extra)
  const { code, stderr } = await helm(['dependency', 'build', path])
  expect(code, stderr).toBe(0)
  return path
}

async function objectsOf(outcome: Promise<Outcome>): Promise<KubernetesObject[]> {
  const { code, stdout, stderr } = await outcome
  expect(code, stderr).toBe(0)
  return parseObjects(stdout)
}

describe('two subcharts in one parent chart', () => {
  let chart: string
  beforeAll(async () => {
    chart = await parent('parent', TWICE)
  })

  it('are two complete releases that share nothing', async () => {
    const objects = await objectsOf(template({ chart }))
    for (const kind of ['StatefulSet', 'Deployment']) expect(ofKind(objects, kind)).toHaveLength(2)
    expect(lintFaults(objects)).toEqual([])
    expect(await schemaFaults(objects)).toEqual([])
  })

  it('can be disabled one by one, by condition and by tag', async () => {
    const namesOf = async (set: object): Promise<string[]> =>
      podOwners(await objectsOf(template({ chart, set }))).map(({ name }) => name)
    const both = await namesOf({})
    const one = await namesOf({ signal: { enabled: false } })
    const other = await namesOf({ tags: { browsers: false } })
    expect(one.length).toBeGreaterThan(0)
    expect([...one, ...other].sort()).toEqual(both.sort())
    expect(await namesOf({ signal: { enabled: false }, tags: { browsers: false } })).toEqual([])
  })

  it('use image registry, pull secrets and storage class of the parent', async () => {
    const global = {
      imageRegistry: 'registry.example.com',
      imagePullSecrets: ['pull'],
      storageClass: 'fast',
      somebodyElses: 1,
    }
    const objects = await objectsOf(template({ chart, set: { global } }))
    for (const { name, template } of podOwners(objects)) {
      expect(template.spec.imagePullSecrets, name).toEqual([{ name: 'pull' }])
      for (const { image } of template.spec.containers)
        expect(image, name).toMatch(/^registry\.example\.com\//)
    }
    const claims = ofKind<{ spec?: { storageClassName?: string } }>(
      objects,
      'PersistentVolumeClaim',
    )
    expect(claims.map(({ spec }) => spec?.storageClassName)).toEqual(['fast', 'fast'])
  })

  it('refuse an unknown key, and name it', async () => {
    const { code, stderr } = await template({ chart, set: { signal: { gatway: {} } } })
    expect(code).not.toBe(0)
    expect(stderr).toContain('gatway')
    expect(stderr).toContain('signal')
  })

  // helm does not show notes of a subchart, so problems that must be seen stop the render.
  it('refuse values that contradict each other', async () => {
    const { code, stderr } = await template({
      chart,
      set: { signal: { sessionStore: { type: 'redis' } } },
    })
    expect(code).not.toBe(0)
    expect(stderr).toContain('sessionStore.redis.url')
  })
})

it('gives a parent chart the names of its objects', async () => {
  const extra = `
apiVersion: v1
kind: ConfigMap
metadata: { name: names }
data:
  gateway: {{ include "ghostwire.gateway.fullname" .Subcharts.signal }}
  desktop: {{ include "ghostwire.desktop.fullname" .Subcharts.signal }}
`
  const objects = await objectsOf(template({ chart: await parent('names', TWICE, extra) }))
  const { data = {} } =
    ofKind<{ data?: Record<string, string> }>(objects, 'ConfigMap').find(
      ({ metadata }) => metadata.name === 'names',
    ) ?? {}
  const services = ofKind(objects, 'Service').map(({ metadata }) => metadata.name)
  expect(services).toEqual(expect.arrayContaining([data['gateway'], data['desktop']]))
})

it('has valid DNS names under an alias with capitals', async () => {
  const chart = await parent('capitals', [{ alias: 'signalDesktop' }])
  const objects = await objectsOf(template({ chart }))
  expect(objects.length).toBeGreaterThan(5)
  expect(lintFaults(objects)).toEqual([])
})

it('has names that are short enough for the longest release name, alone and under a long alias', async () => {
  const release = 'r'.repeat(53)
  const alone = await objectsOf(template({ release, values: [MINIMAL] }))
  expect(lintFaults(alone)).toEqual([])
  const aliases = [
    { alias: 'a-desktop-with-a-very-long-name-one' },
    { alias: 'a-desktop-with-a-very-long-name-two' },
  ]
  const chart = await parent('long', aliases)
  const objects = await objectsOf(template({ chart, release }))
  expect(lintFaults(objects)).toEqual([])
  expect(new Set(objects.map(nameOf)).size).toBe(objects.length)
})

// .helmignore's `tests/` once meant templates/tests/ too, and `helm test` had nothing to do and succeeded.
it('packages its tests, but not its examples', async () => {
  const { code, stdout, stderr } = await helm(['package', CHART, '--destination', folder])
  expect(code, stdout + stderr).toBe(0)
  const [, archive = ''] = /saved it to: (.+)/.exec(stdout) ?? []
  const files = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' })
  expect(files).toMatch(/^ghostwire\/templates\/tests\//m)
  expect(files).not.toMatch(/^ghostwire\/ci\//m)
  const objects = await objectsOf(template({ chart: archive, values: [MINIMAL] }))
  const direct = await objectsOf(template({ values: [MINIMAL] }))
  expect(objects.map(nameOf).sort()).toEqual(direct.map(nameOf).sort())
  const tests = objects.filter(({ metadata }) =>
    metadata.annotations?.['helm.sh/hook']?.includes('test'),
  )
  expect(tests.length).toBeGreaterThan(0)
})
