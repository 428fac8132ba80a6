import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { METRICS_DOC, metricsDoc } from '../../../scripts/write-metrics-doc.ts'

const page = await metricsDoc()

it('docs/metrics.md is up to date; `npm run docs` writes it', () => {
  expect(readFileSync(METRICS_DOC, 'utf8')).toBe(page)
})

it('it describes each metric in whole sentences', () => {
  const rows = [...page.matchAll(/^\| `(ghostwire_\w+)` \| (\w+) \| (.*) \| (.*) \|$/gm)]
  expect(rows.length).toBeGreaterThan(20)
  for (const [row, , type, , meaning] of rows) {
    expect(['counter', 'gauge', 'histogram'], row).toContain(type)
    expect(meaning, row).toMatch(/^(?:[A-Z]|1 while).*[.…]$/)
  }
})
