// docs/architecture.md has the tree: every name in it exists, every file of src/ is in it, and each line says what it is for.

import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { expect, it } from 'vitest'

const text = readFileSync('docs/architecture.md', 'utf8')
const section = text.slice(text.indexOf('## The tree'), text.indexOf('## Journeys'))
const [, block = ''] = section.split('```\n')

/** The paths of an indented tree, folders with their slash. Two blanks are one level. */
const pathsOf = (tree: string): string[] => {
  const folders: string[] = []
  return tree
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, indent = '', name = ''] = /^((?: {2})*)(\S+)/.exec(line) ?? []
      const level = indent.length / 2
      folders.length = level
      const path = [...folders, name].join('')
      if (name.endsWith('/')) folders[level] = name
      return path
    })
}

const named = pathsOf(block)

it('reads a tree by its indentation', () => {
  expect(pathsOf('a/   first\n  b/\n    c.ts  text\n\n  d.ts\ne/')).toEqual([
    'a/',
    'a/b/',
    'a/b/c.ts',
    'a/d.ts',
    'e/',
  ])
})

it('names files and folders that exist, each once', () => {
  expect(named.filter((path) => !existsSync(path))).toEqual([])
  expect(named.filter((path) => path.endsWith('/') !== statSync(path).isDirectory())).toEqual([])
  expect(named.filter((path, index) => named.indexOf(path) !== index)).toEqual([])
})

it('names every file of src/', () => {
  const files = globSync('src/**/*.*')
  expect(files.length).toBeGreaterThan(100)
  expect(files.filter((file) => !named.includes(file))).toEqual([])
})

it('has a description for each TypeScript file', () => {
  const bare = block.split('\n').filter((line) => /^ *\S+\.ts\s*$/.test(line))
  expect(bare).toEqual([])
})

it('names only tests that exist', () => {
  const tests = [...text.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g)].map(([, file = '']) => file)
  expect(tests.length).toBeGreaterThan(10)
  expect(tests.filter((file) => !existsSync(file))).toEqual([])
})
