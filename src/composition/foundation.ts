// First stage: settings, clock, log, metrics, audit, and who may hold a connection. Everything else builds on these.

import type { IncomingMessage } from 'node:http'
import type { Settings, SettingsHolder } from '../config/config.ts'
import { createAddressMatcher } from '../net/address.ts'
import { Connections, REFUSED_REASONS } from '../net/connections.ts'
import { createClientOf, type Client } from '../net/forwarded.ts'
import { chooseMaxConnections } from '../net/max-connections.ts'
import { createAudit, type Audit } from '../observability/audit.ts'
import { createLog, type Log } from '../observability/log.ts'
import { beginAtZero, createMetrics, type Metrics } from '../observability/metrics.ts'
import { createReportRefusedConnection } from '../observability/refused-connections.ts'

export interface FoundationOptions {
  readonly version: string
  /** Where log and audit lines go. */
  readonly output: NodeJS.WritableStream
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** What Node was started with: it may bound the heap. */
  readonly nodeOptions: string
}

export interface Foundation {
  readonly settings: SettingsHolder
  readonly now: () => number
  readonly log: Log
  readonly metrics: Metrics
  readonly audit: Audit
  readonly clientOf: (request: IncomingMessage) => Client
  readonly connections: Connections
  readonly maxConnections: number
}

export function layFoundation(settings: Settings, options: FoundationOptions): Foundation {
  const { version, output, now, nodeOptions } = options
  const log = createLog(settings.logLevel, output)
  const metrics = createMetrics(version)
  beginAtZero(
    metrics.connectionsRefused,
    REFUSED_REASONS.map((reason) => ({ reason })),
  )
  const audit = createAudit(output, settings.audit.file, now, (error) =>
    log.error({ err: error }, 'the audit file cannot be written'),
  )
  const max = chooseMaxConnections(settings, nodeOptions, (message) => log.warn(message))
  const connections = new Connections({
    max,
    isTrustedProxy: createAddressMatcher(settings.trustedProxies),
    now,
    onRefused: createReportRefusedConnection({ metrics, log, now, max }),
  })
  return {
    settings: { current: settings },
    now,
    log,
    metrics,
    audit,
    clientOf: createClientOf(settings.trustedProxies),
    connections,
    maxConnections: max,
  }
}
