// What helm prints, as objects.

import type { IObjectMeta } from '@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta'
import type { ICronJob } from 'kubernetes-models/batch/v1/CronJob'
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec'
import type { IStatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { parseAllDocuments } from 'yaml'

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: IObjectMeta & { readonly name: string }
  readonly [key: string]: unknown
}

/**
 * The documents of a render; comments alone are none.
 *
 * YAML 1.1, as Kubernetes reads it: an unquoted `on`, `no` or `y` that a template lets through is a boolean.
 */
export function parseObjects(yaml: string): KubernetesObject[] {
  const documents = parseAllDocuments(yaml, { version: '1.1' })
  return [...documents].flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    const object = document.toJS() as KubernetesObject | null
    return object === null ? [] : [object]
  })
}

/** `Deployment/desk-gateway` */
export function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata.name}`
}

export function ofKind<T>(
  objects: readonly KubernetesObject[],
  kind: string,
): (T & KubernetesObject)[] {
  return objects.filter((object) => object.kind === kind) as (T & KubernetesObject)[]
}

export interface PodOwner {
  /** `CronJob/desk-backup` */
  readonly name: string
  readonly object: KubernetesObject
  readonly template: IPodTemplateSpec & { readonly spec: NonNullable<IPodTemplateSpec['spec']> }
}

/** Everything that will become a pod, hooks included. */
export function podOwners(objects: readonly KubernetesObject[]): PodOwner[] {
  return objects.flatMap((object) => {
    const template = templateOf(object)
    if (template?.spec === undefined) return []
    return [{ name: nameOf(object), object, template: { ...template, spec: template.spec } }]
  })
}

function templateOf(object: KubernetesObject): IPodTemplateSpec | undefined {
  switch (object.kind) {
    case 'Pod':
      return object
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'ReplicaSet':
    case 'Job':
      return (object as unknown as IDeployment | IStatefulSet | IJob).spec?.template
    case 'CronJob':
      return (object as unknown as ICronJob).spec?.jobTemplate.spec?.template
    default:
      return undefined
  }
}

/** Every leaf of a value with its path: `.spec.ports[0].name`. */
export function* leaves(value: unknown, path = ''): Generator<[path: string, leaf: unknown]> {
  if (Array.isArray(value) && value.length > 0) {
    for (const [index, item] of value.entries()) yield* leaves(item, `${path}[${index}]`)
  } else if (isMap(value) && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value)) yield* leaves(item, `${path}.${key}`)
  } else yield [path, value]
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** With the keys of every Secret and not their values, which are new in every render without a cluster. */
export function withoutSecrets(objects: readonly KubernetesObject[]): KubernetesObject[] {
  return objects.map((object) => {
    if (object.kind !== 'Secret') return object
    const { data, stringData, ...rest } = object
    return { ...rest, data: Object.keys({ ...(data as object), ...(stringData as object) }) }
  })
}
