// The process of the chart's CronJob `snapshot`. The only reader of the environment besides main.ts.

import { connectToCluster } from './cluster.ts'
import { takeSnapshot } from './take-snapshot.ts'

const env = process.env

try {
  const cluster = connectToCluster(
    env['KUBERNETES_SERVICE_HOST'] ?? '',
    env['KUBERNETES_SERVICE_PORT'] ?? '',
  )
  const { name, deleted } = await takeSnapshot(cluster, {
    claim: env['SNAPSHOT_CLAIM'] ?? '',
    prefix: env['SNAPSHOT_PREFIX'] ?? '',
    className: env['SNAPSHOT_CLASS'] ?? '',
    labels: JSON.parse(env['SNAPSHOT_LABELS'] ?? '{}') as Record<string, string>,
    retain: Number(env['SNAPSHOT_RETAIN']),
    timeoutSeconds: Number(env['SNAPSHOT_TIMEOUT_SECONDS']),
  })
  process.stdout.write(`The snapshot ${name} is ready.\n`)
  for (const each of deleted) process.stdout.write(`Deleted ${each}.\n`)
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
