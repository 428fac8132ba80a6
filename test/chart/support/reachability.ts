// Who reaches whom in a cluster where a release runs among others: the rows and columns of the table in
// docs/security-hardening.md.

import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { componentOf } from './lint.ts'
import { reaches, type Cluster, type Connection, type Endpoint } from './network-policy.ts'
import { ofKind, podOwners, type KubernetesObject, type PodOwner } from './objects.ts'

const HOME = 'home'
/** Linkerd's proxy and Istio's ambient tunnel: where a mesh delivers what was sent to another port. */
const MESH_PORTS = [4143, 15008]

/** Where the release runs, and who else is there. The names are those that the documents tell people to use. */
const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [HOME]: {},
  elsewhere: {},
  'kube-system': {},
  monitoring: {},
  traefik: {},
  'ingress-nginx': {},
  gateways: {},
}

interface Destination {
  readonly name: string
  readonly endpoint: Endpoint
  readonly port: number
  readonly protocol?: 'UDP'
}

interface Neighbourhood {
  readonly cluster: Cluster
  readonly sources: Readonly<Record<string, Endpoint>>
  readonly destinations: readonly Destination[]
}

/** The release and its neighbours. Addresses of pods are the usual ones of a cluster, private all of them. */
function neighbourhood(objects: readonly KubernetesObject[]): Neighbourhood {
  const owners = podOwners(objects)
  const desktop = podOf(owners, 'desktop', '10.42.0.10')
  const hasGateway = owners.some((owner) => componentOf(owner) === 'gateway')
  const gateway = hasGateway ? podOf(owners, 'gateway', '10.42.0.11') : undefined
  const others = owners.filter(
    (owner) => !['desktop', 'gateway'].includes(componentOf(owner) ?? ''),
  )
  const policies = ofKind<INetworkPolicy>(objects, 'NetworkPolicy').map((policy) => ({
    ...policy,
    metadata: { ...policy.metadata, namespace: policy.metadata.namespace ?? HOME },
  }))
  const redis = stranger(HOME, { 'app.kubernetes.io/name': 'redis' }, '10.42.0.12')
  const neighbour = stranger(HOME, { 'app.kubernetes.io/name': 'neighbour' }, '10.42.0.13')
  const dns = stranger('kube-system', { 'k8s-app': 'kube-dns' }, '10.42.1.53')

  const outside = (name: string, ip: string, port: number): Destination => ({
    name,
    endpoint: { ip },
    port,
  })
  return {
    cluster: { policies, namespaces: NAMESPACES },
    sources: {
      ...(gateway === undefined ? {} : { gateway }),
      desktop,
      ...Object.fromEntries(
        others.map((owner, index) => [roleOf(owner), endpointOf(owner, `10.42.0.${20 + index}`)]),
      ),
      Traefik: stranger('traefik', { 'app.kubernetes.io/name': 'traefik' }, '10.42.2.1'),
      'ingress-nginx': stranger(
        'ingress-nginx',
        {
          'app.kubernetes.io/name': 'ingress-nginx',
          'app.kubernetes.io/component': 'controller',
        },
        '10.42.2.4',
      ),
      'Gateway API': stranger(
        'gateways',
        { 'gateway.networking.k8s.io/gateway-name': 'web' },
        '10.42.2.5',
      ),
      Prometheus: stranger('monitoring', { 'app.kubernetes.io/name': 'prometheus' }, '10.42.2.2'),
      'neighbour in the namespace': neighbour,
      'impostor in another namespace': stranger(
        'elsewhere',
        { ...desktop.pod?.labels, 'app.kubernetes.io/component': 'gateway' },
        '10.42.2.3',
      ),
    },
    destinations: [
      { name: 'desktop', endpoint: desktop, port: portOf(desktop, /./) },
      { name: 'desktop, other port', endpoint: desktop, port: 22 },
      { name: 'desktop, by UDP', endpoint: desktop, port: portOf(desktop, /./), protocol: 'UDP' },
      ...MESH_PORTS.map((port) => ({ name: `desktop, mesh :${port}`, endpoint: desktop, port })),
      ...(gateway === undefined
        ? []
        : [
            { name: 'gateway', endpoint: gateway, port: portOf(gateway, /^http/) },
            { name: 'gateway, admin', endpoint: gateway, port: portOf(gateway, /admin|metrics/) },
            ...MESH_PORTS.map((port) => ({
              name: `gateway, mesh :${port}`,
              endpoint: gateway,
              port,
            })),
          ]),
      { name: 'DNS', endpoint: dns, port: 53, protocol: 'UDP' },
      { name: 'node-local DNS', endpoint: { ip: '169.254.20.10' }, port: 53, protocol: 'UDP' },
      { name: 'redis', endpoint: redis, port: 6379 },
      { name: 'neighbour', endpoint: neighbour, port: 80 },
      outside('internet :443', '203.0.113.7', 443),
      outside('internet :443 (v6)', '2001:db8::7', 443),
      outside('internet :25', '203.0.113.7', 25),
      outside('10/8 :443', '10.1.2.3', 443),
      outside('172.16/12 :443', '172.16.1.2', 443),
      outside('192.168/16 :443', '192.168.1.2', 443),
      outside('100.64/10 :443', '100.100.1.2', 443),
      outside('fc00::/7 :443', 'fd12:3456::7', 443),
      outside('64:ff9b::/96 :443', '64:ff9b::a01:203', 443),
      outside('API server', '10.96.0.1', 6443),
      outside('metadata :80', '169.254.169.254', 80),
      outside('metadata :443', '169.254.169.254', 443),
      outside('metadata (v6) :80', 'fd00:ec2::254', 80),
      outside('metadata (v6) :443', 'fd00:ec2::254', 443),
      outside('metadata by NAT64 :443', '64:ff9b::a9fe:a9fe', 443),
    ],
  }
}

