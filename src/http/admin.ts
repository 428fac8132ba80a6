// The admin listener: health, readiness, metrics. An outage of a part never makes a replica unready: Kubernetes would remove all
// replicas from the Service, and people would lose the waiting page.

import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { hasOneHost, isAddressOrNamed } from '../net/host.ts'
import type { Metrics } from '../observability/metrics.ts'

export interface AdminParts {
  readonly metrics: Metrics
  /** Start-up is complete and the gateway is not draining. */
  readonly isReady: () => boolean
  readonly sessions: Hono
  /** `adminHosts`. */
  readonly hosts: () => readonly string[]
  readonly parts: () => Promise<Readonly<Record<'provider' | 'store' | 'desktop', boolean>>>
}

export function createAdminApp(adminParts: AdminParts): Hono<{ Bindings: HttpBindings }> {
  const { metrics, isReady, sessions, hosts, parts } = adminParts
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(async function checkHost(context, next) {
    const { incoming } = context.env
    if (!hasOneHost(incoming)) return context.json({ error: 'bad_request' }, 400)
    if (isAddressOrNamed(incoming.headers.host, hosts())) return next()
    const hint =
      'the admin listener answers to IP addresses, localhost and the names in GATEWAY_ADMIN_HOSTS (adminHosts)'
    return context.json({ error: 'misdirected_request', hint }, 421)
  })
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
