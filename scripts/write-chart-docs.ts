// `npm run docs`: writes the generated parts of the chart's documents. The parameters in chart/README.md come from the
// comments in values.yaml, and the table of connections in docs/security-hardening.md from what helm renders. A test fails
// if the files on disk differ.

import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { template, valuesFiles, CHART, MINIMAL, ROOT } from '../test/chart/support/helm.ts'
import { isMap, parseObjects } from '../test/chart/support/objects.ts'
import { reachabilityTable, type Table } from '../test/chart/support/reachability.ts'

const run = promisify(execFile)

export const CHART_README: string = join(CHART, 'README.md')
export const SECURITY_DOC: string = join(ROOT, 'docs/security-hardening.md')

const BEGIN = '<!-- reachability:begin -->'
const END = '<!-- reachability:end -->'

/**
 * The README with a new section "Parameters".
 * @throws when a key of values.yaml has no `## @param`, or the other way round.
 */
export async function chartReadme(values: string = join(CHART, 'values.yaml')): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-readme-'))
  try {
    const readme = join(folder, 'README.md')
    copyFileSync(CHART_README, readme)
    const generator = join(ROOT, 'node_modules/@bitnami/readme-generator-for-helm/bin/index.js')
    await run(process.execPath, [generator, '--values', values, '--readme', readme]).catch(
      ({ stdout }: { stdout: string }) => {
        throw new Error(`chart/values.yaml:\n${stdout}`)
      },
    )
    return withDefaultsOf(parse(readFileSync(values, 'utf8')), readFileSync(readme, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The generator shows values that are documented as a whole as if they were empty. */
function withDefaultsOf(values: unknown, readme: string): string {
  return readme.replaceAll(
    /^(\| `([\w.]+)` .*\| )`(?:\{\}|\[\])`( *\|)$/gm,
    (row: string, start: string, path: string, end: string) => {
      const value = path
        .split('.')
        .reduce<unknown>((at, key) => (isMap(at) ? at[key] : undefined), values)
      const isEmpty = isMap(value) || Array.isArray(value) ? Object.keys(value).length === 0 : true
      return isEmpty ? row : `${start}\`${JSON.stringify(value)}\`${end}`
    },
  )
}

/** The page with a new table between its two marks. */
export async function securityDoc(): Promise<string> {
  const page = readFileSync(SECURITY_DOC, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin === -1 || end < begin)
    throw new Error(`docs/security-hardening.md has no ${BEGIN} … ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n${await reachability()}${page.slice(end)}`
}

async function reachability(): Promise<string> {
  const baseline = await tableOf(MINIMAL)
  const others = await Promise.all(
    valuesFiles().map(async ({ name, path }) => [name, await tableOf(path)] as const),
  )
  const changes = others.flatMap(([name, table]) => {
    const words = differences(baseline, table)
    return words.length === 0 ? [] : [`| \`${name}\` | ${words.join('; ')} |`]
  })
  return [
    '',
    '<!-- Written by `npm run docs` from what helm renders and how NetworkPolicies are to be read. -->',
    '',
    'From the column to the row, with `chart/ci/minimal-values.yaml`; · is refused.',
    '',
    markdown(baseline),
    '',
    'What the other values files change:',
    '',
    '| values | opens or closes |',
    '|---|---|',
    ...changes,
    '',
  ].join('\n')
}

async function tableOf(values: string): Promise<Table> {
  const { code, stdout, stderr } = await template({ values: [values] })
  if (code !== 0) throw new Error(stderr)
  return reachabilityTable(parseObjects(stdout))
}

function markdown(table: Table): string {
  const sources = Object.keys(table)
  // The last of the release's own pods has every destination but itself, the others put that one in its place.
  const destinations = [
    ...new Set(sources.toReversed().flatMap((from) => Object.keys(table[from] ?? {}))),
  ]
  const rows = destinations.map((to) => {
    const cells = sources.map(
      (from) => ({ true: 'yes', false: '·', undefined: '' })[`${table[from]?.[to]}`],
    )
    return `| ${[to, ...cells].join(' | ')} |`
  })
  return [
    `| to \\ from | ${sources.join(' | ')} |`,
    `|${'---|'.repeat(sources.length + 1)}`,
    ...rows,
  ].join('\n')
}

/** Rows that only one table has say by themselves what they may. */
function differences(baseline: Table, table: Table): string[] {
  return Object.entries(table).flatMap(([from, cells]) => {
    const before = baseline[from]
    const names = (wanted: boolean): string[] =>
      Object.entries(cells).flatMap(([to, isOpen]) =>
        isOpen === wanted && (before === undefined ? wanted : before[to] !== isOpen) ? [to] : [],
      )
    const [opened, closed] = [names(true), names(false)]
    if (before === undefined) return [`${from} reaches ${opened.join(', ') || 'nothing'}`]
    return [
      ...(opened.length > 0 ? [`${from} also reaches ${opened.join(', ')}`] : []),
      ...(closed.length > 0 ? [`${from} no longer reaches ${closed.join(', ')}`] : []),
    ]
  })
}

if (import.meta.main) {
  writeFileSync(CHART_README, await chartReadme())
  writeFileSync(SECURITY_DOC, await securityDoc())
}
