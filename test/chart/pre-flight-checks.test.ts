// scripts/pre-flight-checks.sh by the real kubectl and helm, against clusters that have what a release needs, and that do not.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import {
  startApiServer,
  type ApiServer,
  type ApiServerOptions,
} from './support/api-server/server.ts'
import { findHelm, findKubectl } from './support/find-helm.ts'
import { MINIMAL, ROOT } from './support/helm.ts'
import { runScript } from './support/script.ts'

const PRODUCTION = join(ROOT, 'examples/values-production.yaml')
const NAMESPACE = 'desk'

interface Finding {
  readonly level: 'failure' | 'ok' | 'unknown' | 'warning'
  readonly check: string
  readonly message: string
  readonly fix?: string
}
interface Report {
  readonly worst: string
  readonly findings: readonly Finding[]
}

let api: ApiServer
let folder: string
let forbidden = ''
let env: Record<string, string> = {}
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-pre-flight-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  forbidden = ''
  env = {}
  return api.close()
})

type Metadata = { readonly name: string; readonly namespace?: string } & object

function put(kind: string, metadata: Metadata, rest: object = {}): void {
  api.store.put({ apiVersion: '', kind, metadata, ...rest })
}

/** A cluster as most companies have it. */
async function startCluster(options: ApiServerOptions = {}): Promise<void> {
  api = await startApiServer(options)
  for (const name of [NAMESPACE, 'gateways', 'kube-node-lease'])
    put('Namespace', {
      name,
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    } as Metadata)
  put('Node', { name: 'one' }, { spec: { podCIDRs: ['10.42.0.0/24'] } })
  put('Lease', { name: 'one', namespace: 'kube-node-lease' }, { spec: { renewTime: stamp(0) } })
  put('Service', { name: 'kubernetes', namespace: 'default' }, { spec: { clusterIP: '10.96.0.1' } })
  put('DaemonSet', { name: 'cilium', namespace: 'kube-system' })
  put('StorageClass', defaultClass('fast', 'storageclass'), { provisioner: 'csi.example.com' })
  put(
    'IngressClass',
    { name: 'traefik' },
    { spec: { controller: 'traefik.io/ingress-controller' } },
  )
  put('Gateway', { name: 'web', namespace: 'gateways' }, { status: { conditions: [programmed] } })
  put('ClusterIssuer', { name: 'company-ca' }, { status: { conditions: [ready] } })
}

const programmed = { type: 'Programmed', status: 'True' }
const ready = { type: 'Ready', status: 'True' }

function defaultClass(name: string, kind: string): Metadata {
  return { name, annotations: { [`${kind}.kubernetes.io/is-default-class`]: 'true' } } as Metadata
}

function stamp(secondsAgo: number): string {
  return new Date(Date.now() - secondsAgo * 1_000).toISOString().replace('Z', '000Z')
}

/** What values-production.yaml names and does not bring. */
function bringSecrets(): void {
  const secrets = {
    'desk-session': 'session-secret',
    'desk-admin': 'admin-token',
    'desk-client': 'client-secret',
    'desk-redis': 'url',
    'desk-desktop': 'password',
  }
  for (const [name, key] of Object.entries(secrets))
    put('Secret', { name, namespace: NAMESPACE }, { data: { [key]: 'eA==' } })
  put('ConfigMap', { name: 'company-ca', namespace: NAMESPACE }, { data: { 'ca.crt': 'x' } })
}

async function checkText(
  values: readonly (string | object)[],
  ...words: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const files = values.flatMap((value, index) => {
    const path = typeof value === 'string' ? value : join(folder, `${index}.json`)
    if (typeof value !== 'string') writeFileSync(path, JSON.stringify(value))
    return ['--values', path]
  })
  return runScript('pre-flight-checks.sh', ['-n', NAMESPACE, ...files, ...words], {
    kubeconfig: api.kubeconfig,
    path: await programs(),
    env,
  })
}

/** A folder with helm, and with a kubectl that is refused what `forbidden` names. */
async function programs(): Promise<string> {
  const bin = mkdtempSync(join(folder, 'bin-'))
  const helm = await findHelm()
  if (helm.includes('/')) symlinkSync(helm, join(bin, 'helm'))
  if (forbidden !== '') {
    const kubectl = await findKubectl()
    const real = kubectl.includes('/') ? kubectl : '/usr/bin/env -- PATH="${PATH#*:}" kubectl'
    const refusal = `Error from server (Forbidden): ${forbidden} is forbidden`
    writeFileSync(
      join(bin, 'kubectl'),
      `#!/bin/sh\ncase "$*" in "get ${forbidden}"*) echo '${refusal}' >&2; exit 1 ;; esac\nexec ${real} "$@"\n`,
      { mode: 0o755 },
    )
  }
  return bin
}

