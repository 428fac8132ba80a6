// docs/threat-model.md promises a test for each defence: every file that it names must exist.

import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const page = readFileSync('docs/threat-model.md', 'utf8')

it('docs/threat-model.md names tests that exist, and one for every attack', () => {
  const named = [...page.matchAll(/`(test\/[^`]+)`/g)].map(([, file = '']) => file)
  expect(named.length).toBeGreaterThan(30)
  expect(named.filter((file) => !existsSync(file))).toEqual([])
  const attacks = [...page.matchAll(/^\| (?!attack|asset|---)(.*) \|$/gm)].map(
    ([, row = '']) => row,
  )
  const threats = attacks.filter((row) => row.split(' | ').length === 3)
  expect(threats.filter((row) => !row.includes('`test/'))).toEqual([])
})
