// The whole life cycle of a release, with helm 4, in a namespace that admits only restricted pods.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IPod } from 'kubernetes-models/v1/Pod'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { endpointsOf } from './support/api-server/controllers.ts'
import { RESOURCES } from './support/api-server/resources.ts'
import { startApiServer, type ApiServer } from './support/api-server/server.ts'
import { resourceOf } from './support/api-server/store.ts'
import { findHelm, findOldestHelm } from './support/find-helm.ts'
import { CHART, helm, MINIMAL, valuesFiles, type Outcome } from './support/helm.ts'
import { nameOf, podOwners, type KubernetesObject } from './support/objects.ts'
import { referencesOf } from './support/references.ts'
import { MINIMAL as MINIMAL_NAME, renderedObjects } from './support/renders.ts'

const HOME = 'home'
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' }

let api: ApiServer
let helm4: string
/** The helm that runs: helm 4 unless a test chooses another. */
let program: string
let folder: string

beforeAll(async () => {
  helm4 = await findHelm([4, 0])
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-life-cycle-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function startCluster(options: Parameters<typeof startApiServer>[0] = {}): Promise<void> {
  program = helm4
  api = await startApiServer(options)
  put('Namespace', HOME, { metadata: { name: HOME, labels: RESTRICTED } })
}

/** Creates an object that exists before the release. */
function put(kind: string, name: string, rest: object = {}): void {
  const metadata = kind === 'Namespace' ? { name } : { name, namespace: HOME }
  api.store.put({ apiVersion: '', kind, metadata, ...rest })
}

async function run(
  verb: string,
  values: readonly (string | object)[],
  ...words: string[]
): Promise<Outcome> {
  const files = values.flatMap((value, index) => {
    const path = typeof value === 'string' ? value : join(folder, `${index}.json`)
    if (typeof value !== 'string') writeFileSync(path, JSON.stringify(value))
    return ['--values', path]
  })
  const chart = ['install', 'upgrade'].includes(verb) ? [CHART] : []
  const all = [verb, 'desk', ...chart, ...files, '--namespace', HOME, '--timeout', '45s', ...words]
  return helm(all, { kubeconfig: api.kubeconfig, program })
}

async function succeed(
  verb: string,
  values: readonly (string | object)[],
  ...words: string[]
): Promise<string> {
  const { code, stdout, stderr } = await run(verb, values, ...words)
  expect(code, `${verb}: ${stdout}${stderr}`).toBe(0)
  return stdout
}

function get(kind: string, component: string): KubernetesObject {
  const found = api.store
    .ofKind(kind)
    .find(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === component)
  if (found === undefined) throw new Error(`the ${component} has no ${kind}`)
  return found
}

/** All objects of the release except helm's own record. */
function secrets(): Record<string, unknown> {
  const all = api.store.ofKind('Secret').filter((secret) => secret['type'] !== 'helm.sh/release.v1')
  return Object.fromEntries(
    all.map((secret) => [
      nameOf(secret),
      { ...(secret['stringData'] as object), ...(secret['data'] as object) },
    ]),
  )
}

/** What must not change while people work on the desktop. */
function desktop(): object {
  const { uid } = get('Pod', 'desktop').metadata
  return { pod: uid, generation: get('StatefulSet', 'desktop').metadata.generation }
}

/** The workloads with their generations, and their pods. */
function workloads(): object {
  const sets = ['Deployment', 'StatefulSet'].flatMap((kind) => api.store.ofKind(kind))
  const pods = api.store.ofKind('Pod').filter(({ metadata }) => metadata.ownerReferences)
  return {
    generations: Object.fromEntries(sets.map((set) => [nameOf(set), set.metadata.generation])),
    pods: Object.fromEntries(pods.map((pod) => [nameOf(pod), pod.metadata.uid])),
  }
}

describe('a release', () => {
  beforeEach(async () => {
    await startCluster()
    bringWhatIsExpected(renderedObjects(MINIMAL_NAME))
  })
  afterEach(() => api.close())

  it('comes up, with the desktop’s pod alone behind the desktop’s Service', async () => {
    await succeed('install', [MINIMAL], '--wait')
    for (const component of ['desktop', 'gateway']) {
      expect(get('Pod', component), component).toMatchObject({ status: { phase: 'Running' } })
      const service = get('Service', component)
      expect(endpointsOf(api.store, service)).toEqual([nameOf(get('Pod', component))])
    }
  })

  it('is not touched by an upgrade that changes nothing', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const before = [desktop(), secrets(), get('Pod', 'gateway').metadata.uid]
    expect(Object.keys(secrets()).length).toBeGreaterThan(0)
    await succeed('upgrade', [MINIMAL], '--wait')
    expect([desktop(), secrets(), get('Pod', 'gateway').metadata.uid]).toEqual(before)
  })

  it('leaves the desktop running and the secrets as they are when the gateway changes and is rolled back', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const before = [desktop(), secrets()]
    const first = get('Pod', 'gateway').metadata.uid
    await succeed('upgrade', [MINIMAL, { gateway: { config: { logLevel: 'debug' } } }], '--wait')
    expect(get('Pod', 'gateway').metadata.uid).not.toBe(first)
    expect([desktop(), secrets()]).toEqual(before)
    await succeed('rollback', [], '--wait')
    expect([desktop(), secrets()]).toEqual(before)
  })

  it('comes back by a rollback from a desktop that never gets ready', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const extraVolumes = [{ name: 'more', secret: { secretName: 'not-there' } }]
    await succeed('upgrade', [MINIMAL, { desktop: { extraVolumes } }])
    expect(get('Pod', 'desktop')).toMatchObject({ status: { phase: 'Pending' } })
    await succeed('rollback', [], '--wait')
    expect(get('Pod', 'desktop')).toMatchObject({ status: { phase: 'Running' } })
  })

  it('leaves the desktop running when it is to be updated another way', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const { uid } = get('Pod', 'desktop').metadata
    await succeed('upgrade', [MINIMAL, { desktop: { updateStrategy: 'OnDelete' } }], '--wait')
    expect(get('StatefulSet', 'desktop')['spec']).toMatchObject({
      updateStrategy: { type: 'OnDelete' },
    })
    await succeed('upgrade', [MINIMAL], '--wait')
    expect(get('Pod', 'desktop').metadata.uid).toBe(uid)
  })

  it('passes helm test, and the pods of the test go away', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const said = await succeed('test', [], '--logs')
    expect(said).toMatch(/TEST SUITE: +desk-/)
    expect(said).toContain('Phase:          Succeeded')
    expect(said).not.toContain('TEST SUITE: None')
  })

  it('goes, but for the claim with the desktop’s home, which the next one finds again', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const claim = get('PersistentVolumeClaim', 'desktop').metadata.uid
    await succeed('uninstall', [], '--wait')
    const left = RESOURCES.flatMap(({ kind }) => api.store.ofKind(kind)).filter(
      ({ metadata }) => metadata.annotations?.['meta.helm.sh/release-name'] === 'desk',
    )
    expect(left.map(({ kind }) => kind)).toEqual(['PersistentVolumeClaim'])
    expect(api.store.ofKind('Pod')).toEqual([])
    expect(get('PersistentVolumeClaim', 'desktop').metadata.uid).toBe(claim)
    await succeed('install', [MINIMAL], '--wait')
    expect(get('PersistentVolumeClaim', 'desktop').metadata.uid).toBe(claim)
  })

  it('leaves the password of the backups behind when it goes, because they outlive it', async () => {
    const values = [
      MINIMAL,
      { backup: { enabled: true, destination: 's3:https://s3.example.com/desk' } },
    ]
    const said = await succeed('install', values, '--wait')
    expect(said).toContain('kubectl get secret desk-ghostwire-backup --namespace home')
    const password = secrets()['Secret/desk-ghostwire-backup']
    expect(password).toMatchObject({ password: expect.stringMatching(/^.{60,}$/) })
    await succeed('uninstall', [], '--wait')
    expect(secrets()).toEqual({ 'Secret/desk-ghostwire-backup': password })
    await succeed('install', values, '--wait')
    expect(secrets()['Secret/desk-ghostwire-backup']).toEqual(password)
  })

  it('goes on with a snapshot in a claim of its own, and back to the claim before', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const claimOf = (): unknown =>
      (get('Pod', 'desktop') as IPod & KubernetesObject).spec?.volumes?.find(
        ({ name }) => name === 'home',
      )?.persistentVolumeClaim?.claimName
    const before = claimOf()
    const uid = get('PersistentVolumeClaim', 'desktop').metadata.uid
    await succeed('upgrade', [MINIMAL, { persistence: { restoreFrom: 'monday' } }], '--wait')
    expect(claimOf()).not.toBe(before)
    expect(api.get('PersistentVolumeClaim', HOME, String(claimOf()))?.['spec']).toMatchObject({
      dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'monday' },
    })
    expect(api.get('PersistentVolumeClaim', HOME, String(before))?.metadata.uid).toBe(uid)
    await succeed('upgrade', [MINIMAL], '--wait')
    expect(claimOf()).toBe(before)
    expect(api.get('PersistentVolumeClaim', HOME, String(before))?.metadata.uid).toBe(uid)
  })

  it('tells who else set a field instead of overwriting it', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const { metadata } = get('Deployment', 'gateway')
    const object = { kind: 'Deployment', namespace: HOME, name: metadata.name }
    const theirs = { spec: { template: { spec: { terminationGracePeriodSeconds: 7 } } } }
    await api.patch(object, theirs, 'kubectl-edit')
    const { code, stderr } = await run('upgrade', [MINIMAL])
    expect(code).toBe(1)
    expect(stderr).toContain(
      'conflict with "kubectl-edit": .spec.template.spec.terminationGracePeriodSeconds',
    )
    await succeed('upgrade', [MINIMAL], '--force-conflicts')
  })

  it('comes back from an upgrade that a field which cannot change has stopped', async () => {
    await succeed('install', [MINIMAL], '--wait')
    const before = [desktop(), secrets()]
    const { code, stderr } = await run('upgrade', [
      MINIMAL,
      { persistence: { storageClass: 'other' } },
    ])
    expect(code).toBe(1)
    expect(stderr).toContain('are forbidden')
    await succeed('rollback', [], '--wait')
    expect([desktop(), secrets()]).toEqual(before)
  })
})

