// What the API server refuses before it stores anything.

import { isDeepStrictEqual } from 'node:util'
import { isMap, type KubernetesObject } from '../objects.ts'
import { restrictedViolations } from '../pod-security.ts'
import { impossibleValues, unknownFields } from '../strict-schemas.ts'

export interface Refusal {
  readonly code: number
  readonly reason: string
  readonly message: string
}

/** Fields of a spec that may change; of kinds that are not named, all may. */
const MUTABLE: Readonly<Record<string, readonly string[]>> = {
  StatefulSet: [
    'replicas',
    'ordinals',
    'template',
    'updateStrategy',
    'revisionHistoryLimit',
    'persistentVolumeClaimRetentionPolicy',
    'minReadySeconds',
  ],
  PersistentVolumeClaim: ['resources', 'volumeName', 'volumeAttributesClassName'],
  Job: ['parallelism', 'suspend', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished'],
}

/** An unknown or impossible field. */
export async function decodingRefusal(object: KubernetesObject): Promise<Refusal | undefined> {
  const faults = [...(await impossibleValues(object)), ...(await unknownFieldsOnce(object))]
  if (faults.length === 0) return undefined
  return { code: 400, reason: 'BadRequest', message: `strict decoding error: ${faults.join(', ')}` }
}

/** Which fields there are does not depend on what is in them, and objects of one shape come again and again. */
function unknownFieldsOnce(object: KubernetesObject): Promise<string[]> {
  const shape = JSON.stringify(shapeOf(object))
  const judging = judged.get(shape) ?? unknownFields([object])
  judged.set(shape, judging)
  return judging
}
const judged = new Map<string, Promise<string[]>>()

/** The object with each value replaced by its type, except for its kind and name. */
function shapeOf(object: KubernetesObject): object {
  const { apiVersion, kind, ...fields } = object
  const shape = JSON.stringify(fields, (_, value: unknown) =>
    typeof value === 'object' ? value : typeof value,
  )
  return { apiVersion, kind, name: object.metadata.name, shape }
}

/** A change of what was decided when the object was made. */
export function immutabilityRefusal(
  was: KubernetesObject,
  is: KubernetesObject,
): Refusal | undefined {
  const mutable = MUTABLE[is.kind]
  const before = withoutFields(was['spec'], mutable)
  const after = withoutFields(is['spec'], mutable)
  if (mutable !== undefined && !isDeepStrictEqual(before, after)) {
    const allowed = mutable.map((field) => `'${field}'`).join(', ')
    return invalid(
      is,
      `spec: Forbidden: updates to ${is.kind.toLowerCase()} spec for fields other than ${allowed} are forbidden`,
    )
  }
  const fixed =
    is.kind === 'Deployment' ? 'spec.selector' : is.kind === 'RoleBinding' ? 'roleRef' : ''
  if (fixed !== '' && !isDeepStrictEqual(at(was, fixed), at(is, fixed))) {
    return invalid(is, `${fixed}: Invalid value: field is immutable`)
  }
  return undefined
}

/** What belongs to one way of updating, beside another one: the server itself adds it to the default way. */
export function strategyRefusal(object: KubernetesObject): Refusal | undefined {
  const [field, type] =
    object.kind === 'StatefulSet'
      ? ['spec.updateStrategy', 'RollingUpdate']
      : ['spec.strategy', 'RollingUpdate']
  const strategy = at(object, field)
  if (!isMap(strategy) || strategy['type'] === type || strategy['rollingUpdate'] === undefined) {
    return undefined
  }
  return invalid(
    object,
    `${field}.rollingUpdate: Forbidden: may not be specified when strategy \`type\` is '${String(strategy['type'])}'`,
  )
}

/** @see https://kubernetes.io/docs/concepts/security/pod-security-admission/ */
export function podSecurityRefusal(
  pod: KubernetesObject,
  namespace: KubernetesObject | undefined,
): Refusal | undefined {
  const level = namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce']
  if (level !== 'restricted') return undefined
  const violations = restrictedViolations(pod)
  if (violations.length === 0) return undefined
  return {
    code: 403,
    reason: 'Forbidden',
    message: `pods "${pod.metadata.name}" is forbidden: violates PodSecurity "restricted:latest": ${violations.join(', ')}`,
  }
}

function invalid({ kind, apiVersion, metadata }: KubernetesObject, what: string): Refusal {
  const [group] = apiVersion.split('/')
  return {
    code: 422,
    reason: 'Invalid',
    message: `${kind}.${group} "${metadata.name}" is invalid: ${what}`,
  }
}

function withoutFields(spec: unknown, fields: readonly string[] = []): unknown {
  if (!isMap(spec)) return spec
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !fields.includes(key)))
}

function at(object: unknown, path: string): unknown {
  return path.split('.').reduce((value, key) => (isMap(value) ? value[key] : undefined), object)
}
