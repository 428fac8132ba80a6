// Who reaches whom: the product's promise, for every values file. The whole table is in docs/security-hardening.md.

import { describe, expect, it } from 'vitest'
import { ofKind } from './support/objects.ts'
import { openWays, reachabilityTable } from './support/reachability.ts'
import { MINIMAL, renderedObjects, renderNames } from './support/renders.ts'

/** What the baseline lets through, and nothing else. */
const BASELINE: Readonly<Record<string, readonly string[]>> = {}

/** What a values file opens (+) or closes (-) besides. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {}

/** Where nobody of the release has any business: a cloud's credentials, and the ways round to it. */
const METADATA = [
  'metadata :80',
  'metadata :443',
  'metadata (v6) :80',
  'metadata (v6) :443',
  'metadata by NAT64 :443',
]
const PRIVATE = [
  '10/8 :443',
  '172.16/12 :443',
  '192.168/16 :443',
  '100.64/10 :443',
  'fc00::/7 :443',
  '64:ff9b::/96 :443',
  'API server',
  'neighbour',
  'redis',
]

it('lets through what the baseline needs', () => {
  expect(grouped(reachabilityTable(renderedObjects(MINIMAL)))).toEqual(BASELINE)
})

describe.each(renderNames())('%s', (name) => {
  const table = (blocksCoverPods = true): ReturnType<typeof reachabilityTable> =>
    reachabilityTable(renderedObjects(name), blocksCoverPods)

  it('has policies', () => {
    expect(ofKind(renderedObjects(name), 'NetworkPolicy').length).toBeGreaterThan(1)
  })

  it('lets the gateway to the desktop, and nobody else', () => {
    const ways = openWays(table())
    expect(ways.filter((way) => way.endsWith('→ desktop'))).toEqual(['gateway → desktop'])
    expect(ways.filter((way) => way.endsWith('→ desktop, other port'))).toEqual([])
    const byMesh = ways.filter((way) => way.includes('→ desktop, mesh'))
    expect(byMesh.filter((way) => !way.startsWith('gateway →'))).toEqual([])
  })

  it('lets nobody to a cloud’s metadata', () => {
    for (const [from, cells] of Object.entries(table())) {
      if (isOutsider(from)) continue
      for (const to of METADATA) expect(cells[to], `${from} → ${to}`).toBe(false)
    }
  })

  it('keeps the desktop out of private networks', () => {
    const { desktop = {} } = table()
    for (const to of ['gateway', 'gateway, admin']) expect(desktop[to], to).toBe(false)
    const opened = (CHANGES[name] ?? []).flatMap(
      (change) => /^\+ desktop → (.+)$/.exec(change)?.[1] ?? [],
    )
    for (const to of PRIVATE) expect(desktop[to], to).toBe(opened.includes(to))
  })

  it('keeps everybody but Prometheus from the admin listener', () => {
    const ways = openWays(table()).filter((way) => way.endsWith('→ gateway, admin'))
    expect(ways.filter((way) => way !== 'Prometheus → gateway, admin')).toEqual([])
  })

  // A plugin may apply address blocks to what is outside the cluster only.
  it('lets the release work however a plugin reads address blocks', () => {
    const { gateway = {}, desktop = {} } = table(false)
    expect(gateway).toMatchObject({ desktop: true, DNS: true, 'internet :443': true })
    expect(desktop).toMatchObject({ DNS: true })
    expect(table(false)['ingress controller']).toMatchObject({ gateway: true })
  })

  it('opens and closes what is written here, and nothing else', () => {
    expect(changes(name)).toEqual([...(CHANGES[name] ?? [])].sort())
  })
})

it('writes down changes of files that are there', () => {
  expect(renderNames()).toEqual(expect.arrayContaining(Object.keys(CHANGES)))
})

/** Their policies are their own; the table has them for what they reach of ours. */
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

/** Against the baseline; the row of a pod that the baseline does not have counts from nothing. */
function changes(name: string): string[] {
  const before = new Set(openWays(reachabilityTable(renderedObjects(MINIMAL))))
  const after = new Set(openWays(reachabilityTable(renderedObjects(name))))
  const opened = [...after].filter((way) => !before.has(way)).map((way) => `+ ${way}`)
  const closed = [...before].filter((way) => !after.has(way)).map((way) => `- ${way}`)
  return [...opened, ...closed].sort()
}
