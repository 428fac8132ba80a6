// The kinds a cluster of the tests serves, and where.

export interface Resource {
  /** '' for the core group */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly isNamespaced: boolean
}

const CLUSTER_WIDE = ['Namespace', 'IngressClass', 'StorageClass', 'GatewayClass']

const KINDS: Readonly<Record<string, readonly string[]>> = {
  v1: [
    'ConfigMap',
    'Endpoints',
    'Event',
    'Namespace',
    'PersistentVolumeClaim',
    'Pod',
    'Secret',
    'Service',
    'ServiceAccount',
  ],
  'apps/v1': ['Deployment', 'ReplicaSet', 'StatefulSet'],
  'batch/v1': ['CronJob', 'Job'],
  'networking.k8s.io/v1': ['Ingress', 'IngressClass', 'NetworkPolicy'],
  'policy/v1': ['PodDisruptionBudget'],
  'rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding'],
  'storage.k8s.io/v1': ['StorageClass'],
  'cert-manager.io/v1': ['Certificate'],
  'gateway.networking.k8s.io/v1': ['BackendTLSPolicy', 'Gateway', 'HTTPRoute'],
  'monitoring.coreos.com/v1': ['PrometheusRule', 'ServiceMonitor'],
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