/** From → to → whether the connection is let through; nothing of itself, and nothing that is between strangers. */
export type Table = Readonly<Record<string, Readonly<Record<string, boolean>>>>

export function reachabilityTable(
  objects: readonly KubernetesObject[],
  blocksCoverPods = true,
): Table {
  const { cluster, sources, destinations } = neighbourhood(objects)
  const rows = Object.entries(sources).map(([from, source]) => {
    const cells = destinations
      .filter(({ endpoint }) => endpoint !== source)
      .filter(({ endpoint }) => isOurs(source) || isOurs(endpoint))
      .map(({ name, endpoint, port, protocol }) => {
        const connection: Connection = {
          from: source,
          to: endpoint,
          port,
          protocol: protocol ?? 'TCP',
        }
        return [name, reaches({ ...cluster, blocksCoverPods }, connection)] as const
      })
    return [from, Object.fromEntries(cells)] as const
  })
  return Object.fromEntries(rows)
}

function isOurs({ pod }: Endpoint): boolean {
  return pod?.namespace === HOME && pod.labels['app.kubernetes.io/instance'] !== undefined
}

/** `gateway → desktop`, for everything that is open. */
export function openWays(table: Table): string[] {
  return Object.entries(table).flatMap(([from, cells]) =>
    Object.entries(cells).flatMap(([to, isOpen]) => (isOpen ? [`${from} → ${to}`] : [])),
  )
}

function podOf(owners: readonly PodOwner[], component: string, ip: string): Endpoint {
  const owner = owners.find(
    (owner) => componentOf(owner) === component && owner.object.kind !== 'Pod',
  )
  if (owner === undefined) throw new Error(`there is no ${component}`)
  return endpointOf(owner, ip)
}

function endpointOf({ template }: PodOwner, ip: string): Endpoint {
  const ports = template.spec.containers.flatMap(({ ports = [] }) => ports)
  const named = ports.flatMap(({ name, containerPort }) =>
    name === undefined ? [] : [[name, containerPort]],
  )
  return {
    ip,
    pod: {
      namespace: HOME,
      labels: template.metadata?.labels ?? {},
      ports: Object.fromEntries(named) as Record<string, number>,
    },
  }
}

function stranger(
  namespace: string,
  labels: Readonly<Record<string, string>>,
  ip: string,
): Endpoint {
  return { ip, pod: { namespace, labels } }
}

function portOf({ pod }: Endpoint, name: RegExp): number {
  const found = Object.entries(pod?.ports ?? {}).find(([key]) => name.test(key))
  if (found === undefined) throw new Error(`no port is called ${name}`)
  return found[1]
}

/** `job namespace-labels`, `test pod isolation`: what it is for, without the release's name. */
function roleOf({ object, template }: PodOwner): string {
  const component =
    template.metadata?.labels?.['app.kubernetes.io/component'] ?? object.metadata.name
  const isTest = object.metadata.annotations?.['helm.sh/hook']?.includes('test') ?? false
  return isTest ? `test pod ${component}` : `job ${component}`
}
