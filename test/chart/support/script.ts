// Runs one of scripts/*.sh against a cluster of the tests.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findKubectl } from './find-helm.ts'
import { ROOT, type Outcome } from './helm.ts'

export interface ScriptOptions {
  readonly kubeconfig: string
  /** What somebody types. */
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  /** A folder whose programs come first. */
  readonly path?: string
}

/** Ends in an outcome whatever the exit code. */
export async function runScript(
  name: string,
  words: readonly string[],
  { kubeconfig, stdin = '', env = {}, path }: ScriptOptions,
): Promise<Outcome> {
  const bin = join(dirname(kubeconfig), 'bin')
  const kubectl = await findKubectl()
  mkdirSync(bin, { recursive: true })
  // The one of npm has its version in its name.
  if (kubectl !== 'kubectl' && !existsSync(join(bin, 'kubectl')))
    symlinkSync(kubectl, join(bin, 'kubectl'))
  const folders = [path, bin, process.env['PATH']]
  const child = spawn('sh', [join(ROOT, 'scripts', name), ...words], {
    env: {
      ...env,
      PATH: folders.filter((folder) => folder !== undefined).join(':'),
      HOME: dirname(kubeconfig),
      KUBECONFIG: kubeconfig,
    },
  })
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (piece: string) => (said[stream] += piece))
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? 1, ...said }
}
