// The house has a direction: imports run from the process down to the leaves (docs/architecture.md). Types count too.

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'

const LEAVES = ['config', 'lib']
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['gateway', 'check', 'import', 'observability', ...LEAVES],
  check: ['proxy', 'oidc', 'session', 'desktop', 'observability', ...LEAVES],
  import: LEAVES,
  gateway: ['composition', 'server', ...LEAVES],
  composition: [
    'server',
    'http',
    'proxy',
    'gate',
    'oidc',
    'policy',
    'session',
    'desktop',
    'net',
    'observability',
    ...LEAVES,
  ],
  server: ['http', 'proxy', 'net', 'observability', ...LEAVES],
  http: [
    'gate',
    'oidc',
    'policy',
    'session',
    'pages',
    'panel',
    'messages',
    'net',
    'observability',
    ...LEAVES,
  ],
  proxy: [
    'gate',
    'oidc',
    'policy',
    'session',
    'desktop',
    'pages',
    'panel',
    'messages',
    'net',
    'observability',
    ...LEAVES,
  ],
  gate: ['oidc', 'policy', 'session', 'desktop', 'net', 'observability', ...LEAVES],
  oidc: ['policy', 'session', 'net', 'observability', ...LEAVES],
  policy: ['session', ...LEAVES],
  desktop: ['net', 'observability', ...LEAVES],
  pages: ['messages', 'session', ...LEAVES],
  panel: ['messages', 'session', ...LEAVES],
  messages: ['session', ...LEAVES],
  observability: ['session', ...LEAVES],
  session: ['net', ...LEAVES],
  net: LEAVES,
  // Processes of their own.
  jobs: [],
  config: ['lib'],
  lib: [],
}

const files = globSync('src/**/*.ts')
const roomOf = (file: string): string => file.split('/')[1]?.replace(/\.ts$/, '') ?? ''

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)]
  return imports.map(([, path = '']) => normalize(join(dirname(file), path)))
}

it('finds the source files', () => {
  expect(files.length).toBeGreaterThan(40)
  expect(files.flatMap(importsOf).length).toBeGreaterThan(100)
})

it('has a rule for every folder', () => {
  expect([...new Set(files.map(roomOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
})

it('allows imports in one direction only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((imported) => {
        const [from, to] = [roomOf(file), roomOf(imported)]
        return from !== to && !(MAY_IMPORT[from] ?? []).includes(to)
      })
      .map((imported) => `${file} → ${imported}`),
  )
  expect(wrong).toEqual([])
})

it('allows only the process to read the environment', () => {
  const readers = files.filter((file) => readFileSync(file, 'utf8').includes('process.env'))
  expect(readers.sort()).toEqual(['src/jobs/snapshot.ts', 'src/main.ts'])
})

it('has no circular import, types included', () => {
  const graph = new Map(files.map((file) => [file, importsOf(file)]))
  const finished = new Set<string>()
  const cycles: string[] = []
  function visit(file: string, path: readonly string[]): void {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (finished.has(file) || path.includes(file)) return
    for (const imported of graph.get(file) ?? []) visit(imported, [...path, file])
    finished.add(file)
  }
  for (const file of files) visit(file, [])
  expect(cycles).toEqual([])
})
