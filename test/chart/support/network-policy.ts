// Who reaches whom under a set of NetworkPolicies: what a plugin that enforces them would do with a new connection.

import type { ILabelSelector } from '@kubernetes-models/apimachinery/apis/meta/v1/LabelSelector'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { INetworkPolicyPeer } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer'
import type { INetworkPolicyPort } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicyPort'
import { BlockList, isIPv6 } from 'node:net'

type Labels = Readonly<Record<string, string>>

/** A pod, or anything outside the cluster that only has an address. */
export interface Endpoint {
  readonly ip: string
  readonly pod?: {
    readonly namespace: string
    readonly labels: Labels
    /** Container ports by name, where policies name them. */
    readonly ports?: Readonly<Record<string, number>>
  }
}

export interface Connection {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly port: number
  /** `TCP` by default. */
  readonly protocol?: 'TCP' | 'UDP'
}

export interface Cluster {
  readonly policies: readonly INetworkPolicy[]
  /** Namespace → its labels; `kubernetes.io/metadata.name` goes without saying. */
  readonly namespaces?: Readonly<Record<string, Labels>>
  /**
   * Whether an `ipBlock` covers pods' addresses too. The specification leaves it open and plugins differ, so what
   * must not be reached is asked with `true`, the default, and what must be reached with `false`.
   */
  readonly blocksCoverPods?: boolean
}

/**
 * Both ends have to agree: the one's egress and the other's ingress.
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function reaches(cluster: Cluster, connection: Connection): boolean {
  return allows(cluster, connection, 'Egress') && allows(cluster, connection, 'Ingress')
}

type Direction = 'Ingress' | 'Egress'

/** Policies add up: the first rule that fits opens the way, and without any policy it is open. */
function allows(cluster: Cluster, connection: Connection, direction: Direction): boolean {
  const isEgress = direction === 'Egress'
  const [self, other] = isEgress
    ? [connection.from, connection.to]
    : [connection.to, connection.from]
  const { pod } = self
  if (pod === undefined) return true
  const binding = cluster.policies.filter(
    ({ metadata, spec }) =>
      metadata?.namespace === pod.namespace &&
      spec !== undefined &&
      matches(spec.podSelector ?? {}, pod.labels) &&
      typesOf(spec).includes(direction),
  )
  if (binding.length === 0) return true
  return binding.some(({ metadata, spec }) => {
    const rules = isEgress
      ? spec?.egress?.map(({ to, ports }) => ({ peers: to, ports }))
      : spec?.ingress?.map(({ from, ports }) => ({ peers: from, ports }))
    return rules?.some(
      ({ peers = [], ports = [] }) =>
        (peers.length === 0 ||
          peers.some((peer) => isPeer(cluster, peer, other, metadata?.namespace ?? ''))) &&
        (ports.length === 0 || ports.some((port) => isPort(port, connection))),
    )
  })
}

function typesOf(spec: NonNullable<INetworkPolicy['spec']>): readonly string[] {
  return spec.policyTypes ?? (spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'])
}

function isPeer(
  cluster: Cluster,
  { ipBlock, podSelector, namespaceSelector }: INetworkPolicyPeer,
  { ip, pod }: Endpoint,
  policyNamespace: string,
): boolean {
  if (ipBlock !== undefined) {
    if (pod !== undefined && cluster.blocksCoverPods === false) return false
    return covers(ipBlock.cidr, ip) && !ipBlock.except?.some((cidr) => covers(cidr, ip))
  }
  if (pod === undefined) return false
  const name = { 'kubernetes.io/metadata.name': pod.namespace }
  const isNamespace =
    namespaceSelector === undefined
      ? pod.namespace === policyNamespace
      : matches(namespaceSelector, { ...cluster.namespaces?.[pod.namespace], ...name })
  return isNamespace && matches(podSelector ?? {}, pod.labels)
}

/** Of the destination, in both directions; a name is one of its container ports. */
function isPort(rule: INetworkPolicyPort, { to, port, protocol = 'TCP' }: Connection): boolean {
  if ((rule.protocol ?? 'TCP') !== protocol) return false
  if (rule.port === undefined) return true
  if (typeof rule.port === 'string') return to.pod?.ports?.[rule.port] === port
  return port >= rule.port && port <= (rule.endPort ?? rule.port)
}

function covers(cidr: string, ip: string): boolean {
  const [network = '', prefix = ''] = cidr.split('/')
  const family = isIPv6(network) ? 'ipv6' : 'ipv4'
  // A block of one family says nothing about the other.
  if ((family === 'ipv6') !== isIPv6(ip)) return false
  const block = new BlockList()
  block.addSubnet(network, Number(prefix), family)
  return block.check(ip, family)
}

/** An empty selector takes everything. */
export function matches(selector: ILabelSelector, labels: Labels): boolean {
  const exact = Object.entries(selector.matchLabels ?? {})
  return (
    exact.every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key]
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          throw new Error(`there is no operator ${operator}`)
      }
    })
  )
}
