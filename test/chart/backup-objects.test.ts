// Where the backup's pods run, and what they may do.

import type { ICronJob } from 'kubernetes-models/batch/v1/CronJob'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { describe, expect, it } from 'vitest'
import { MINIMAL, template } from './support/helm.ts'
import { ofKind, parseObjects, type KubernetesObject } from './support/objects.ts'

const S3 = { enabled: true, destination: 's3:https://s3.example.com/desk' }

async function render(backup: object, rest: object = {}): Promise<KubernetesObject[]> {
  const { stdout, stderr } = await template({ values: [MINIMAL], set: { backup, ...rest } })
  expect(stderr).toBe('')
  return parseObjects(stdout)
}

type Pod = NonNullable<
  NonNullable<NonNullable<ICronJob['spec']>['jobTemplate']['spec']>['template']['spec']
>

function podOf(objects: readonly KubernetesObject[], job: string): Pod {
  const found = ofKind<ICronJob>(objects, 'CronJob').find(
    ({ metadata }) => metadata.name === `desk-ghostwire-${job}`,
  )
  const pod = found?.spec?.jobTemplate.spec?.template.spec
  if (pod === undefined) throw new Error(`there is no ${job}`)
  return pod
}

describe('the pod of a backup', () => {
  it('runs on the node of the desktop, to which the claim is attached', async () => {
    const { affinity } = podOf(await render(S3), 'backup')
    expect(affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution).toEqual([
      {
        topologyKey: 'kubernetes.io/hostname',
        labelSelector: {
          matchLabels: {
            'app.kubernetes.io/name': 'ghostwire',
            'app.kubernetes.io/instance': 'desk',
            'app.kubernetes.io/component': 'desktop',
          },
        },
      },
    ])
  })

  it.each([
    ['the desktop is stopped', { desktop: { replicas: 0 } }],
    ['several nodes can mount the claim', { persistence: { accessModes: ['ReadWriteMany'] } }],
  ])('runs anywhere where %s', async (_, values) => {
    expect(podOf(await render(S3, values), 'backup').affinity).toBeUndefined()
  })

  it('cannot change the home directory, and only a restore can', async () => {
    const objects = await render(S3)
    const isReadOnly = (job: string): boolean | undefined =>
      podOf(objects, job).containers[0]?.volumeMounts?.find(({ name }) => name === 'home')?.readOnly
    expect(isReadOnly('backup')).toBe(true)
    expect(isReadOnly('restore')).toBeUndefined()
    expect(podOf(objects, 'verify').volumes?.map(({ name }) => name)).not.toContain('home')
  })

  it('goes where the desktop goes: to its node, past its taints, as its user', async () => {
    const tolerations = [{ key: 'desktops', operator: 'Exists' }]
    const nodeSelector = { pool: 'desktops' }
    const podSecurityContext = { runAsUser: 2000 }
    const objects = await render(S3, { desktop: { tolerations, nodeSelector, podSecurityContext } })
    expect(podOf(objects, 'backup')).toMatchObject({
      tolerations,
      nodeSelector,
      securityContext: { runAsUser: 2000, runAsNonRoot: true },
    })
  })

  it('mounts the folder in the claim that the desktop uses', async () => {
    const objects = await render(S3, { persistence: { existingClaim: 'old', subPath: 'home' } })
    const { containers, volumes } = podOf(objects, 'backup')
    expect(containers[0]?.volumeMounts).toContainEqual({
      name: 'home',
      mountPath: '/data',
      readOnly: true,
      subPath: 'home',
    })
    expect(volumes).toContainEqual({ name: 'home', persistentVolumeClaim: { claimName: 'old' } })
  })
})

it('never runs a restore by itself', async () => {
  const jobs = ofKind<ICronJob>(await render(S3), 'CronJob')
  const suspended = jobs.filter(({ spec }) => spec?.suspend).map(({ metadata }) => metadata.name)
  expect(suspended).toEqual(['desk-ghostwire-restore'])
})

describe('the policy of the backup', () => {
  const portsOf = async (backup: object, rest: object = {}): Promise<unknown> => {
    const policy = ofKind<INetworkPolicy>(await render(backup, rest), 'NetworkPolicy').find(
      ({ metadata }) => metadata.name === 'desk-ghostwire-backup',
    )
    return policy?.spec?.egress?.slice(1).map(({ ports }) => ports?.map(({ port }) => port))
  }

  it.each([
    ['s3:https://s3.example.com/desk', 443],
    ['s3:s3.amazonaws.com/desk', 443],
    ['s3:http://minio.storage.svc:9000/desk', 9000],
    ['s3:minio.example.com:9000/desk', 9000],
    ['rest:http://files.example.com/desk', 80],
    ['rest:https://files.example.com:8000', 8000],
    ['azure:container:/desk', 443],
  ])('opens for %s port %i alone', async (destination, port) => {
    expect(await portsOf({ enabled: true, destination })).toEqual([[port]])
  })

  it('opens nothing for a claim', async () => {
    const claim = { enabled: true, destination: '/backup', existingClaim: 'backups' }
    expect(await portsOf(claim)).toBeUndefined()
  })

  it('is replaced by rules of one’s own', async () => {
    const egress = [
      { to: [{ ipBlock: { cidr: '198.51.100.7/32' } }], ports: [{ port: 9000, protocol: 'TCP' }] },
    ]
    expect(await portsOf(S3, { networkPolicy: { backup: { egress } } })).toEqual([[9000]])
  })
})
