// What the CronJob `snapshot` runs, run as it would: the rendered command with the rendered environment, from src/ instead of the
// image, against an API server whose storage makes snapshots, or not.

import type { ICronJob } from 'kubernetes-models/batch/v1/CronJob'
import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  startApiServer,
  type ApiServer,
  type ApiServerOptions,
} from './support/api-server/server.ts'
import { ROOT } from './support/helm.ts'
import { ofKind, podOwners, type KubernetesObject } from './support/objects.ts'
import { renderedObjects } from './support/renders.ts'
import { apiServerAt, createAccount, type Front } from './support/service-account.ts'

const VALUES = 'chart/ci/volume-snapshot-values.yaml'
const HOME = 'home'
const CLAIM = ofKind<KubernetesObject>(renderedObjects(VALUES), 'PersistentVolumeClaim')[0]
  ?.metadata.name
const LABELS = {
  'app.kubernetes.io/name': 'ghostwire',
  'app.kubernetes.io/instance': 'desk',
  'app.kubernetes.io/component': 'snapshot',
}

const account = createAccount(HOME)
afterAll(() => account.remove())

let api: ApiServer
let front: Front
/** What the storage makes of a new snapshot. */
let status: object | undefined
beforeEach(() => start())
afterEach(stop)

async function start(options: ApiServerOptions = {}): Promise<void> {
  api = await startApiServer(options)
  front = await account.startFront(api.url)
  api.store.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: HOME } })
  status = { readyToUse: true }
  api.store.onChange(() => setImmediate(makeSnapshots))
}

function makeSnapshots(): void {
  for (const snapshot of snapshots())
    if (snapshot['status'] === undefined && status !== undefined)
      api.store.putStatus(snapshot, status)
}

async function stop(): Promise<void> {
  front.close()
  await api.close()
}

interface Ended {
  readonly code: number
  readonly said: string
}

function run(replaced: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const owner = podOwners(renderedObjects(VALUES)).find(
    ({ name }) => name === 'CronJob/desk-ghostwire-snapshot',
  )
  const [container] = owner?.template.spec.containers ?? []
  const { command = [], env = [] } = container ?? {}
  const [node, ...words] = command
  expect(node).toBe('node')
  const path = words.map((word) =>
    word.replace(/^\/app\/dist\/(.*)\.js$/, (_, name: string) => join(ROOT, `src/${name}.ts`)),
  )
  const rendered = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]))
  for (const name of Object.keys({ ...account.replaced, ...replaced }))
    expect(Object.keys(rendered)).toContain(name)
  const environment = { ...rendered, ...account.replaced, ...replaced, ...apiServerAt(front.port) }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [account.preload, ...path],
      { env: environment },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    )
  })
}

/** A snapshot of the release that is there already. */
function put(name: string, day: number, rest: object = {}): void {
  const creationTimestamp = `2026-01-${String(day).padStart(2, '0')}T02:00:00Z`
  const metadata = { name, namespace: HOME, labels: LABELS, creationTimestamp }
  const spec = { source: { persistentVolumeClaimName: CLAIM } }
  api.store.put({
    apiVersion: '',
    kind: 'VolumeSnapshot',
    metadata,
    spec,
    status: { readyToUse: true },
    ...rest,
  })
}

const snapshots = (): KubernetesObject[] => api.store.ofKind('VolumeSnapshot')
const names = (): string[] =>
  snapshots()
    .map(({ metadata }) => metadata.name)
    .sort()
const isNew = (name: string): boolean => /^desk-ghostwire-home-\d{14}$/.test(name)

describe('a snapshot', () => {
  it('is taken of the home directory’s claim, in the class of the values, with the token of the pod', async () => {
    const { code, said } = await run()
    expect(code, said).toBe(0)
    const [snapshot, ...more] = snapshots()
    expect(more).toEqual([])
    expect(isNew(snapshot?.metadata.name ?? '')).toBe(true)
    expect(said).toBe(`The snapshot ${snapshot?.metadata.name} is ready.\n`)
    expect(snapshot).toMatchObject({
      metadata: { namespace: HOME, labels: LABELS },
      spec: {
        volumeSnapshotClassName: 'fast',
        source: { persistentVolumeClaimName: CLAIM },
      },
    })
    expect(new Set(front.authorizations)).toEqual(new Set(['Bearer a token of the job']))
  })

  it('is in the default class where the values name none', async () => {
    expect(await run({ SNAPSHOT_CLASS: '' })).toMatchObject({ code: 0 })
    expect(snapshots()[0]?.['spec']).not.toHaveProperty('volumeSnapshotClassName')
  })

  it('is waited for', async () => {
    status = undefined
    const running = run()
    setTimeout(() => {
      status = { readyToUse: true }
      makeSnapshots()
    }, 1_500)
    expect(await running).toMatchObject({ code: 0 })
  })
})

