// The documents say what the chart does.

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
import { CHART } from './support/helm.ts'

describe('chart/README.md', () => {
  it('is what `npm run docs` writes', async () => {
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

describe('docs/security-hardening.md', () => {
  it('has the table that `npm run docs` writes', async () => {
    expect(readFileSync(SECURITY_DOC, 'utf8')).toBe(await securityDoc())
  })
})
