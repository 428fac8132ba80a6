// The gateway's metrics in the Prometheus text format. Dashboards depend on their names: docs/metrics.md.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** Values that are read at each scrape. */
export interface Gauges {
  /** On the public listener. */
  openConnections(): number
  /** How many connections the public listener holds at most. */
  maxConnections(): number
  tunnelsByRole(): ReadonlyMap<string, number>
  /** Bytes since the start, in open and closed tunnels. */
  tunnelBytes(): { toBrowser: number; toDesktop: number }
  /** Undefined when the store does not answer. */
  activeSessions(): Promise<number | undefined>
  /** Undefined when no tunnel is open on this replica. */
  leastIdleMs(): number | undefined
  desktopUp(): Promise<boolean>
  storeUp(): Promise<boolean>
  /** Name of the provider → people can sign in there. */
  providersUp(): ReadonlyMap<string, boolean>
  /** Tunnels with a side that accepts no bytes. */
  stalledTunnels(): number
  /** Whose certificate → when it ends (ms since the epoch). */
  certificateEnds(): Promise<ReadonlyMap<string, number>>
}

const PREFIX = 'ghostwire_'

/** Begins series at 0: only then Prometheus sees the first event of a kind as an increase. */
export function beginAtZero<L extends string>(
  counter: Counter<L>,
  series: readonly Readonly<Record<L, string>>[],
): void {
  for (const labels of series) counter.inc(labels, 0)
}

export interface Metrics {
  readonly registry: Registry
  readonly tunnelDuration: Histogram
  readonly tunnelsClosed: Counter<'reason'>
  readonly connectionsRefused: Counter<'reason'>
  readonly requestsFailed: Counter<'kind'>
  readonly upgradesRefused: Counter<'reason'>
  readonly rfbUnknown: Counter<'what'>
  readonly sessionsEnded: Counter<'reason'>
  readonly sessionRefreshes: Counter<'provider' | 'outcome'>
  readonly logins: Counter<'provider' | 'outcome' | 'reason'>
  readonly authorizations: Counter<'decision' | 'reason'>
  readonly cookiesRepeated: Counter<'cookie'>
  readonly oidcRequestDuration: Histogram<'provider' | 'operation' | 'outcome'>
  readonly desktopRequestDuration: Histogram
  /** Registers the metrics that are read at each scrape. */
  observe(gauges: Gauges): void
}

/** A timer measures the event loop lag. The library's default of 10 ms is the largest cost of an idle gateway. */
const LAG_SAMPLE_MS = 100

