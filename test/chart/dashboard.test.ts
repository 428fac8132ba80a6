// Every query of the dashboard and of the alerts gives series: a real Prometheus scrapes a gateway that people use.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { startKasmVncStandIn, type StandIn } from '../support/kasmvnc-stand-in.ts'
import { Person } from '../support/person.ts'
import { startPrometheus, type Prometheus } from '../support/prometheus.ts'
import { signIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { until } from '../support/until.ts'
import { alertRules } from './support/alert-rules.ts'
import { CHART } from './support/helm.ts'
import { renderedObjects } from './support/renders.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly {
    readonly expr: string
    readonly datasource: { readonly uid: string }
  }[]
}
interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string }[]
  }
}

const file = readFileSync(join(CHART, 'dashboards/overview.json'), 'utf8')
const dashboard = JSON.parse(file) as Dashboard
const charts = dashboard.panels.filter(({ type }) => type !== 'row')

/** As Grafana replaces them. The scrape interval here is a second. */
const VARIABLES: Readonly<Record<string, string>> = {
  $job: '.+',
  $__rate_interval: '1m',
  $__range: '5m',
}
const filledIn = (expression: string): string =>
  Object.entries(VARIABLES).reduce(
    (text, [name, value]) => text.replaceAll(name, value),
    expression,
  )

let desktop: StandIn
let stack: Stack
let prometheus: Prometheus

beforeAll(async () => {
  desktop = await startKasmVncStandIn({ tls: createCertificate(), sslOnly: true, backlog: 64 })
  stack = await startStack({
    environment: {
      GATEWAY_DESKTOP_URL: desktop.url.origin,
      GATEWAY_DESKTOP_TLS_INSECURE: 'true',
    },
  })
  // The labels that the Prometheus Operator gives it.
  prometheus = await startPrometheus({
    job: 'desk-ghostwire-gateway-admin',
    address: `127.0.0.1:${stack.gateway.adminPort}`,
    labels: { namespace: 'home' },
  })
  // What happened before the first look is no increase.
  await until(async () => (await prometheus.query('ghostwire_build_info')).length === 1)
  await use(stack)
})
afterAll(async () => {
  await prometheus?.stop()
  await stack?.stop()
  await desktop?.stop()
})

/** A sign-in of each outcome, streams that stay, end and are refused, and a page that could not be given. */
async function use({ gateway }: Stack): Promise<void> {
  const { origin } = gateway
  const alice = await signIn(gateway)
  await alice.ask('GET /vnc.html')
  await alice.open()
  const closed = await alice.open()
  closed.socket.destroy()
  await alice.open({ origin: 'https://elsewhere.example' })
  await alice.ask('GET /api/get_users')
  await (await signIn(gateway)).signOut()
  const mallory = new Person()
  const { location } = await mallory.reachCallback(`${origin}/oauth2/start`, 'mallory')
  await mallory.visit(location as URL)
  await new Person().request(`${origin}/vnc.html`)
}

const series = (expression: string) =>
  expect.poll(() => prometheus.query(expression), { timeout: 15_000, interval: 250 })

describe('the dashboard', () => {
  const queries = charts.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  )

  it.each(queries)('shows something for $title: $expr', async ({ expr }) => {
    await series(filledIn(expr)).not.toEqual([])
  })

  it('leaves no variable to fill in', () => {
    expect(queries.filter(({ expr }) => filledIn(expr).includes('$'))).toEqual([])
  })

  it('lets people choose the data source and the gateway', () => {
    const kinds = dashboard.templating.list.map(({ name, type }) => [name, type])
    expect(kinds).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
    ])
    const sources = charts.flatMap(({ targets = [] }) =>
      targets.map(({ datasource }) => datasource.uid),
    )
    expect(new Set(sources)).toEqual(new Set(['${datasource}']))
    expect(queries.filter(({ expr }) => !expr.includes('job=~"$job"'))).toEqual([])
  })

  it('explains each panel, and none lies on another', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    for (const { title, description } of charts) expect(description, title).toMatch(/\.$/)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true)
  })

  it('reaches Grafana as it is', () => {
    const found = renderedObjects('chart/ci/grafana-dashboard-values.yaml').find(
      ({ metadata }) => metadata.name === 'desk-ghostwire-dashboard',
    )
    expect(found?.metadata.labels).toMatchObject({ grafana_dashboard: '1' })
    expect(found?.metadata.annotations).toEqual({ grafana_folder: 'Desktops' })
    const data = found?.['data'] as Record<string, string> | undefined
    expect(JSON.parse(data?.['ghostwire-overview.json'] ?? '{}')).toEqual(dashboard)
  })
})

describe('the alerts', () => {
  it.each(alertRules())(
    '$alert can be evaluated, and has series to decide by',
    async ({ alert, expr }) => {
      expect(await prometheus.query(expr), `${alert} fires on a gateway that works`).toEqual([])
      const selectors = expr.match(/\b(?:ghostwire_\w+|up)\{[^}]*\}/g) ?? []
      expect(selectors).not.toEqual([])
      for (const selector of selectors) await series(selector).not.toEqual([])
    },
  )
})
