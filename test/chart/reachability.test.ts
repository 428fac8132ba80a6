// Which connections are allowed, for every values file. The whole table is in docs/security-hardening.md.

import { describe, expect, it } from 'vitest'
import { ofKind } from './support/objects.ts'
import { openWays, reachabilityTable } from './support/reachability.ts'
import { MINIMAL, renderedObjects, renderNames, WITHOUT_GATEWAY } from './support/renders.ts'

/** The connections that the baseline allows; it allows no others. */
const BASELINE: Readonly<Record<string, readonly string[]>> = {
  gateway: [
    'desktop',
    'DNS',
    'node-local DNS',
    'internet :443',
    'internet :443 (v6)',
    // Providers of companies are often private.
    '10/8 :443',
    '172.16/12 :443',
    '192.168/16 :443',
    '100.64/10 :443',
    'fc00::/7 :443',
    '64:ff9b::/96 :443',
  ],
  desktop: ['DNS', 'node-local DNS', 'internet :443', 'internet :443 (v6)', 'internet :25'],
  'test pod test-sign-in': ['gateway', 'DNS', 'node-local DNS'],
  // A front door that asks everybody to sign in.
  Traefik: ['gateway'],
  'ingress-nginx': ['gateway'],
  'Gateway API': ['gateway'],
  Prometheus: ['gateway'],
  'neighbour in the namespace': ['gateway'],
  'impostor in another namespace': ['gateway'],
}

/** Who can reach a front door whose policy names nobody. */
const FRONTS = [
  'Traefik',
  'ingress-nginx',
  'Gateway API',
  'Prometheus',
  'neighbour in the namespace',
  'impostor in another namespace',
]

/** The front door is open to one source only. */
const closedBut = (named: string): string[] =>
  FRONTS.filter((front) => front !== named).map((front) => `- ${front} → gateway`)

const PRIVATE_WAYS = [
  '10/8 :443',
  '172.16/12 :443',
  '192.168/16 :443',
  '100.64/10 :443',
  'fc00::/7 :443',
  '64:ff9b::/96 :443',
]

const toPrivate = (from: string): string[] => PRIVATE_WAYS.map((to) => `+ ${from} → ${to}`)

/** The gateway reaches its provider and no other address. */
const NAMED_PROVIDER = [...PRIVATE_WAYS, 'internet :443 (v6)'].map((to) => `- gateway → ${to}`)

const withoutRow = (from: string): string[] =>
  (BASELINE[from] ?? []).map((to) => `- ${from} → ${to}`)

/** Connections that a values file allows (+) or denies (-) in addition. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  [WITHOUT_GATEWAY]: [
    '+ ingress-nginx → desktop',
    // There is no gateway, and no test pod for it.
    ...withoutRow('gateway'),
    ...withoutRow('test pod test-sign-in'),
    ...FRONTS.map((front) => `- ${front} → gateway`),
  ],
  'chart/ci/backup-values.yaml': [
    ...toPrivate('job backup'),
    '+ job backup → DNS',
    '+ job backup → internet :443',
    '+ job backup → internet :443 (v6)',
    '+ job backup → node-local DNS',
  ],
  'chart/ci/ingress-traefik-values.yaml': [...closedBut('Traefik')],
  'chart/ci/istio-ambient-values.yaml': [
    ...closedBut('Traefik'),
    '+ Traefik → gateway, mesh :15008',
    '+ gateway → desktop, mesh :15008',
  ],
  'chart/ci/rbac-rules-values.yaml': ['+ gateway → API server'],
  'chart/ci/linkerd-values.yaml': [
    ...closedBut('Traefik'),
    '+ Traefik → gateway, mesh :4143',
    '+ gateway → desktop, mesh :4143',
  ],
  'chart/ci/namespace-labels-values.yaml': [
    ...toPrivate('job namespace-labels'),
    '+ job namespace-labels → API server',
    '+ job namespace-labels → DNS',
    '+ job namespace-labels → internet :443',
    '+ job namespace-labels → internet :443 (v6)',
    '+ job namespace-labels → node-local DNS',
  ],
  'chart/ci/network-narrow-values.yaml': [
    ...closedBut('Traefik'),
    ...NAMED_PROVIDER,
    '- desktop → internet :25',
    '- desktop → internet :443',
    '- desktop → internet :443 (v6)',
  ],
  'chart/ci/network-private-values.yaml': [...toPrivate('desktop')],
  'chart/ci/pod-disruption-budget-values.yaml': ['+ gateway → redis'],
  'chart/ci/redis-values.yaml': ['+ gateway → redis'],
  'chart/ci/prometheusrule-values.yaml': ['+ Prometheus → gateway, admin'],
  'chart/ci/servicemonitor-values.yaml': ['+ Prometheus → gateway, admin'],
  'chart/ci/tests-values.yaml': [
    '+ test pod test-isolation → DNS',
    '+ test pod test-isolation → node-local DNS',
  ],
  'chart/ci/volume-snapshot-values.yaml': [
    ...toPrivate('job snapshot'),
    '+ job snapshot → API server',
    '+ job snapshot → DNS',
    '+ job snapshot → internet :443',
    '+ job snapshot → internet :443 (v6)',
    '+ job snapshot → node-local DNS',
  ],
  'examples/ingress-nginx.yaml': [...closedBut('ingress-nginx')],
  'examples/ingress-traefik.yaml': [...closedBut('Traefik')],
  'examples/networkpolicy-complete.yaml': [
    ...closedBut('Traefik'),
    ...NAMED_PROVIDER,
    '+ Prometheus → gateway, admin',
    '+ gateway → redis',
  ],
  'examples/values-production.yaml': [
    ...closedBut('Gateway API'),
    '+ Prometheus → gateway, admin',
    '+ gateway → redis',
    '+ test pod test-isolation → DNS',
    '+ test pod test-isolation → node-local DNS',
  ],
}

/** Whose policies name a front door. */
const FRONT_DOORS: Readonly<Record<string, string>> = {
  [WITHOUT_GATEWAY]: 'ingress-nginx',
  'examples/ingress-nginx.yaml': 'ingress-nginx',
  'examples/values-production.yaml': 'Gateway API',
}

