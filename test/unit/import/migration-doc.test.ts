import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { MIGRATION_DOC, migrationDoc } from '../../../scripts/write-migration-doc.ts'
import { OPTIONS } from '../../../src/import/options/options.ts'

const page = migrationDoc()

describe('docs/migrating-from-oauth2-proxy.md', () => {
  it('is up to date with the tables of the importer (npm run docs)', () => {
    expect(readFileSync(MIGRATION_DOC, 'utf8')).toBe(page)
  })

  it('has one row for every option, of three cells', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `') && line.includes('` | '))
    for (const { key } of OPTIONS) {
      const own = rows.filter((row) => row.split(' | ')[0]?.endsWith(`\`${key}\``))
      expect(own, key).toHaveLength(1)
      expect(own[0]?.split(/(?<!\\)\|/), key).toHaveLength(5)
    }
  })
})
