// The evaluator itself, rule by rule. reachability.test.ts tests the chart's policies.

import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { describe, expect, it } from 'vitest'
import { reaches, type Cluster, type Connection, type Endpoint } from './support/network-policy.ts'

const DESKTOP = pod('home', { app: 'desktop' }, '10.42.0.1', { vnc: 6901 })
const GATEWAY = pod('home', { app: 'gateway' }, '10.42.0.2')
const NEIGHBOUR = pod('home', { app: 'neighbour' }, '10.42.0.3')
const IMPOSTOR = pod('elsewhere', { app: 'gateway' }, '10.42.1.2')
const NAMESPACES = { home: { team: 'a' }, elsewhere: { team: 'b' } }

function pod(
  namespace: string,
  labels: Record<string, string>,
  ip: string,
  ports: Record<string, number> = {},
): Endpoint {
  return { ip, pod: { namespace, labels, ports } }
}

function policy(app: string | undefined, spec: Partial<INetworkPolicy['spec']>): INetworkPolicy {
  const podSelector = app === undefined ? {} : { matchLabels: { app } }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'policy', namespace: 'home' },
    spec: { podSelector, ...spec },
  }
}

function isOpen(
  policies: readonly INetworkPolicy[],
  connection: Partial<Connection>,
  cluster: Partial<Cluster> = {},
): boolean {
  const wanted = { from: GATEWAY, to: DESKTOP, port: 6901, ...connection }
  return reaches({ policies, namespaces: NAMESPACES, ...cluster }, wanted)
}

describe('which pods a policy applies to', () => {
  it('allows everything without a policy', () => {
    expect(isOpen([], {})).toBe(true)
  })

  it('restricts the selected pods and no others', () => {
    const closed = [policy('desktop', {})]
    expect(isOpen(closed, {})).toBe(false)
    expect(isOpen(closed, { to: NEIGHBOUR })).toBe(true)
  })

  it('selects every pod of its namespace with an empty selector, and none of another', () => {
    const closed = [policy(undefined, {})]
    expect(isOpen(closed, { to: NEIGHBOUR })).toBe(false)
    expect(isOpen(closed, { to: IMPOSTOR })).toBe(true)
  })

  it('derives missing policyTypes from the rules: ingress always, egress if it has a rule', () => {
    expect(isOpen([policy('gateway', { ingress: [{}] })], {})).toBe(true)
    expect(isOpen([policy('gateway', { egress: [] })], {})).toBe(false)
    expect(isOpen([policy('desktop', { egress: [{}] })], {})).toBe(false)
  })

  it('does not restrict a direction that policyTypes omits', () => {
    expect(isOpen([policy('desktop', { policyTypes: ['Egress'] })], {})).toBe(true)
    expect(isOpen([policy('gateway', { policyTypes: ['Ingress'], egress: [] })], {})).toBe(true)
  })

  it('needs permission at both ends', () => {
    const open = policy('desktop', { ingress: [{}] })
    expect(isOpen([open, policy('gateway', { policyTypes: ['Egress'] })], {})).toBe(false)
  })

  it('combines policies: one that allows is enough', () => {
    const open = policy('desktop', { ingress: [{}] })
    expect(isOpen([policy('desktop', {}), open], {})).toBe(true)
  })
})

