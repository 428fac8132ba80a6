// A gateway as operators run it: a process of its own, told by the lines it prints.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'
import type { Environment, Line } from './gateway.ts'

export interface GatewayProcess {
  readonly publicPort: number
  readonly admin: string
  /** The audit events of that name that it printed so far. */
  audit(event: string): readonly Line[]
  /** As Kubernetes does; resolves when it is gone. */
  stop(): Promise<void>
}

/** Resolves when it is ready to sign people in. */
export async function startGatewayProcess(environment: Environment): Promise<GatewayProcess> {
  const child = spawn(process.execPath, ['src/main.ts'], {
    // Nothing of the machine's own: an unknown GATEWAY_… would be a problem to report.
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const killChild = (): void => void child.kill('SIGKILL')
  process.once('exit', killChild)
  const exited = once(child, 'exit').then(() => void process.off('exit', killChild))
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const lines = (): Line[] =>
    printed
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)

  const ports = await eventually(() => {
    const line = lines().find(({ msg }) => msg === 'listening')
    expect(line, printed).toBeDefined()
    return line as { readonly port: number; readonly adminPort: number }
  })
  const admin = `http://127.0.0.1:${ports.adminPort}`
  await eventually(async () => expect((await fetch(`${admin}/readyz`)).status).toBe(200))
  return {
    publicPort: ports.port,
    admin,
    audit: (event) => lines().filter((line) => line['event'] === event),
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
