// scripts/backup-restore.sh by the real kubectl, against a release in a cluster of the tests.

import type { IJob } from 'kubernetes-models/batch/v1/Job'
import type { IStatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startApiServer, type ApiServer } from './support/api-server/server.ts'
import { ROOT, template, type Outcome } from './support/helm.ts'
import { parseObjects, type KubernetesObject } from './support/objects.ts'
import { renderedObjects } from './support/renders.ts'
import { runScript } from './support/script.ts'

const VALUES = 'chart/ci/backup-values.yaml'
const HOME = 'home'

let api: ApiServer
/** `replicas` of the desktop, each time that they changed. */
let replicas: unknown[]
let endsWell: boolean

beforeEach(async () => {
  endsWell = true
  api = await startApiServer({ endsWell: () => endsWell })
  api.store.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: HOME } })
  install(renderedObjects(VALUES))
  replicas = []
  api.store.onChange(() => {
    const now = desktop()?.spec?.replicas
    if (replicas.at(-1) !== now) replicas.push(now)
  })
  api.store.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's3-credentials', namespace: HOME },
  })
})
afterEach(() => api.close())

function install(objects: readonly KubernetesObject[]): void {
  for (const object of objects) {
    if (['Pod', 'PrometheusRule'].includes(object.kind)) continue
    api.store.put({ ...object, metadata: { ...object.metadata, namespace: HOME } })
  }
}

const desktop = (): IStatefulSet | undefined =>
  api.get('StatefulSet', HOME, 'desk-ghostwire-desktop') as unknown as IStatefulSet | undefined

const script = (words: string, stdin = ''): Promise<Outcome> =>
  runScript('backup-restore.sh', ['--namespace', HOME, ...words.split(' ')], {
    kubeconfig: api.kubeconfig,
    stdin,
  })

const jobs = (): (IJob & KubernetesObject)[] =>
  api.store.ofKind('Job') as (IJob & KubernetesObject)[]

/** What the only job there is was told. */
function environment(): Record<string, string | undefined> {
  const [job, ...more] = jobs()
  expect(more).toEqual([])
  const { env = [] } = job?.spec?.template.spec?.containers[0] ?? {}
  return Object.fromEntries(env.map(({ name, value }) => [name, value]))
}

it.each([
  ['backup', 'desk-ghostwire-backup-'],
  ['verify', 'desk-ghostwire-verify-'],
])('runs a %s now, waits for its end and shows its log', async (command, name) => {
  const { code, stdout, stderr } = await script(command)
  expect(code, stderr).toBe(0)
  expect(stdout).toBe('said the pod\n')
  expect(jobs().map(({ metadata }) => metadata.name)).toEqual([
    expect.stringMatching(new RegExp(`^${name}\\d{10}$`)),
  ])
  expect(environment()).not.toHaveProperty('BACKUP_LIST')
  expect(replicas).toEqual([1])
})

it('lists backups without the check of the repository', async () => {
  const { code, stderr } = await script('list')
  expect(code, stderr).toBe(0)
  expect(environment()).toMatchObject({ BACKUP_LIST: 'yes' })
})

it('fails with a job that fails, and shows why', async () => {
  endsWell = false
  const { code, stdout, stderr } = await script('backup')
  expect(code).toBe(1)
  expect(stdout).toBe('said the pod\n')
  expect(stderr).toContain('failed')
})