describe('old snapshots', () => {
  const put20 = (): void => {
    for (let day = 1; day <= 20; day += 1) put(`old-${String(day).padStart(2, '0')}`, day)
  }

  it('go, but for as many as are to stay, the new one among them', async () => {
    put20()
    const { said } = await run({ SNAPSHOT_RETAIN: '3' })
    expect(names().filter((name) => !isNew(name))).toEqual(['old-19', 'old-20'])
    expect(names()).toHaveLength(3)
    expect(said.match(/^Deleted old-/gm)).toHaveLength(18)
  })

  it('all stay while the new one is not ready, and the job says why', async () => {
    put20()
    status = { readyToUse: false, error: { message: 'the pool is full' } }
    const { code, said } = await run({ SNAPSHOT_RETAIN: '3', SNAPSHOT_TIMEOUT_SECONDS: '1' })
    expect(code).toBe(1)
    expect(said).toBe('The snapshot is not ready after 1 seconds. the pool is full\n')
    expect(names()).toHaveLength(21)
  })

  it('that never became ready go with the next good one, and do not count', async () => {
    put('good', 1)
    put('failed', 2, { status: { readyToUse: false } })
    await run({ SNAPSHOT_RETAIN: '2' })
    expect(names().filter((name) => !isNew(name))).toEqual(['good'])
  })

  it('of somebody else stay', async () => {
    const other = { source: { persistentVolumeClaimName: 'other' } }
    put('of-another-claim', 1, { spec: other })
    put('by-hand', 2, {
      metadata: { name: 'by-hand', namespace: HOME, creationTimestamp: '2026-01-02T02:00:00Z' },
    })
    put('elsewhere', 3, {
      metadata: { name: 'elsewhere', namespace: 'other', labels: LABELS },
    })
    await run({ SNAPSHOT_RETAIN: '1' })
    expect(names().filter((name) => !isNew(name))).toEqual([
      'by-hand',
      'elsewhere',
      'of-another-claim',
    ])
  })
})

describe('words for', () => {
  it('a controller that does not run', async () => {
    status = undefined
    const { code, said } = await run({ SNAPSHOT_TIMEOUT_SECONDS: '1' })
    expect(code).toBe(1)
    expect(said).toContain('does the snapshot controller run?')
  })

  it('a cluster without snapshots', async () => {
    await stop()
    await start({ lacks: ['snapshot.storage.k8s.io'] })
    const { code, said } = await run()
    expect(code).toBe(1)
    expect(said).toContain('install the snapshot controller')
  })

  it('an API server that does not answer', async () => {
    front.close()
    expect(await run()).toMatchObject({ code: 1, said: expect.stringMatching(/./) as string })
  })
})

it('may do with snapshots what it does, and nothing else', () => {
  const roles = ofKind<IRole>(renderedObjects(VALUES), 'Role')
  expect(roles.map(({ rules }) => rules)).toEqual([
    [
      {
        apiGroups: ['snapshot.storage.k8s.io'],
        resources: ['volumesnapshots'],
        verbs: ['create', 'get', 'list', 'delete'],
      },
    ],
  ])
})

it('has time to say that the snapshot is late before its pod is ended', () => {
  const [job] = ofKind<ICronJob>(renderedObjects(VALUES), 'CronJob')
  const spec = job?.spec?.jobTemplate.spec
  const env = spec?.template.spec?.containers[0]?.env ?? []
  const timeout = env.find(({ name }) => name === 'SNAPSHOT_TIMEOUT_SECONDS')?.value
  expect(spec?.activeDeadlineSeconds).toBeGreaterThan(Number(timeout) + 60)
})
