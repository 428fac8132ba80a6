// The controllers and the kubelet, as small as makes a release ready: workloads get pods, pods that find what they
// mount and read become ready, claims are bound, and what nobody owns any more goes.

import { createHash } from 'node:crypto'
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { IStatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { IPod } from 'kubernetes-models/v1/Pod'
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec'
import { matches } from '../network-policy.ts'
import { isMap, nameOf, type KubernetesObject } from '../objects.ts'
import { referencesOf } from '../references.ts'
import { podSecurityRefusal } from './admission.ts'
import { resourceOf, type Store } from './store.ts'

type As<T> = T & KubernetesObject

const REVISION = 'controller-revision-hash'
const TEMPLATE_HASH = 'pod-template-hash'

/** Whether the containers of a pod that runs to an end end well. */
export type Verdict = (pod: KubernetesObject) => boolean

/** Until nothing changes any more. */
export function reconcile(store: Store, endsWell: Verdict): void {
  for (let before = -1; before !== store.revision;) {
    before = store.revision
    for (const object of store.ofKind('StatefulSet'))
      runStatefulSet(store, object as As<IStatefulSet>)
    for (const object of store.ofKind('Deployment')) runDeployment(store, object as As<IDeployment>)
    for (const object of store.ofKind('Job')) runJob(store, object as As<IJob>)
    for (const object of store.ofKind('Pod')) runPod(store, object as As<IPod>, endsWell)
    for (const claim of store.ofKind('PersistentVolumeClaim'))
      store.putStatus(claim, { phase: 'Bound' })
    for (const service of store.ofKind('Service')) giveAddress(store, service)
    for (const budget of store.ofKind('PodDisruptionBudget')) {
      store.putStatus(budget, {
        observedGeneration: budget.metadata.generation,
        currentHealthy: 1,
        desiredHealthy: 1,
        disruptionsAllowed: 0,
        expectedPods: 1,
      })
    }
    collectGarbage(store)
  }
}

function runStatefulSet(store: Store, set: As<IStatefulSet>): void {
  const { spec } = set
  if (spec === undefined) return
  const revision = hashOf(spec.template)
  const replicas = spec.replicas ?? 1
  const goesWithTheSet = spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete'
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    const name = `${set.metadata.name}-${ordinal}`
    const claims = (spec.volumeClaimTemplates ?? []).map((claim) => {
      const claimName = `${claim.metadata?.name ?? ''}-${name}`
      create(store, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          ...claim.metadata,
          ...placed(set, claimName),
          ...(goesWithTheSet ? ownedBy(set) : {}),
        },
        spec: claim.spec,
      })
      return { name: claim.metadata?.name ?? '', persistentVolumeClaim: { claimName } }
    })
    const pod = find(store, 'Pod', set, name)
    const isOld = pod !== undefined && pod.metadata.labels?.[REVISION] !== revision
    // In order, the controller waits for a broken pod to get well, and replaces it never (kubernetes#67250).
    const isStuck = pod !== undefined && !isReady(pod) && spec.podManagementPolicy !== 'Parallel'
    if (isOld && !isStuck && spec.updateStrategy?.type !== 'OnDelete') store.remove(pod)
    const template = spec.template.spec
    create(
      store,
      podOf(
        set,
        name,
        {
          ...spec.template,
          ...(template === undefined
            ? {}
            : { spec: { ...template, volumes: [...(template.volumes ?? []), ...claims] } }),
        },
        { [REVISION]: revision },
      ),
    )
  }
  const pods = podsOf(store, set)
  for (const pod of pods)
    if (Number(pod.metadata.name.split('-').at(-1)) >= replicas) store.remove(pod)
  const ready = pods.filter(isReady).length
  store.putStatus(set, {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: pods.length,
    updatedReplicas: pods.filter((pod) => pod.metadata.labels?.[REVISION] === revision).length,
    currentRevision: revision,
    updateRevision: revision,
  })
}

function runDeployment(store: Store, deployment: As<IDeployment>): void {
  const { spec } = deployment
  if (spec === undefined) return
  const hash = hashOf(spec.template)
  const replicas = spec.replicas ?? 1
  const setName = `${deployment.metadata.name}-${hash}`
  const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH]: hash }
  for (const set of store.ofKind('ReplicaSet')) {
    if (isOwnedBy(set, deployment) && set.metadata.name !== setName) store.remove(set)
  }
  create(store, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { ...placed(deployment, setName), labels, ...ownedBy(deployment) },
    spec: { replicas, selector: { matchLabels: labels }, template: spec.template },
  })
  const set = find(store, 'ReplicaSet', deployment, setName)
  if (set === undefined) return
  for (let index = 0; index < replicas; index += 1) {
    create(store, podOf(set, `${setName}-${index}`, spec.template, { [TEMPLATE_HASH]: hash }))
  }
  const pods = podsOf(store, set)
  for (const pod of pods)
    if (Number(pod.metadata.name.split('-').at(-1)) >= replicas) store.remove(pod)
  const ready = pods.filter(isReady).length
  const counts = { replicas: pods.length, readyReplicas: ready, availableReplicas: ready }
  store.putStatus(set, {
    ...counts,
    fullyLabeledReplicas: pods.length,
    observedGeneration: set.metadata.generation,
  })
  store.putStatus(deployment, {
    ...counts,
    observedGeneration: deployment.metadata.generation,
    updatedReplicas: pods.length,
    conditions: [
      condition('Available', ready >= replicas, 'MinimumReplicasAvailable'),
      condition(
        'Progressing',
        true,
        ready >= replicas ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
      ),
    ],
  })
}