/** Addresses that no pod of the release may reach: a cloud's metadata service, in all its forms. */
const METADATA = [
  'metadata :80',
  'metadata :443',
  'metadata (v6) :80',
  'metadata (v6) :443',
  'metadata by NAT64 :443',
]
const PRIVATE = [...PRIVATE_WAYS, 'API server', 'neighbour', 'redis']

it('allows the connections that the baseline needs', () => {
  expect(grouped(reachabilityTable(renderedObjects(MINIMAL)))).toEqual(BASELINE)
})

describe.each(renderNames())('%s', (name) => {
  const table = (blocksCoverPods = true): ReturnType<typeof reachabilityTable> =>
    reachabilityTable(renderedObjects(name), blocksCoverPods)

  const frontDoor = FRONT_DOORS[name] ?? 'Traefik'

  it('has policies', () => {
    expect(ofKind(renderedObjects(name), 'NetworkPolicy').length).toBeGreaterThan(0)
  })

  const guard = name === WITHOUT_GATEWAY ? frontDoor : 'gateway'

  it(`lets only the ${guard} reach the desktop`, () => {
    const ways = openWays(table())
    expect(ways.filter((way) => way.endsWith('→ desktop'))).toEqual([`${guard} → desktop`])
    expect(ways.filter((way) => /→ desktop, (?:other port|by UDP)$/.test(way))).toEqual([])
    const byMesh = ways.filter((way) => way.includes('→ desktop, mesh'))
    expect(byMesh.filter((way) => !way.startsWith('gateway →'))).toEqual([])
  })

  it('lets nobody reach a cloud’s metadata service', () => {
    for (const [from, cells] of Object.entries(table())) {
      if (isOutsider(from)) continue
      for (const to of METADATA) expect(cells[to], `${from} → ${to}`).toBe(false)
    }
  })

  it('keeps the desktop out of private networks', () => {
    const { desktop = {} } = table()
    for (const to of ['gateway', 'gateway, admin']) expect(desktop[to], to).not.toBe(true)
    const opened = (CHANGES[name] ?? []).flatMap(
      (change) => /^\+ desktop → (.+)$/.exec(change)?.[1] ?? [],
    )
    for (const to of PRIVATE) expect(desktop[to], to).toBe(opened.includes(to))
  })

  it('lets only Prometheus reach the admin listener', () => {
    const ways = openWays(table()).filter((way) => way.endsWith('→ gateway, admin'))
    expect(ways.filter((way) => way !== 'Prometheus → gateway, admin')).toEqual([])
  })

  // A plugin may apply address blocks to what is outside the cluster only.
  it('lets the release work with each plugin’s reading of address blocks', () => {
    const { gateway, desktop, [frontDoor]: front } = table(false)
    expect(desktop).toMatchObject({ DNS: true })
    if (name === WITHOUT_GATEWAY) return expect(front).toMatchObject({ desktop: true })
    expect(gateway).toMatchObject({ desktop: true, DNS: true, 'internet :443': true })
    expect(front).toMatchObject({ gateway: true })
  })

  it('allows and denies exactly the connections listed here', () => {
    expect(changes(name)).toEqual([...(CHANGES[name] ?? [])].sort())
  })
})

it('lists changes only for existing files', () => {
  expect(renderNames()).toEqual(expect.arrayContaining(Object.keys(CHANGES)))
})

/** Pods of others, with policies of their own; the table shows what they can reach of the release. */
function isOutsider(name: string): boolean {
  return !/^(?:gateway|desktop|test pod .*|job .*)$/.test(name)
}

function grouped(table: ReturnType<typeof reachabilityTable>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(table).map(([from, cells]) => [
      from,
      Object.keys(cells).filter((to) => cells[to]),
    ]),
  )
}

/** Differences from the baseline; a pod that the baseline does not have is compared with an empty row. */
function changes(name: string): string[] {
  const before = new Set(openWays(reachabilityTable(renderedObjects(MINIMAL))))
  const after = new Set(openWays(reachabilityTable(renderedObjects(name))))
  const opened = [...after].filter((way) => !before.has(way)).map((way) => `+ ${way}`)
  const closed = [...before].filter((way) => !after.has(way)).map((way) => `- ${way}`)
  return [...opened, ...closed].sort()
}