async function check(
  values: readonly (string | object)[],
  ...words: string[]
): Promise<Report & { code: number }> {
  const { code, stdout, stderr } = await checkText(values, '--json', '--offline', ...words)
  expect(stderr).toBe('')
  return { code, ...(JSON.parse(stdout) as Report) }
}

/** `failure issuer: there is no …`, of everything that is not in order. */
function wrong({ findings }: Report): string[] {
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, message }) => `${level} ${check}: ${message}`)
}

describe('a cluster with everything', () => {
  it('passes for the values for production', async () => {
    await startCluster()
    bringSecrets()
    const report = await check([PRODUCTION])
    expect(wrong(report)).toEqual([])
    expect(report).toMatchObject({ code: 0, worst: 'ok' })
    const checks = new Set(report.findings.map(({ check }) => check))
    for (const name of [
      'values',
      'cluster',
      'kinds',
      'namespace',
      'gateway-api',
      'issuer',
      'storage',
      'references',
      'network',
      'ranges',
      'clock',
    ])
      expect([...checks]).toContain(name)
  })

  it('prints a line for each finding, for people', async () => {
    await startCluster()
    const { code, stdout } = await checkText([MINIMAL], '--offline')
    expect(code, stdout).toBe(0)
    expect(stdout).toMatch(/^ok +cluster +Kubernetes 1\.36$/m)
    expect(stdout).toMatch(
      /^ok +storage +desk-ghostwire-desktop-home: the default StorageClass is fast$/m,
    )
  })

  it('is not changed', async () => {
    await startCluster()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const before = api.store.revision
    await check([MINIMAL])
    expect(api.store.revision).toBe(before)
  })

  it('passes without the namespace, which helm creates', async () => {
    await startCluster()
    const { code, findings } = await check([MINIMAL], '-n', 'new')
    expect(code).toBe(0)
    expect(findings.find(({ check }) => check === 'namespace')?.message).toContain(
      'new does not exist yet',
    )
  })
})

const TRAEFIK = {
  ingress: { enabled: true, className: 'traefik', certManager: { clusterIssuer: 'company-ca' } },
}
const SNAPSHOTS = { volumeSnapshot: { enabled: true } }
const CERTIFICATE = { certificate: { enabled: true, issuerRef: { name: 'gone' } } }

