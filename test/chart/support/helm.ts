// Runs the real helm, in folders of its own.

import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { findHelm } from './find-helm.ts'

export const ROOT: string = join(import.meta.dirname, '../../..')
export const CHART: string = join(ROOT, 'chart')

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let home: string | undefined

/** Ends in an outcome whatever the exit code. `kubeconfig` names a cluster; without it there is none. */
export async function helm(
  words: readonly string[],
  { kubeconfig, program }: { kubeconfig?: string; program?: string } = {},
): Promise<Outcome> {
  home ??= newHome()
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    // Never the cluster of whoever runs the tests.
    KUBECONFIG: kubeconfig ?? join(home, 'no-cluster'),
  }
  const path = program ?? (await findHelm())
  return new Promise((resolve) => {
    execFile(path, words, { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

function newHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-helm-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface TemplateOptions {
  readonly chart?: string
  readonly release?: string
  readonly namespace?: string
  /** Paths, the later ones win. */
  readonly values?: readonly string[]
  /** Merged over the files. */
  readonly set?: object
  /** Path of another helm. */
  readonly program?: string
}

/** `helm template`, with the release `desk` in the namespace `home` unless told otherwise. */
export async function template(options: TemplateOptions = {}): Promise<Outcome> {
  const { chart = CHART, release = 'desk', namespace = 'home', values = [], set, program } = options
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-values-'))
  try {
    // A file and not --set: text that looks like a number stays text, and maps are merged.
    const own = join(folder, 'values.json')
    writeFileSync(own, JSON.stringify(set ?? {}))
    const files = [...values, own].flatMap((file) => ['--values', file])
    const words = ['template', release, chart, '--namespace', namespace, ...files]
    return await helm(words, program === undefined ? {} : { program })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The baseline: the least that the chart can be installed with. */
export const MINIMAL: string = join(CHART, 'ci/minimal-values.yaml')

export interface ValuesFile {
  /** `chart/ci/minimal-values.yaml` */
  readonly name: string
  readonly path: string
}

/** Every values file the project ships: those of chart/ci, one for each feature, and the examples. */
export function valuesFiles(): ValuesFile[] {
  const names = globSync(['chart/ci/*-values.yaml', 'examples/*.yaml'], { cwd: ROOT }).sort()
  return names.map((name) => ({ name, path: join(ROOT, name) })).filter(isValuesFile)
}

/** The examples also hold settings of the gateway, a Compose file and manifests. */
function isValuesFile({ path }: ValuesFile): boolean {
  if (['compose.yaml', 'gateway.yaml'].includes(basename(path))) return false
  const content = parse(readFileSync(path, 'utf8')) as Record<string, unknown> | null
  return content?.['apiVersion'] === undefined
}
