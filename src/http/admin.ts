// The admin listener: health, readiness, metrics. An outage of a part never makes a replica unready: Kubernetes would
// empty the Service, and take the waiting page with it.

import { Hono } from 'hono'
import type { Metrics } from '../observability/metrics.ts'

export interface AdminParts {
  readonly metrics: Metrics
  /** Start-up is complete and the gateway is not draining. */
  readonly isReady: () => boolean
  readonly sessions: Hono
  readonly parts: () => Promise<Readonly<Record<'provider' | 'store' | 'desktop', boolean>>>
}

export function createAdminApp({ metrics, isReady, sessions, parts }: AdminParts): Hono {
  const app = new Hono()
  app.get('/healthz', (context) => context.json({ status: 'ok' }))
  app.get('/readyz', async (context) => {
    const up = Object.entries(await parts()).map(([name, isUp]) => [name, isUp ? 'up' : 'down'])
    const ready = isReady()
    return context.json({ ready, parts: Object.fromEntries(up) as unknown }, ready ? 200 : 503)
  })
  app.get('/metrics', async (context) => {
    context.header('content-type', metrics.registry.contentType)
    return context.body(await metrics.registry.metrics())
  })
  app.route('/', sessions)
  return app
}
