// A copy of the tree in which a fault is planted, and what turns red in it.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Fault } from './faults.ts'
import { INTEGRATION_FILES } from './integration-order.ts'

/** A fault that makes a loop endless is noticed by this. */
const UNIT_MS = 180_000
const INTEGRATION_MS = 300_000

/** What turned red: a test by its file and name, or the tool. */
export type NoticedBy = string | undefined

export class MutationTree {
  readonly #root = mkdtempSync(join(tmpdir(), 'ghostwire-mutation-'))
  #running: ChildProcess | undefined
  /** Integration files that are green without a fault. */
  readonly #sound = new Set<string>()

  constructor() {
    const tracked = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
    for (const file of execFileSync('git', tracked, { encoding: 'utf8' }).split('\0')) {
      if (file === '') continue
      mkdirSync(dirname(join(this.#root, file)), { recursive: true })
      cpSync(file, join(this.#root, file))
    }
    symlinkSync(resolve('node_modules'), join(this.#root, 'node_modules'))
  }

  /** Rejects when something is red without any fault. */
  async expectSound(): Promise<void> {
    const red = (await this.#vitest('unit', ['run'], UNIT_MS)) ?? (await this.#types())
    if (red !== undefined) throw new Error(`red without any fault: ${red}`)
  }

  /** Plants the fault, runs what is near it until something turns red, and takes it out again. */
  async try(fault: Fault, isUnitOnly: boolean): Promise<NoticedBy> {
    const file = join(this.#root, fault.file)
    const sound = readFileSync(file, 'utf8')
    const planted = sound.slice(0, fault.start) + fault.replacement + sound.slice(fault.end)
    const plant = (): void => writeFileSync(file, planted)
    const takeOut = (): void => writeFileSync(file, sound)
    try {
      plant()
      const nearby = await this.#vitest('unit', ['related', '--run', fault.file], UNIT_MS)
      const noticed = nearby ?? (await this.#types()) ?? (await this.#lint(fault))
      if (noticed !== undefined || isUnitOnly) return noticed
      const folder = fault.file.split('/')[1] ?? ''
      for (const name of INTEGRATION_FILES[folder] ?? []) {
        const test = `test/integration/${name}.test.ts`
        const run = (): Promise<NoticedBy> =>
          this.#vitest('integration', ['run', test], INTEGRATION_MS)
        if (!this.#sound.has(test)) {
          takeOut()
          const red = (await run()) === undefined ? undefined : await run()
          if (red !== undefined) throw new Error(`red without any fault: ${red}`)
          this.#sound.add(test)
          plant()
        }
        // Twice, and not without the fault: on a busy machine a test fails by time now and then.
        const red = (await run()) === undefined ? undefined : await run()
        if (red === undefined) continue
        takeOut()
        if ((await run()) === undefined) return red
        plant()
      }
      return undefined
    } finally {
      takeOut()
    }
  }

  /** Ends what runs in it, too. */
  remove(): void {
    if (this.#running?.exitCode === null) killGroup(this.#running)
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 })
  }

  async #types(): Promise<NoticedBy> {
    const { code } = await this.#node('tsc', ['-p', 'tsconfig.json'], UNIT_MS)
    return code === 0 ? undefined : 'the compiler'
  }

  /** The linter's own task among the faults is a promise that nobody waits for. */
  async #lint({ file, kind }: Fault): Promise<NoticedBy> {
    if (kind !== 'removed await') return undefined
    const { code } = await this.#node('oxlint', ['--type-aware', '--deny-warnings', file], UNIT_MS)
    return code === 0 ? undefined : 'the linter'
  }

  async #vitest(project: string, command: readonly string[], ms: number): Promise<NoticedBy> {
    const output = join(this.#root, 'result.json')
    rmSync(output, { force: true })
    const options = [
      '--project',
      project,
      '--bail',
      '1',
      '--reporter',
      'json',
      '--outputFile',
      output,
    ]
    const { code, isLate } = await this.#node('vitest', [...command, ...options], ms)
    if (isLate) return `${command.join(' ')}: no end`
    return code === 0 ? undefined : firstRed(output, this.#root)
  }

  #node(
    tool: string,
    args: readonly string[],
    ms: number,
  ): Promise<{ code: number; isLate: boolean }> {
    const bin = join(this.#root, 'node_modules', '.bin', tool)
    const env = { ...process.env, NO_COLOR: '1' }
    const child = spawn(bin, args, { cwd: this.#root, env, stdio: 'ignore', detached: true })
    this.#running = child
    return new Promise((settle, reject) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        killGroup(child)
      }, ms)
      child.on('error', reject)
      child.on('exit', (code) => {
        clearTimeout(timer)
        settle({ code: code ?? 1, isLate })
      })
    })
  }
}

/** A worker in an endless loop hears nothing else. */
function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

function firstRed(output: string, root: string): string {
  let report: Report
  try {
    report = JSON.parse(readFileSync(output, 'utf8')) as Report
  } catch {
    return 'the test run broke off'
  }
  for (const { name, assertionResults } of report.testResults) {
    const red = assertionResults.find(({ status }) => status === 'failed')
    if (red !== undefined) return `${name.replace(`${root}/`, '')}: ${red.fullName.trim()}`
  }
  return 'a test file that cannot be loaded'
}
