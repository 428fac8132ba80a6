// docs/architecture.md is the map: every file it names exists, and every file of src/ is on it.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const text = readFileSync('docs/architecture.md', 'utf8')
const tree = text.slice(text.indexOf('## The tree'), text.indexOf('## Journeys'))
// A room's row: | `config/` | `config.ts` … · `load.ts` … |
const named = [...tree.matchAll(/^\| `([^`]*)` \| (.*) \|$/gm)].flatMap(([, room = '', row = '']) =>
  [...row.matchAll(/`([\w-]+\.ts)`/g)].map(
    ([, file = '']) => `src/${room === 'src/' ? '' : room}${file}`,
  ),
)

it('names files that exist', () => {
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter((file) => !existsSync(file))).toEqual([])
})

it('leaves no file of src/ out', () => {
  expect(globSync('src/**/*.ts').filter((file) => !named.includes(file))).toEqual([])
})

it('names only tests that exist', () => {
  const tests = [...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, file = '']) => file)
  expect(tests.length).toBeGreaterThan(10)
  expect(tests.filter((file) => !existsSync(file))).toEqual([])
})
