// Debian's Prometheus on loopback, in a folder of its own, and promtool. The service of the package is not used.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './gateway.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'
import { until } from './until.ts'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  /** Time in seconds since the epoch, and the value as text. */
  readonly value: readonly [number, string]
}

export interface Prometheus {
  /** The instant vector of an expression. @throws what Prometheus says of an invalid one. */
  query(expression: string): Promise<readonly Sample[]>
  stop(): Promise<void>
}

export interface Target {
  readonly job: string
  /** `host:port` of an admin listener. */
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
}

/** It scrapes the target every second. */
export async function startPrometheus({ job, address, labels }: Target): Promise<Prometheus> {
  const folder = makeTemporaryFolder('ghostwire-prometheus')
  const config = join(folder.path, 'prometheus.yaml')
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [{ job_name: job, static_configs: [{ targets: [address], labels }] }],
    }),
  )
  const listen = `127.0.0.1:${await freePort()}`
  const words = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder.path, 'data')}`,
    `--web.listen-address=${listen}`,
    '--log.level=error',
  ]
  const server = spawn('prometheus', words, { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = once(server, 'exit')
  const isReady = (): Promise<boolean> =>
    fetch(`http://${listen}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await until(isReady)

  return {
    async query(expression) {
      const body = new URLSearchParams({ query: expression })
      const response = await fetch(`http://${listen}/api/v1/query`, { method: 'POST', body })
      const answer = (await response.json()) as {
        readonly error?: string
        readonly data?: { readonly result: readonly Sample[] }
      }
      if (answer.data === undefined) throw new Error(`${expression}: ${answer.error}`)
      return answer.data.result
    },
    async stop() {
      server.kill('SIGKILL')
      await ended
      folder.remove()
    },
  }
}

/** Runs promtool. Resolves with its exit code and all that it wrote. */
export function promtool(...words: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile('promtool', words, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr })
    })
  })
}
