// Reports connections that the public listener closed: counts each, and logs at most one line a minute, so that a flood cannot
// fill the log.

import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

const MIN_BETWEEN_LINES_MS = 60_000

export interface RefusedConnectionsParts {
  readonly metrics: Metrics
  readonly log: Log
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Maximum number of connections of the listener. */
  readonly max: number
}

export function createReportRefusedConnection({
  metrics,
  log,
  now,
  max,
}: RefusedConnectionsParts): (reason: string) => void {
  let nextLineAt = 0
  let unsaid = 0
  return function reportRefusedConnection(reason) {
    metrics.connectionsRefused.inc({ reason })
    unsaid += 1
    if (now() < nextLineAt) return
    nextLineAt = now() + MIN_BETWEEN_LINES_MS
    log.warn(
      { reason, closed: unsaid, limit: max },
      'the public listener closes connections: it holds as many as GATEWAY_LIMITS_CONNECTIONS (limits.connections) allows, or a client asked for too much at once. Find the clients with the most connections, or give the container more memory',
    )
    unsaid = 0
  }
}
