// The documents match the chart.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  CHART_README,
  SECURITY_DOC,
  chartReadme,
  securityDoc,
} from '../../scripts/write-chart-docs.ts'
import { checkConfig } from './support/check-config.ts'
import { CHART, helm, ROOT } from './support/helm.ts'
import { isMap, ofKind, parseObjects, type KubernetesObject } from './support/objects.ts'

describe('chart/README.md', () => {
  it('is equal to the output of `npm run docs`', async () => {
    expect(readFileSync(CHART_README, 'utf8')).toBe(await chartReadme())
  })

  it('cannot be written while a value has no description', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ghostwire-values-'))
    try {
      const values = join(folder, 'values.yaml')
      writeFileSync(values, `${readFileSync(join(CHART, 'values.yaml'), 'utf8')}\nundescribed: 1\n`)
      await expect(chartReadme(values)).rejects.toThrow(/undescribed/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('chart/values.schema.json', () => {
  it('describes each value with the text of values.yaml', () => {
    const values = readFileSync(join(CHART, 'values.yaml'), 'utf8')
    const schema: unknown = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'))
    const described = [...values.matchAll(/## @param (\S+) (?:\[\w+\] )?(.*)/g)]
    const other = described.filter(([, path = '', text]) => {
      const description = descriptionIn(schema, path.split('.'))
      return description !== undefined && description !== text
    })
    expect(other.map(([, path]) => path)).toEqual([])
    expect(described.length).toBeGreaterThan(200)
  })
})

/** Undefined for a value that the schema describes by a reference. */
function descriptionIn(schema: unknown, path: readonly string[]): unknown {
  const found = path.reduce<unknown>((at, key) => {
    const properties = isMap(at) ? at['properties'] : undefined
    return isMap(properties) ? properties[key] : undefined
  }, schema)
  return isMap(found) ? found['description'] : undefined
}

describe('docs/security-hardening.md', () => {
  it('has the table that `npm run docs` writes', async () => {
    expect(readFileSync(SECURITY_DOC, 'utf8')).toBe(await securityDoc())
  })
})

describe('docs/install-kubernetes.md', () => {
  const page = readFileSync(join(ROOT, 'docs/install-kubernetes.md'), 'utf8')
  const [command = ''] = /^helm install (?:[^\\\n]|\\\n)*/m.exec(page) ?? []
  const words = [...command.replaceAll('\\\n', ' ').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? '',
  )

  it('has a command that installs a gateway that starts and can be reached', async () => {
    const [program, install, release, chart, ...more] = words
    expect([program, install, chart]).toEqual(['helm', 'install', './chart'])
    const { code, stdout, stderr } = await helm(['template', release ?? '', CHART, ...more])
    expect(code, stderr).toBe(0)
    const objects = parseObjects(stdout)
    expect(ofKind<KubernetesObject>(objects, 'Ingress')).toHaveLength(1)
    const checked = await checkConfig(objects)
    expect(checked).toMatchObject({ code: 0, stderr: '' })
    expect(checked.stdout).toContain('clientSecret: (hidden)')
  })
})