function runJob(store: Store, job: As<IJob>): void {
  if (job.spec === undefined) return
  create(
    store,
    podOf(job, `${job.metadata.name}-0`, job.spec.template, { 'job-name': job.metadata.name }),
  )
  const [pod] = podsOf(store, job)
  const phase = (pod as As<IPod> | undefined)?.status?.phase
  if (phase === 'Succeeded') {
    store.putStatus(job, {
      succeeded: 1,
      startTime: pod?.metadata.creationTimestamp,
      completionTime: pod?.metadata.creationTimestamp,
      conditions: [condition('Complete', true, 'CompletionsReached')],
    })
  } else if (phase === 'Failed') {
    store.putStatus(job, {
      failed: 1,
      conditions: [condition('Failed', true, 'BackoffLimitExceeded')],
    })
  } else store.putStatus(job, { active: 1 })
}

function runPod(store: Store, pod: As<IPod>, endsWell: Verdict): void {
  const phase = pod.status?.phase
  if (phase === 'Succeeded' || phase === 'Failed') return
  const missing = missingReferences(store, pod)
  if (missing.length > 0) {
    return store.putStatus(pod, {
      phase: 'Pending',
      conditions: [condition('Ready', false, 'ContainersNotReady', missing.join(', '))],
    })
  }
  const isShortLived = (pod.spec?.restartPolicy ?? 'Always') !== 'Always'
  if (isShortLived)
    store.putStatus(pod, { phase: endsWell(pod) ? 'Succeeded' : 'Failed', conditions: [] })
  else
    store.putStatus(pod, {
      phase: 'Running',
      conditions: [condition('Ready', true, 'ContainersReady')],
    })
}

/** What a pod needs to start and does not find. */
function missingReferences(store: Store, { metadata, spec }: As<IPod>): string[] {
  return referencesOf(spec).flatMap(({ kind, name, key, isOptional }) => {
    const object = store.get(resourceOf(kind), metadata.namespace ?? '', name)?.object
    const data = object?.['data']
    const holds = key === undefined || (isMap(data) && key in data)
    if ((object !== undefined && holds) || isOptional) return []
    return [
      `${kind.toLowerCase()} "${name}" ${object === undefined ? 'not found' : `has no key "${key}"`}`,
    ]
  })
}

function podOf(
  owner: KubernetesObject,
  name: string,
  template: IPodTemplateSpec,
  labels: Record<string, string>,
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...placed(owner, name),
      labels: { ...template.metadata?.labels, ...labels },
      annotations: template.metadata?.annotations ?? {},
      ...ownedBy(owner),
    },
    spec: template.spec,
  }
}

/** As a controller does: what is there stays, and what admission refuses is tried again for ever. */
function create(store: Store, object: KubernetesObject): void {
  const { namespace = '', name } = object.metadata
  if (store.get(resourceOf(object.kind), namespace, name) !== undefined) return
  if (object.kind === 'Pod') {
    const home = store.get(resourceOf('Namespace'), '', namespace)?.object
    if (podSecurityRefusal(object, home) !== undefined) return
  }
  store.put(object)
}

function giveAddress(store: Store, service: KubernetesObject): void {
  const stored = store.get(
    resourceOf('Service'),
    service.metadata.namespace ?? '',
    service.metadata.name,
  )
  const spec = service['spec'] as { clusterIP?: string } | undefined
  if (stored !== undefined && spec?.clusterIP === undefined) {
    store.put({ ...service, spec: { ...spec, clusterIP: '10.96.0.10' } }, stored.owners)
  }
}

function collectGarbage(store: Store): void {
  const kinds = ['Pod', 'ReplicaSet', 'PersistentVolumeClaim', 'Job']
  const all = ['StatefulSet', 'Deployment', 'CronJob', ...kinds].flatMap((kind) =>
    store.ofKind(kind),
  )
  const living = new Set(all.map(({ metadata }) => metadata.uid))
  for (const object of all) {
    const owners = object.metadata.ownerReferences ?? []
    if (owners.length > 0 && !owners.some(({ uid }) => living.has(uid))) store.remove(object)
  }
}

function find(
  store: Store,
  kind: string,
  { metadata }: KubernetesObject,
  name: string,
): KubernetesObject | undefined {
  return store.get(resourceOf(kind), metadata.namespace ?? '', name)?.object
}

function podsOf(store: Store, owner: KubernetesObject): KubernetesObject[] {
  return store.ofKind('Pod').filter((pod) => isOwnedBy(pod, owner))
}

function isOwnedBy(object: KubernetesObject, owner: KubernetesObject): boolean {
  return object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) ?? false
}

function isReady(pod: KubernetesObject): boolean {
  const conditions = (pod as As<IPod>).status?.conditions ?? []
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

function placed({ metadata }: KubernetesObject, name: string): { name: string; namespace: string } {
  return { name, namespace: metadata.namespace ?? '' }
}

function ownedBy({ apiVersion, kind, metadata }: KubernetesObject): object {
  return {
    ownerReferences: [
      { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true },
    ],
  }
}

function condition(type: string, holds: boolean, reason: string, message = ''): object {
  return { type, status: holds ? 'True' : 'False', reason, message }
}

function hashOf(template: IPodTemplateSpec): string {
  return createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10)
}

/** The pods behind a Service. */
export function endpointsOf(store: Store, service: KubernetesObject): string[] {
  const { selector = {} } = service['spec'] as { selector?: Record<string, string> }
  return store
    .ofKind('Pod')
    .filter(({ metadata }) => metadata.namespace === service.metadata.namespace)
    .filter(({ metadata }) => matches({ matchLabels: selector }, metadata.labels ?? {}))
    .map(nameOf)
}