export function createMetrics(version: string): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS })
  new Gauge({
    name: `${PREFIX}build_info`,
    help: 'Always 1. The label has the version.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)

  return {
    registry,
    tunnelDuration: new Histogram({
      name: `${PREFIX}tunnel_duration_seconds`,
      help: 'How long tunnels were open. Observed when they close.',
      buckets: [1, 10, 60, 300, 900, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400],
      registers,
    }),
    tunnelsClosed: new Counter({
      name: `${PREFIX}tunnels_closed_total`,
      help: 'Closed tunnels, by the words of the table of reasons.',
      labelNames: ['reason'],
      registers,
    }),
    connectionsRefused: new Counter({
      name: `${PREFIX}connections_refused_total`,
      help: 'Closed connections of the public listener. `limit`: a new one, because the listener was full. `made-way`: an older one without a session, in favour of a new one. `pipelining`: more than 16 requests at the same time. Outside of an attack, any of these means that `limits.connections` is too low.',
      labelNames: ['reason'],
      registers,
    }),
    requestsFailed: new Counter({
      name: `${PREFIX}requests_failed_total`,
      help: 'Pages and files that could not be given, by the words of the troubleshooting page.',
      labelNames: ['kind'],
      registers,
    }),
    upgradesRefused: new Counter({
      name: `${PREFIX}upgrades_refused_total`,
      help: 'Refused WebSocket upgrades: `origin`, `unauthenticated`, `forbidden`, `tunnel-limit`, `desktop-…`, ….',
      labelNames: ['reason'],
      registers,
    }),
    rfbUnknown: new Counter({
      name: `${PREFIX}rfb_unknown_total`,
      help: 'Tunnels with data from the browser that the gateway cannot parse: `version`, `security-type`, `message-type`, `length`. Such a tunnel continues if no rule restricts it; otherwise it ends (`protocol-error`). An unknown `version` always ends a tunnel to KasmVNC.',
      labelNames: ['what'],
      registers,
    }),
    sessionsEnded: new Counter({
      name: `${PREFIX}sessions_ended_total`,
      help: 'Ended sessions, by the words of the table of reasons. Counted on the replica that ended them.',
      labelNames: ['reason'],
      registers,
    }),
    sessionRefreshes: new Counter({
      name: `${PREFIX}session_refreshes_total`,
      help: 'Re-checks of sessions at the provider: `refreshed`, `refused`, `unavailable`.',
      labelNames: ['provider', 'outcome'],
      registers,
    }),
    logins: new Counter({
      name: `${PREFIX}logins_total`,
      help: 'Completed sign-ins: `ok` with the rule as reason, `refused` by the rules, `failed`.',
      labelNames: ['provider', 'outcome', 'reason'],
      registers,
    }),
    authorizations: new Counter({
      name: `${PREFIX}authorizations_total`,
      help: 'Every decision of the gate on a request or an upgrade.',
      labelNames: ['decision', 'reason'],
      registers,
    }),
    cookiesRepeated: new Counter({
      name: `${PREFIX}cookies_repeated_total`,
      help: "How often a request had one of the gateway's cookies (`session`, `login`, `logout`, `provider`) more than once. Such a cookie is ignored: the request has no session, no login state or no sign-out.",
      labelNames: ['cookie'],
      registers,
    }),
    oidcRequestDuration: new Histogram({
      name: `${PREFIX}oidc_request_duration_seconds`,
      help: 'Duration of requests to the provider. Outcomes: `ok`, `refused`, `unreachable`.',
      labelNames: ['provider', 'operation', 'outcome'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    desktopRequestDuration: new Histogram({
      name: `${PREFIX}desktop_request_duration_seconds`,
      help: 'Duration of requests to the desktop, until its answer begins.',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    }),
    observe: (gauges) => observe(registry, gauges),
  }
}

function observe(registry: Registry, gauges: Gauges): void {
  const registers = [registry]
  new Gauge({
    name: `${PREFIX}connections_open`,
    help: 'Connections of the public listener: tunnels, idle ones, and unfinished TLS handshakes and headers.',
    registers,
    collect() {
      this.set(gauges.openConnections())
    },
  })
  new Gauge({
    name: `${PREFIX}connections_limit`,
    help: 'How many connections the public listener holds at most: `limits.connections`, or what the memory allows.',
    registers,
    collect() {
      this.set(gauges.maxConnections())
    },
  })
  new Gauge({
    name: `${PREFIX}tunnels_open`,
    help: 'Open tunnels on this replica.',
    labelNames: ['role'],
    registers,
    collect() {
      this.reset()
      for (const [role, count] of gauges.tunnelsByRole()) this.set({ role }, count)
    },
  })
  new Counter({
    name: `${PREFIX}tunnel_bytes_total`,
    help: 'Relayed bytes: `to_browser`, `to_desktop`.',
    labelNames: ['direction'],
    registers,
    collect() {
      const { toBrowser, toDesktop } = gauges.tunnelBytes()
      this.reset()
      this.inc({ direction: 'to_browser' }, toBrowser)
      this.inc({ direction: 'to_desktop' }, toDesktop)
    },
  })
  new Gauge({
    name: `${PREFIX}store_up`,
    help: '1 while the session store answers and takes writes, else 0.',
    registers,
    async collect() {
      this.set((await gauges.storeUp()) ? 1 : 0)
    },
  })
  new Gauge({
    name: `${PREFIX}sessions_active`,
    help: 'Sessions in the store. All replicas report the same store: take the maximum, not the sum.',
    registers,
    async collect() {
      const active = await gauges.activeSessions()
      if (active !== undefined) this.set(active)
    },
  })
  new Gauge({
    name: `${PREFIX}input_idle_seconds`,
    help: 'Time since the last human input in any tunnel of this replica. Absent without tunnels.',
    registers,
    collect() {
      this.reset()
      const ms = gauges.leastIdleMs()
      if (ms === undefined) this.remove()
      else this.set(ms / 1_000)
    },
  })
  new Gauge({
    name: `${PREFIX}desktop_up`,
    help: "1 while a person would get through to the desktop: it accepts connections, has the right certificate and has not refused the gateway's credentials, else 0.",
    registers,
    async collect() {
      this.set((await gauges.desktopUp()) ? 1 : 0)
    },
  })
  new Gauge({
    name: `${PREFIX}provider_up`,
    help: '1 while people can sign in, as far as the last answers of the provider tell: it has been discovered, answers, and accepts this client. Asked at least once a minute.',
    labelNames: ['provider'],
    registers,
    collect() {
      for (const [provider, isUp] of gauges.providersUp()) this.set({ provider }, isUp ? 1 : 0)
    },
  })
  new Gauge({
    name: `${PREFIX}tunnels_stalled`,
    help: 'Open tunnels with a side that has accepted no byte for 5 s although there are some.',
    registers,
    collect() {
      this.set(gauges.stalledTunnels())
    },
  })
  new Gauge({
    name: `${PREFIX}certificate_expiry_timestamp_seconds`,
    help: 'When a certificate ends, in seconds since the epoch: `listener` (with `tls`), `desktop` (as last seen over https).',
    labelNames: ['name'],
    registers,
    async collect() {
      const ends = await gauges.certificateEnds()
      this.reset()
      for (const [name, ms] of ends) this.set({ name }, ms / 1_000)
    },
  })
}