describe('peers', () => {
  const from = (peer: object): INetworkPolicy[] => [
    policy('desktop', { ingress: [{ from: [peer] }] }),
  ]

  it('means its own namespace for a pod selector alone', () => {
    const peers = from({ podSelector: { matchLabels: { app: 'gateway' } } })
    expect(isOpen(peers, {})).toBe(true)
    expect(isOpen(peers, { from: IMPOSTOR })).toBe(false)
    expect(isOpen(peers, { from: NEIGHBOUR })).toBe(false)
  })

  it('means every pod of a namespace for a namespace selector alone', () => {
    const peers = from({ namespaceSelector: { matchLabels: { team: 'b' } } })
    expect(isOpen(peers, { from: IMPOSTOR })).toBe(true)
    expect(isOpen(peers, {})).toBe(false)
  })

  it('requires both selectors of one peer, but only one of two peers', () => {
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'elsewhere' } }
    const podSelector = { matchLabels: { app: 'neighbour' } }
    expect(isOpen(from({ namespaceSelector, podSelector }), { from: IMPOSTOR })).toBe(false)
    const either = [
      policy('desktop', { ingress: [{ from: [{ namespaceSelector }, { podSelector }] }] }),
    ]
    expect(isOpen(either, { from: IMPOSTOR })).toBe(true)
    expect(isOpen(either, { from: NEIGHBOUR })).toBe(true)
    expect(isOpen(either, {})).toBe(false)
  })

  it('selects every namespace for an empty namespace selector', () => {
    const peers = from({ namespaceSelector: {}, podSelector: { matchLabels: { app: 'gateway' } } })
    expect(isOpen(peers, { from: IMPOSTOR })).toBe(true)
  })

  it.each<[string, string[], boolean]>([
    ['In', ['gateway'], true],
    ['In', ['other'], false],
    ['NotIn', ['gateway'], false],
    ['NotIn', ['other'], true],
    ['Exists', [], true],
    ['DoesNotExist', [], false],
  ])('supports the operator %s %j', (operator, values, expected) => {
    const peers = from({ podSelector: { matchExpressions: [{ key: 'app', operator, values }] } })
    expect(isOpen(peers, {})).toBe(expected)
  })

  it.each<[cidr: string, except: string[], ip: string, expected: boolean]>([
    ['0.0.0.0/0', [], '203.0.113.1', true],
    ['0.0.0.0/0', ['203.0.113.0/24'], '203.0.113.1', false],
    ['0.0.0.0/0', ['203.0.113.0/24'], '203.0.114.1', true],
    ['0.0.0.0/0', [], '2001:db8::1', false],
    ['::/0', [], '2001:db8::1', true],
    ['::/0', [], '203.0.113.1', false],
    ['::/0', ['64:ff9b::/96'], '64:ff9b::a9fe:a9fe', false],
    ['::/0', ['fc00::/7'], 'fd00:ec2::254', false],
    ['100.64.0.0/10', [], '100.127.255.255', true],
    ['100.64.0.0/10', [], '100.128.0.0', false],
    ['192.0.2.7/32', [], '192.0.2.8', false],
  ])('reads ipBlock %s except %j against %s', (cidr, except, ip, expected) => {
    const block = [policy('gateway', { egress: [{ to: [{ ipBlock: { cidr, except } }] }] })]
    expect(isOpen(block, { to: { ip } })).toBe(expected)
  })

  it('applies an ipBlock to pods or not, depending on the plugin', () => {
    const block = from({ ipBlock: { cidr: '10.0.0.0/8' } })
    expect(isOpen(block, {})).toBe(true)
    expect(isOpen(block, {}, { blocksCoverPods: false })).toBe(false)
  })

  it('never treats an outside address as a pod', () => {
    expect(isOpen(from({ podSelector: {} }), { from: { ip: '203.0.113.1' } })).toBe(false)
    expect(isOpen(from({ namespaceSelector: {} }), { from: { ip: '203.0.113.1' } })).toBe(false)
  })
})

describe('ports', () => {
  it.each<[string, object, number, 'TCP' | 'UDP', boolean]>([
    ['a number', { port: 6901 }, 6901, 'TCP', true],
    ['another number', { port: 80 }, 6901, 'TCP', false],
    ['a name of the destination', { port: 'vnc' }, 6901, 'TCP', true],
    ['a name of the destination, another port', { port: 'vnc' }, 22, 'TCP', false],
    ['a name that nobody has', { port: 'http' }, 6901, 'TCP', false],
    ['a range', { port: 6000, endPort: 7000 }, 6901, 'TCP', true],
    ['the end of a range', { port: 6000, endPort: 6901 }, 6901, 'TCP', true],
    ['beyond a range', { port: 6000, endPort: 6900 }, 6901, 'TCP', false],
    ['the protocol alone', { protocol: 'UDP' }, 53, 'UDP', true],
    ['TCP where nothing is said', { port: 53 }, 53, 'UDP', false],
  ])('reads %s', (_, port, asked, protocol, expected) => {
    const rule = [policy('desktop', { ingress: [{ ports: [port] }] })]
    expect(isOpen(rule, { port: asked, protocol })).toBe(expected)
  })

  it('resolves a named port on the destination in egress rules too', () => {
    const rule = [policy('gateway', { egress: [{ ports: [{ port: 'vnc' }] }] })]
    expect(isOpen(rule, {})).toBe(true)
    expect(isOpen(rule, { to: { ip: '203.0.113.1' } })).toBe(false)
  })

  it('requires peer and port to match in the same rule', () => {
    const rules = [
      policy('desktop', {
        ingress: [
          { from: [{ podSelector: { matchLabels: { app: 'gateway' } } }], ports: [{ port: 1 }] },
          {
            from: [{ podSelector: { matchLabels: { app: 'neighbour' } } }],
            ports: [{ port: 6901 }],
          },
        ],
      }),
    ]
    expect(isOpen(rules, {})).toBe(false)
  })
})
