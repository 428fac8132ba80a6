// The kinds a cluster of the tests serves, and where.

export interface Resource {
  /** '' for the core group */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly isNamespaced: boolean
}

const CLUSTER_WIDE = [
  'ClusterIssuer',
  'GatewayClass',
  'IngressClass',
  'Namespace',
  'Node',
  'StorageClass',
  'VolumeSnapshotClass',
]

const KINDS: Readonly<Record<string, readonly string[]>> = {
  v1: [
    'ConfigMap',
    'Endpoints',
    'Event',
    'Namespace',
    'Node',
    'PersistentVolumeClaim',
    'Pod',
    'Secret',
    'Service',
    'ServiceAccount',
  ],
  'apps/v1': ['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  'batch/v1': ['CronJob', 'Job'],
  'coordination.k8s.io/v1': ['Lease'],
  'networking.k8s.io/v1': ['Ingress', 'IngressClass', 'NetworkPolicy'],
  'policy/v1': ['PodDisruptionBudget'],
  'rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding'],
  'storage.k8s.io/v1': ['StorageClass'],
  'cert-manager.io/v1': ['Certificate', 'ClusterIssuer', 'Issuer'],
  'gateway.networking.k8s.io/v1': ['BackendTLSPolicy', 'Gateway', 'HTTPRoute'],
  'monitoring.coreos.com/v1': ['PrometheusRule', 'ServiceMonitor'],
  'snapshot.storage.k8s.io/v1': ['VolumeSnapshot', 'VolumeSnapshotClass'],
}

export const RESOURCES: readonly Resource[] = Object.entries(KINDS).flatMap(([api, kinds]) => {
  const [version = '', group = ''] = api.split('/').toReversed()
  return kinds.map((kind) => ({
    group,
    version,
    kind,
    plural: pluralOf(kind),
    isNamespaced: !CLUSTER_WIDE.includes(kind),
  }))
})

function pluralOf(kind: string): string {
  const word = kind.toLowerCase()
  if (/(?:[^aeiou])y$/.test(word)) return `${word.slice(0, -1)}ies`
  if (word === 'endpoints') return word
  return /(?:s|ss)$/.test(word) ? `${word}es` : `${word}s`
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`
}

/** `deployments.apps` */
export function qualified({ plural, group }: Resource): string {
  return group === '' ? plural : `${plural}.${group}`
}
