// `npm run demo` as a person starts it: a separate process, observed by its output.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from './gateway.ts'

export interface DemoProcess {
  readonly url: string
  readonly pid: number
  /** Everything it printed so far. */
  readonly output: () => string
  /** Stops it as Ctrl-C does; resolves with the exit code. */
  interrupt(): Promise<number | null>
}

export async function startDemoProcess(
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<DemoProcess> {
  const port = await freePort()
  const child = spawn(process.execPath, ['demo/main.ts', '--port', String(port), ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  }
  const url = `http://localhost:${port}`
  const exited = once(child, 'exit') as Promise<[number | null]>
  while (!printed.includes(`Ghostwire demo ready: ${url}\n`)) {
    if (child.exitCode !== null) throw new Error(`the demo did not start:\n${printed}`)
    await Promise.race([once(child.stdout, 'data'), exited])
  }
  return {
    url,
    pid: child.pid as number,
    output: () => printed,
    async interrupt() {
      child.kill('SIGINT')
      const [code] = await exited
      return code
    },
  }
}