describe('what is wrong', () => {
  it.each<[string, readonly (string | object)[], () => void, readonly string[]]>([
    [
      'values that the chart refuses',
      [MINIMAL, { gateway: { publicUrl: 'http://desk.example.com' } }],
      () => {},
      ['failure values: the chart refuses them: ', 'gateway.publicUrl: must be https'],
    ],
    [
      'an IngressClass that is not there',
      [MINIMAL, { ingress: { ...TRAEFIK.ingress, className: 'nginx' } }],
      () => {},
      ['failure ingress: there is no IngressClass nginx'],
    ],
    [
      'an issuer that is not there',
      [MINIMAL, CERTIFICATE],
      () => {},
      ['failure issuer: there is no ClusterIssuer gone'],
    ],
    [
      'an issuer that cannot issue',
      [MINIMAL, TRAEFIK],
      () =>
        put(
          'ClusterIssuer',
          { name: 'company-ca' },
          { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
        ),
      ['failure issuer: the ClusterIssuer company-ca is not ready'],
    ],
    [
      'a StorageClass that is not there',
      [MINIMAL, { persistence: { storageClass: 'slow' } }],
      () => {},
      ['failure storage: desk-ghostwire-desktop-home: there is no StorageClass slow'],
    ],
    [
      'no default StorageClass',
      [MINIMAL],
      () => put('StorageClass', { name: 'fast' }, { provisioner: 'csi.example.com' }),
      ['failure storage: desk-ghostwire-desktop-home: the cluster has no default StorageClass'],
    ],
    [
      'a Gateway that is not there',
      [MINIMAL, { httpRoute: { enabled: true, parentRefs: [{ name: 'other' }] } }],
      () => {},
      ['failure gateway-api: there is no Gateway desk/other'],
    ],
    [
      'a Gateway without an implementation',
      [
        MINIMAL,
        { httpRoute: { enabled: true, parentRefs: [{ name: 'web', namespace: 'gateways' }] } },
      ],
      () => put('Gateway', { name: 'web', namespace: 'gateways' }),
      ['warning gateway-api: the Gateway gateways/web is not programmed'],
    ],
    [
      'a Secret that is not there',
      [MINIMAL, { oauth2proxy: { existingSecret: 'client' } }],
      () => {},
      ['failure references: there is no Secret client (with the key client-secret) in desk'],
    ],
    [
      'a Secret without the key',
      [MINIMAL, { oauth2proxy: { existingSecret: 'client' } }],
      () => put('Secret', { name: 'client', namespace: NAMESPACE }, { data: { secret: 'eA==' } }),
      ['failure references: the Secret client has no key client-secret'],
    ],
    [
      'a claim that is not there',
      [MINIMAL, { persistence: { existingClaim: 'old-home' } }],
      () => {},
      ['failure references: there is no PersistentVolumeClaim old-home in desk'],
    ],
    [
      'a namespace that admits anything',
      [MINIMAL],
      () => put('Namespace', { name: NAMESPACE, labels: {} } as Metadata),
      ['warning namespace: desk enforces no Pod Security level'],
    ],
    [
      'a network plugin that enforces nothing',
      [MINIMAL],
      () => {
        api.store.remove(api.store.ofKind('DaemonSet')[0] as never)
        put('DaemonSet', { name: 'kube-flannel-ds', namespace: 'kube-flannel' })
      },
      ['failure network: flannel enforces no policies'],
    ],
    [
      'a network plugin that nobody knows',
      [MINIMAL],
      () => api.store.remove(api.store.ofKind('DaemonSet')[0] as never),
      ['unknown network: cannot tell whether the network plugin enforces policies'],
    ],
    [
      'pods with public addresses',
      [MINIMAL],
      () => put('Node', { name: 'one' }, { spec: { podCIDRs: ['198.51.100.0/24'] } }),
      ['warning ranges: the cluster uses the public addresses 198.51.100.0/24'],
    ],
    [
      'a storage whose driver has no VolumeSnapshotClass',
      [MINIMAL, SNAPSHOTS],
      () => put('VolumeSnapshotClass', { name: 'other' }, { driver: 'other.example.com' }),
      ['failure snapshots: no VolumeSnapshotClass is for csi.example.com'],
    ],
    [
      'no VolumeSnapshotClass',
      [MINIMAL, SNAPSHOTS],
      () => {},
      ['failure snapshots: there is no VolumeSnapshotClass'],
    ],
    [
      'a snapshot to restore that is not there',
      [MINIMAL, { persistence: { restoreFrom: 'monday' } }],
      () => {},
      ['failure snapshots: there is no VolumeSnapshot monday in desk'],
    ],
    [
      'a clock that is wrong',
      [MINIMAL],
      () =>
        put(
          'Lease',
          { name: 'one', namespace: 'kube-node-lease' },
          { spec: { renewTime: stamp(-300) } },
        ),
      ['warning clock: the clock of one and the one of this machine differ by '],
    ],
  ])('%s', async (_, values, change, says) => {
    await startCluster()
    change()
    const report = await check(values)
    const found = wrong(report)
    expect(found).toHaveLength(1)
    for (const words of says) expect(found[0]).toContain(words)
    expect(report.worst).toBe(found[0]?.split(' ')[0])
    expect(report.code).toBe(report.worst === 'failure' ? 2 : 1)
  })

  it('accepts public addresses that the values name', async () => {
    await startCluster()
    put('Node', { name: 'one' }, { spec: { podCIDRs: ['198.51.100.0/24'] } })
    const report = await check([MINIMAL, { networkPolicy: { clusterCIDRs: ['198.51.100.0/24'] } }])
    expect(wrong(report)).toEqual([])
  })

  it('names each kind that nobody has installed, and what to install', async () => {
    await startCluster({
      lacks: ['cert-manager.io', 'gateway.networking.k8s.io', 'monitoring.coreos.com'],
    })
    bringSecrets()
    const { code, findings } = await check([PRODUCTION])
    expect(code).toBe(2)
    const kinds = findings.filter(({ check, level }) => check === 'kinds' && level === 'failure')
    expect(kinds.map(({ message }) => message)).toEqual([
      'the cluster does not serve Certificate (cert-manager.io/v1)',
      'the cluster does not serve BackendTLSPolicy (gateway.networking.k8s.io/v1)',
      'the cluster does not serve HTTPRoute (gateway.networking.k8s.io/v1)',
      'the cluster does not serve ServiceMonitor (monitoring.coreos.com/v1)',
    ])
    for (const { fix } of kinds) expect(fix).toMatch(/^Install /)
  })

  it('accepts snapshots that the storage can make', async () => {
    await startCluster()
    put('VolumeSnapshotClass', { name: 'fast' }, { driver: 'csi.example.com' })
    const snapshot = { name: 'monday', namespace: NAMESPACE }
    put('VolumeSnapshot', snapshot, { status: { readyToUse: true } })
    const values = [MINIMAL, SNAPSHOTS, { persistence: { restoreFrom: 'monday' } }]
    expect(wrong(await check(values))).toEqual([])
  })

  it('names the snapshot controller where there is none', async () => {
    await startCluster({ lacks: ['snapshot.storage.k8s.io'] })
    const report = await check([MINIMAL, SNAPSHOTS])
    expect(wrong(report)).toEqual(['failure snapshots: the cluster has no snapshot controller'])
  })

  it('says that a cluster is too old', async () => {
    await startCluster({ minor: 30 })
    const report = await check([MINIMAL])
    expect(wrong(report)).toEqual(['failure cluster: Kubernetes 1.30 is older than 1.31'])
  })

  it('finds the IngressClass that counts where the values name none', async () => {
    await startCluster()
    const values = [MINIMAL, { ingress: { ...TRAEFIK.ingress, className: '' } }]
    expect(wrong(await check(values))).toEqual([])
    put('IngressClass', { name: 'nginx' })
    expect(wrong(await check(values))).toEqual([
      'failure ingress: several ingress classes, and none is the default',
    ])
    put('IngressClass', defaultClass('nginx', 'ingressclass'))
    expect(wrong(await check(values))).toEqual([])
  })

  it.each(['nodes', 'secrets', 'daemonsets'])(
    'cannot tell what it may not look at: %s',
    async (resource) => {
      await startCluster()
      put('Secret', { name: 'client', namespace: NAMESPACE }, { data: { 'client-secret': 'eA==' } })
      forbidden = resource === 'secrets' ? 'Secret' : resource
      const report = await check([MINIMAL, { oauth2proxy: { existingSecret: 'client' } }])
      expect(wrong(report)[0]).toMatch(/^unknown \w+: cannot look at .*Forbidden/)
      // Nor does it say that all is there.
      const [, about] = /^unknown (\w+):/.exec(wrong(report)[0] ?? '') ?? []
      const said = report.findings.filter((finding) => finding.check === about)
      expect(said.map(({ level }) => level)).toEqual(['unknown'])
      expect(report).toMatchObject({ code: 1, worst: 'unknown' })
    },
  )

  it('says that it cannot reach the cluster', async () => {
    await startCluster()
    const other = await startApiServer()
    await api.close()
    const report = await check([MINIMAL])
    expect(wrong(report)).toEqual([expect.stringContaining('failure cluster: cannot reach it')])
    api = other
  })
})

describe('the provider', () => {
  it.each<[string, (origin: string) => string | undefined, string]>([
    ['answers', (origin) => origin, 'ok provider'],
    [
      'has another issuer',
      () => 'https://other.example.com',
      'failure provider: {issuer} says that its issuer is "https://other.example.com"',
    ],
    [
      'does not answer',
      () => undefined,
      'warning provider: {issuer}/.well-known/openid-configuration',
    ],
  ])('%s', async (_, issuerOf, says) => {
    await startCluster()
    const certificate = createCertificate()
    const ca = join(folder, 'ca.crt')
    writeFileSync(ca, certificate.cert)
    const server = createServer(certificate, (_request, response) => {
      const issuer = issuerOf(origin)
      response.statusCode = issuer === undefined ? 503 : 200
      response.end(JSON.stringify({ jwks_uri: `${origin}/keys`, issuer }, null, 1))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`
    try {
      env = { CURL_CA_BUNDLE: ca }
      const { stdout } = await checkText(
        [
          MINIMAL,
          { gateway: { publicUrl: 'https://desk.invalid' }, oauth2proxy: { issuer: origin } },
        ],
        '--json',
      )
      const lines = (JSON.parse(stdout) as Report).findings.map(
        ({ level, check, message }) => `${level} ${check}: ${message}`,
      )
      expect(lines).toContainEqual(expect.stringContaining(says.replace('{issuer}', origin)))
      expect(lines).toContain('warning dns: desk.invalid does not resolve here')
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
})

it.each([
  [[], 'Name the values'],
  [['--valeus', 'x'], 'Unknown argument --valeus'],
  [['--values'], 'needs a value'],
])('refuses %j with words', async (words, says) => {
  await startCluster()
  const { code, stderr } = await runScript('pre-flight-checks.sh', words, {
    kubeconfig: api.kubeconfig,
  })
  expect(code).toBe(64)
  expect(stderr).toContain(says)
})