describe('a release of the oldest helm', () => {
  beforeEach(async () => {
    await startCluster()
    bringWhatIsExpected(renderedObjects(MINIMAL_NAME))
  })
  afterEach(() => api.close())

  it('comes up, is upgraded and rolled back beside a desktop that goes on, and goes', async () => {
    program = await findOldestHelm()
    await succeed('install', [MINIMAL], '--wait')
    const before = [desktop(), secrets()]
    const first = get('Pod', 'gateway').metadata.uid
    await succeed('upgrade', [MINIMAL], '--wait')
    expect(get('Pod', 'gateway').metadata.uid).toBe(first)
    await succeed('upgrade', [MINIMAL, { gateway: { config: { logLevel: 'debug' } } }], '--wait')
    expect(get('Pod', 'gateway').metadata.uid).not.toBe(first)
    expect(await succeed('test', [])).toContain('Phase:          Succeeded')
    await succeed('rollback', [], '--wait')
    expect([desktop(), secrets()]).toEqual(before)
    await succeed('uninstall', [], '--wait')
    expect(api.store.ofKind('Pod')).toEqual([])
  })

  it('is taken over by helm 4', async () => {
    program = await findOldestHelm()
    await succeed('install', [MINIMAL], '--wait')
    const before = [desktop(), secrets()]
    program = helm4
    await succeed('upgrade', [MINIMAL], '--wait')
    expect([desktop(), secrets()]).toEqual(before)
  })
})

