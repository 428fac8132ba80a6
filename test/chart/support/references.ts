// The objects that a pod refers to by name and needs to start.

import type { IPodSpec } from 'kubernetes-models/v1/PodSpec'

export interface Reference {
  readonly kind: 'ConfigMap' | 'PersistentVolumeClaim' | 'Secret' | 'ServiceAccount'
  readonly name: string
  /** The key that must exist in the object; undefined if only the object must exist. */
  readonly key?: string
  readonly isOptional: boolean
}

interface KeyReference {
  readonly name?: string
  readonly key?: string
  readonly optional?: boolean
}

/** The default service account always exists. */
export function referencesOf(spec: IPodSpec | undefined): Reference[] {
  if (spec === undefined) return []
  const account = spec.serviceAccountName ?? 'default'
  return [
    ...[...(spec.initContainers ?? []), ...spec.containers].flatMap(
      ({ env = [], envFrom = [] }) => [
        ...env.flatMap(({ valueFrom }) => named('Secret', valueFrom?.secretKeyRef)),
        ...env.flatMap(({ valueFrom }) => named('ConfigMap', valueFrom?.configMapKeyRef)),
        ...envFrom.flatMap(({ secretRef }) => named('Secret', secretRef)),
        ...envFrom.flatMap(({ configMapRef }) => named('ConfigMap', configMapRef)),
      ],
    ),
    ...(spec.volumes ?? []).flatMap(({ secret, configMap, projected, persistentVolumeClaim }) => [
      ...mounted('Secret', secret && { ...secret, name: secret.secretName ?? '' }),
      ...mounted('ConfigMap', configMap),
      ...(projected?.sources ?? []).flatMap((source) => [
        ...mounted('Secret', source.secret),
        ...mounted('ConfigMap', source.configMap),
      ]),
      ...named(
        'PersistentVolumeClaim',
        persistentVolumeClaim && { name: persistentVolumeClaim.claimName },
      ),
    ]),
    ...named('ServiceAccount', account === 'default' ? undefined : { name: account }),
  ]
}

function named(kind: Reference['kind'], reference: KeyReference | undefined): Reference[] {
  if (reference === undefined) return []
  const { name = '', key, optional = false } = reference
  return [{ kind, name, isOptional: optional, ...(key === undefined ? {} : { key }) }]
}

function mounted(
  kind: Reference['kind'],
  source:
    | { readonly name?: string; readonly items?: readonly { key: string }[]; optional?: boolean }
    | undefined,
): Reference[] {
  if (source === undefined) return []
  const { items = [], ...object } = source
  return [{}, ...items].flatMap((item) => named(kind, { ...object, ...item }))
}
