// `npm run test:mutation`: plants faults in src, one at a time, and says what notices each (test/mutation/README.md).

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { chooseFaults, findFaults, type Fault } from './faults.ts'
import { FOLDERS } from './integration-order.ts'
import { MutationTree } from './tree.ts'

interface Verdict {
  readonly id: string
  /** Null: nothing turned red. */
  readonly noticedBy: string | null
}

const RESULTS = '.cache/mutation/verdicts.jsonl'

const { values: options } = parseArgs({
  options: {
    folder: { type: 'string', multiple: true, default: [...FOLDERS] },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '120' },
    again: { type: 'boolean', default: false },
    unit: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

const faults = chooseFaults(findFaults('.', options.folder), options.seed, Number(options.count))
if (options.list) {
  for (const fault of faults) print(describe(fault))
} else {
  await tryAll()
}

async function tryAll(): Promise<void> {
  setPriority(10)
  const known = readVerdicts()
  const isOpen = ({ id }: Fault): boolean => {
    const verdict = known.get(id)
    return verdict === undefined || (options.again && verdict.noticedBy === null)
  }
  const open = faults.filter(isOpen)
  if (open.length > 0) {
    const tree = new MutationTree()
    process.on('exit', () => tree.remove())
    process.on('SIGINT', () => process.exit(130))
    process.on('SIGTERM', () => process.exit(143))
    await tree.expectSound()
    for (const fault of open) {
      const noticedBy = (await tree.try(fault, options.unit)) ?? null
      const verdict: Verdict = { id: fault.id, noticedBy }
      known.set(fault.id, verdict)
      // A fault that only the unit tests were asked about may yet be noticed by others.
      if (noticedBy !== null || !options.unit) record(verdict)
      print(`${describe(fault)}\n    ${noticedBy ?? 'SURVIVED'}`)
    }
  }
  const survivors = faults.filter(({ id }) => known.get(id)?.noticedBy === null)
  print(`\n${faults.length} faults, ${faults.length - survivors.length} noticed`)
  for (const fault of survivors) print(`survived: ${describe(fault)}`)
}

function describe({ id, file, line, kind, original, replacement }: Fault): string {
  return `${file}:${line} [${id}] ${kind}: ${oneLine(original)} → ${oneLine(replacement)}`
}

function oneLine(code: string): string {
  const line = code.replaceAll(/\s+/g, ' ')
  return line.length > 80 ? `${line.slice(0, 79)}…` : line
}

function readVerdicts(): Map<string, Verdict> {
  if (!existsSync(RESULTS)) return new Map()
  const lines = readFileSync(RESULTS, 'utf8').split('\n')
  const verdicts = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Verdict)
  return new Map(verdicts.map((verdict) => [verdict.id, verdict]))
}

function record(verdict: Verdict): void {
  mkdirSync('.cache/mutation', { recursive: true })
  appendFileSync(RESULTS, `${JSON.stringify(verdict)}\n`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