describe('a test that fails', () => {
  afterEach(() => api.close())

  it('fails helm test', async () => {
    const isTest = ({ metadata }: KubernetesObject): boolean =>
      metadata.annotations?.['helm.sh/hook']?.includes('test') ?? false
    await startCluster({ endsWell: (pod) => !isTest(pod) })
    bringWhatIsExpected(renderedObjects(MINIMAL_NAME))
    await succeed('install', [MINIMAL], '--wait')
    expect(await run('test', [])).toMatchObject({ code: 1 })
  })
})

describe.each(valuesFiles())('with $name', ({ name, path }) => {
  beforeEach(() => startCluster())
  afterEach(() => api.close())

  it('comes up, stays as it is over an upgrade, and goes', async () => {
    bringWhatIsExpected(renderedObjects(name))
    await succeed('install', [path], '--wait')
    const before = [workloads(), secrets()]
    await succeed('upgrade', [path], '--wait')
    expect([workloads(), secrets()]).toEqual(before)
    await succeed('uninstall', [], '--wait')
    expect(api.store.ofKind('Pod')).toEqual([])
  })
})

/** Namespaces, Secrets, claims and accounts that the values name and that must exist already. */
function bringWhatIsExpected(objects: readonly KubernetesObject[]): void {
  for (const { metadata } of objects) {
    const { namespace = HOME } = metadata
    if (namespace !== HOME) put('Namespace', namespace)
  }
  const ours = new Set(objects.map(nameOf))
  for (const { template } of podOwners(objects)) {
    for (const { kind, name, key } of referencesOf(template.spec)) {
      if (ours.has(`${kind}/${name}`)) continue
      const before = api.store.get(resourceOf(kind), HOME, name)?.object['data']
      const data = { ...(before as object), ...(key === undefined ? {} : { [key]: 'eA==' }) }
      put(kind, name, ['Secret', 'ConfigMap'].includes(kind) ? { data } : {})
    }
  }
}
