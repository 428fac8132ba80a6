// A gateway as operators run it: a separate process, observed by the lines it prints.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'
import type { Environment, Line } from './gateway.ts'

export interface SpawnedGateway {
  readonly stdout: () => string
  readonly stderr: () => string
  /** What it printed, as log lines; fails on anything else. */
  readonly lines: () => readonly Line[]
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Resolves when it is ready to sign people in. */
  readonly ready: () => Promise<{ readonly publicPort: number; readonly admin: string }>
  readonly kill: (signal: NodeJS.Signals) => void
}

/** The start may fail. The process ends with this one at the latest. */
export function spawnGateway(environment: Environment, ...args: string[]): SpawnedGateway {
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    // The machine's own variables are left out, because an unknown GATEWAY_… would be reported as a problem.
    env: { PATH: process.env['PATH'], ...environment },
  })
  const killChild = (): void => void child.kill('SIGKILL')
  process.once('exit', killChild)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const lines = (): Line[] =>
    stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    lines,
    exited: once(child, 'close').then(([code, signal]) => {
      process.off('exit', killChild)
      return { code: code as number | null, signal: signal as string | null }
    }),
    kill: (signal) => child.kill(signal),
    async ready() {
      const { port, adminPort } = await eventually(() => {
        const line = lines().find(({ msg }) => msg === 'listening')
        expect(line, stdout + stderr).toBeDefined()
        return line as { readonly port: number; readonly adminPort: number }
      })
      const admin = `http://127.0.0.1:${adminPort}`
      await eventually(async () => expect((await fetch(`${admin}/readyz`)).status).toBe(200))
      return { publicPort: port, admin }
    },
  }
}

export interface GatewayProcess {
  readonly publicPort: number
  readonly admin: string
  /** The audit events of that name that it printed so far. */
  audit(event: string): readonly Line[]
  /** Stops it as Kubernetes does; resolves when it has ended. */
  stop(): Promise<void>
  /** Kills it without warning, as a power cut would. */
  kill(): Promise<void>
}

/** Resolves when it is ready to sign people in. */
export async function startGatewayProcess(environment: Environment): Promise<GatewayProcess> {
  const gateway = spawnGateway(environment)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    gateway.kill(signal)
    await gateway.exited
    expect(gateway.stderr()).toBe('')
  }
  return {
    ...(await gateway.ready()),
    audit: (event) => gateway.lines().filter((line) => line['event'] === event),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}
