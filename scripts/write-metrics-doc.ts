// Writes the table of metrics in docs/metrics.md from the metrics themselves: `npm run docs`. A unit test fails when it is out of
// date.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMetrics } from '../src/observability/metrics.ts'

export const METRICS_DOC: string = join(import.meta.dirname, '../docs/metrics.md')

const BEGIN = '<!-- metrics:begin -->'
const END = '<!-- metrics:end -->'

/** A metric of the gateway's own, as the library keeps it. */
interface Described {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** The page with the table between its two marks anew. */
export async function metricsDoc(): Promise<string> {
  const page = readFileSync(METRICS_DOC, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin === -1 || end < begin) throw new Error(`docs/metrics.md lacks ${BEGIN} or ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n${await table()}\n${page.slice(end)}`
}

async function table(): Promise<string> {
  const metrics = createMetrics('')
  // Nothing is read from these here.
  metrics.observe({
    openConnections: () => 0,
    maxConnections: () => 0,
    tunnelsByRole: () => new Map(),
    tunnelBytes: () => ({ toBrowser: 0, toDesktop: 0 }),
    activeSessions: async () => 0,
    leastIdleMs: () => undefined,
    desktopUp: async () => true,
    storeUp: async () => true,
    providersUp: () => new Map(),
    stalledTunnels: () => 0,
    certificateEnds: async () => new Map(),
  })
  const { registry } = metrics
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, type]))
  const own = (registry.getMetricsAsArray() as unknown as Described[])
    .filter(({ name }) => name.startsWith('ghostwire_'))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
  const rows = own.map(({ name, help, labelNames }) => [
    `\`${name}\``,
    String(types.get(name)),
    labelNames.map((label) => `\`${label}\``).join(', '),
    help.replaceAll('|', '\\|'),
  ])
  const head = [['name', 'type', 'labels', 'meaning'], Array.from({ length: 4 }, () => '---')]
  return [...head, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

if (import.meta.main) writeFileSync(METRICS_DOC, await metricsDoc())