describe('a restore', () => {
  it('stops the desktop, replaces its home directory, and starts it again', async () => {
    const { code, stderr } = await script('restore 0123abcd', 'yes\n')
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('closes what people have open')
    expect(stderr).toContain('Restored 0123abcd.')
    expect(environment()).toMatchObject({ RESTORE_SNAPSHOT: '0123abcd' })
    expect(environment()).not.toHaveProperty('RESTORE_SKIP_BACKUP')
    expect(replicas).toEqual([1, 0, 1])
  })

  it.each(['no\n', 'y\n', ''])('changes nothing for the answer %j', async (answer) => {
    const { code, stderr } = await script('restore latest', answer)
    expect(code).toBe(1)
    expect(stderr).toContain('Nothing was changed.')
    expect(replicas).toEqual([1])
    expect(jobs()).toEqual([])
  })

  it('does not ask where it is told to, and says that what is there is lost without a backup', async () => {
    const asked = await script('restore --skip-backup latest')
    expect(asked.stderr).toContain('LOST')
    const { code, stderr } = await script('restore --skip-backup --yes latest')
    expect(code, stderr).toBe(0)
    expect(environment()).toMatchObject({ RESTORE_SNAPSHOT: 'latest', RESTORE_SKIP_BACKUP: 'yes' })
  })

  it('that fails leaves the desktop stopped, and says how to start it', async () => {
    endsWell = false
    const { code, stderr } = await script('restore --yes latest')
    expect(code).toBe(3)
    expect(replicas).toEqual([1, 0])
    const [, command = ''] = /now: \S+backup-restore\.sh (.*)$/m.exec(stderr) ?? []
    expect(command).toBe('--namespace home --fullname desk-ghostwire start')
    const started = await script('--fullname desk-ghostwire start')
    expect(started.code, started.stderr).toBe(0)
    expect(replicas).toEqual([1, 0, 1])
  })

  it('leaves a desktop stopped that was stopped before', async () => {
    await api.patch(
      { kind: 'StatefulSet', namespace: HOME, name: 'desk-ghostwire-desktop' },
      { spec: { replicas: 0 } },
      'somebody',
    )
    const { code, stderr } = await script('restore --yes latest')
    expect(code, stderr).toBe(0)
    expect(replicas).toEqual([1, 0])
  })
})

it.each(['backup', 'list', 'verify', 'restore latest'])(
  'changes nothing in a dry run of %s, and says what it would do',
  async (command) => {
    await new Promise((resolve) => setTimeout(resolve, 200))
    const before = api.store.revision
    const { code, stderr } = await script(`--dry-run ${command}`)
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('would run: a job of the CronJob desk-ghostwire-')
    expect(stderr.includes('would run: kubectl apply')).toBe(command.startsWith('restore'))
    expect(api.store.revision).toBe(before)
  },
)

describe('which release', () => {
  beforeEach(async () => {
    const { stdout } = await template({ release: 'other', values: [`${ROOT}/${VALUES}`] })
    install(parseObjects(stdout))
  })

  it('has to be said where there are two', async () => {
    const { code, stderr } = await script('backup')
    expect(code).toBe(1)
    expect(stderr).toContain('--fullname: desk-ghostwire other-ghostwire')
    expect(jobs()).toEqual([])
  })

  it('is the one that is named', async () => {
    expect(await script('--fullname other-ghostwire backup')).toMatchObject({ code: 0 })
    expect(jobs()[0]?.metadata.name).toMatch(/^other-ghostwire-backup-/)
  })
})

it('says so where there is no backup', async () => {
  const { code, stderr } = await runScript('backup-restore.sh', ['-n', 'default', 'backup'], {
    kubeconfig: api.kubeconfig,
  })
  expect(code).toBe(1)
  expect(stderr).toContain('backup.enabled')
})

it.each([
  ['', 'Usage'],
  ['purge', 'Unknown command purge'],
  ['restore', 'needs a snapshot'],
  ['restore ../../etc', 'not the identifier'],
  ['restore latest again', 'One argument too many'],
  ['--forse backup', 'Unknown option --forse'],
  ['--timeout soon backup', '--timeout'],
  ['backup --timeout', 'needs a value'],
])('refuses "%s" with words', async (words, says) => {
  const { code, stderr } = await runScript(
    'backup-restore.sh',
    words.split(' ').filter((word) => word !== ''),
    { kubeconfig: api.kubeconfig },
  )
  expect(code).toBe(2)
  expect(stderr).toContain(says)
})
