// The fields a real API server fills in and clients rely on. Nobody owns them.

import { isMap, type KubernetesObject } from '../objects.ts'

const DEFAULTS: Readonly<Record<string, object>> = {
  Deployment: {
    replicas: 1,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
  },
  StatefulSet: {
    replicas: 1,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
  },
}

export function withDefaults(object: KubernetesObject): KubernetesObject {
  const defaults = DEFAULTS[object.kind]
  return defaults === undefined ? object : { ...object, spec: filledIn(object['spec'], defaults) }
}

/** What is there stays; a strategy of another type has nothing in common with the default. */
function filledIn(value: unknown, defaults: unknown): unknown {
  if (value === undefined) return defaults
  if (!isMap(value) || !isMap(defaults)) return value
  if ('type' in value && value['type'] !== defaults['type']) return value
  const missing = Object.entries(defaults).map(([key, item]) => [key, filledIn(value[key], item)])
  return { ...value, ...(Object.fromEntries(missing) as object) }
}
