// Takes a VolumeSnapshot of a claim, waits until it can be used, then deletes the oldest ones. Nothing is deleted before the new one
// is ready, so a storage that makes no snapshots any more keeps its last good ones.
// https://kubernetes.io/docs/concepts/storage/volume-snapshots/

import { setTimeout as wait } from 'node:timers/promises'
import { ClusterError, type Cluster } from './cluster.ts'

const POLL_MS = 2_000

export interface SnapshotPlan {
  readonly claim: string
  /** Names of snapshots are this and a time: `desk-home-20260131020000`. */
  readonly prefix: string
  /** Empty: the default class of the claim's driver. */
  readonly className: string
  /** Of the snapshots; those with all of them are candidates for deletion. */
  readonly labels: Readonly<Record<string, string>>
  /** How many ready snapshots stay. */
  readonly retain: number
  readonly timeoutSeconds: number
}

interface Snapshot {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string }
  readonly spec: { readonly source: { readonly persistentVolumeClaimName?: string } }
  readonly status?: {
    readonly readyToUse?: boolean
    readonly error?: { readonly message?: string }
  }
}

export interface SnapshotOutcome {
  readonly name: string
  readonly deleted: readonly string[]
}

/** Rejects with a message for people when there is no snapshot that can be used. */
export async function takeSnapshot(
  cluster: Cluster,
  plan: SnapshotPlan,
  now: Date = new Date(),
): Promise<SnapshotOutcome> {
  const path = `/apis/snapshot.storage.k8s.io/v1/namespaces/${cluster.namespace}/volumesnapshots`
  const name = `${plan.prefix}-${now.toISOString().replaceAll(/\D/g, '').slice(0, 14)}`
  await create(cluster, path, plan, name)
  await untilReady(cluster, `${path}/${name}`, plan.timeoutSeconds)
  const selector = Object.entries(plan.labels).map(([key, value]) => `${key}=${value}`)
  const query = `labelSelector=${encodeURIComponent(selector.join(','))}`
  const { items } = (await cluster.request('GET', `${path}?${query}`)) as { items: Snapshot[] }
  const deleted = surplus(items, plan).map(({ metadata }) => metadata.name)
  for (const each of deleted) await remove(cluster, `${path}/${each}`)
  return { name, deleted }
}

async function create(
  cluster: Cluster,
  path: string,
  { claim, className, labels }: SnapshotPlan,
  name: string,
): Promise<void> {
  const snapshot = {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, labels },
    spec: {
      ...(className === '' ? {} : { volumeSnapshotClassName: className }),
      source: { persistentVolumeClaimName: claim },
    },
  }
  try {
    await cluster.request('POST', path, snapshot)
  } catch (error) {
    if (!(error instanceof ClusterError) || error.status !== 404) throw error
    const words =
      'The cluster has no snapshot.storage.k8s.io/v1: install the snapshot controller and its definitions'
    throw new Error(`${words} (${error.message})`, { cause: error })
  }
}

/** The snapshot controller tries again after an error, so an error is only reported when the time is over. */
async function untilReady(cluster: Cluster, path: string, timeoutSeconds: number): Promise<void> {
  const end = Date.now() + timeoutSeconds * 1_000
  let problem = 'Nothing has taken care of it: does the snapshot controller run?'
  while (Date.now() < end) {
    try {
      const { status } = (await cluster.request('GET', path)) as Snapshot
      if (status?.readyToUse === true) return
      if (status !== undefined) problem = status.error?.message ?? 'The storage is still at work.'
    } catch (error) {
      if (error instanceof ClusterError && error.status < 500) throw error
      problem = (error as Error).message
    }
    await wait(Math.min(POLL_MS, timeoutSeconds * 100))
  }
  throw new Error(`The snapshot is not ready after ${timeoutSeconds} seconds. ${problem}`)
}

/** Ready ones beyond `retain`, and what failed before the newest ready one. */
function surplus(snapshots: readonly Snapshot[], { claim, retain }: SnapshotPlan): Snapshot[] {
  const ours = snapshots
    .filter(({ spec }) => spec.source.persistentVolumeClaimName === claim)
    .toSorted((one, other) => (ageKey(one) < ageKey(other) ? 1 : -1))
  const isReady = ({ status }: Snapshot): boolean => status?.readyToUse === true
  const newest = ours.findIndex(isReady)
  const failed = ours.slice(newest + 1).filter((snapshot) => !isReady(snapshot))
  return [...ours.filter(isReady).slice(retain), ...failed]
}

/** The time has whole seconds; within one, the name decides. */
function ageKey({ metadata }: Snapshot): string {
  return `${metadata.creationTimestamp} ${metadata.name}`
}

async function remove(cluster: Cluster, path: string): Promise<void> {
  try {
    await cluster.request('DELETE', path)
  } catch (error) {
    // Somebody else deleted it.
    if (!(error instanceof ClusterError) || error.status !== 404) throw error
  }
}
