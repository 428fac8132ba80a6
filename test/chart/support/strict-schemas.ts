// Every field known and every value possible, for Kubernetes 1.36 and the custom resources the chart makes.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nameOf, type KubernetesObject } from './objects.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** API group → the package with its types; the groups of Kubernetes itself are in kubernetes-models. */
const PACKAGES: Readonly<Record<string, string>> = {
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
}

/**
 * What the chart may make. The models still know APIs that Kubernetes has removed, so a kind belongs here when a
 * cluster of the oldest version in Chart.yaml serves it.
 */
const SERVED = new Set([
  'v1 ConfigMap',
  'v1 PersistentVolumeClaim',
  'v1 Pod',
  'v1 Secret',
  'v1 Service',
  'v1 ServiceAccount',
  'apps/v1 Deployment',
  'apps/v1 StatefulSet',
  'batch/v1 CronJob',
  'batch/v1 Job',
  'networking.k8s.io/v1 Ingress',
  'networking.k8s.io/v1 NetworkPolicy',
  'policy/v1 PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1 Role',
  'rbac.authorization.k8s.io/v1 RoleBinding',
  'cert-manager.io/v1 Certificate',
  'gateway.networking.k8s.io/v1 BackendTLSPolicy',
  'gateway.networking.k8s.io/v1 HTTPRoute',
  'monitoring.coreos.com/v1 ServiceMonitor',
  'monitoring.coreos.com/v1 PrometheusRule',
])

/** `Deployment/desk-gateway: …`, one for each fault. At least one, not always all, unknown fields of an object. */
export async function schemaFaults(objects: readonly KubernetesObject[]): Promise<string[]> {
  const [values, fields] = await Promise.all([
    Promise.all(objects.map(impossibleValues)),
    unknownFields(objects),
  ])
  return [...values.flat(), ...fields]
}

/** `policy/v1beta1 PodDisruptionBudget desk`, for everything that the chart may not make. */
export function unservedKinds(objects: readonly KubernetesObject[]): string[] {
  const unserved = objects.filter((object) => !SERVED.has(kindOf(object)))
  return unserved.map((object) => `${kindOf(object)} ${object.metadata.name}`)
}

function kindOf({ apiVersion, kind }: KubernetesObject): string {
  return `${apiVersion} ${kind}`
}

function moduleOf({ apiVersion, kind }: KubernetesObject): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  return `${PACKAGES[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`
}

interface AjvError {
  readonly instancePath: string
  readonly message?: string
}

interface Model {
  validate(): void
}

/** Types, patterns, ranges, what is required: the models' own validators. They let unknown fields pass. */
export async function impossibleValues(object: KubernetesObject): Promise<string[]> {
  const models = (await import(moduleOf(object))) as Record<string, new (data: object) => Model>
  const Kind = models[object.kind]
  if (Kind === undefined) throw new Error(`${moduleOf(object)} has no ${object.kind}`)
  try {
    new Kind(object).validate()
    return []
  } catch (error) {
    const { errors } = error as { readonly errors?: readonly AjvError[] }
    if (errors === undefined) throw error
    return errors.map(
      ({ instancePath, message }) => `${nameOf(object)}: ${instancePath} ${message ?? ''}`,
    )
  }
}

/**
 * TypeScript refuses a property that the type of a literal does not have, at any depth, which is what the API server
 * does with `fieldValidation: Strict`. One run of the compiler for all of them.
 */
export async function unknownFields(objects: readonly KubernetesObject[]): Promise<string[]> {
  if (objects.length === 0) return []
  const folder = await mkdtemp(join(tmpdir(), 'ghostwire-schemas-'))
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const lines = objects.map(
      (object, index) =>
        `export const _${index}: import('${moduleOf(object)}').I${object.kind} = ${JSON.stringify(object)}`,
    )
    await writeFile(join(folder, 'objects.ts'), lines.join('\n'))
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2024',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
    }
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['objects.ts'] }),
    )
    return (await compile(folder)).map(({ line, message }) => {
      const object = objects[line - 1]
      return `${object === undefined ? '' : nameOf(object)}: ${message}`
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function compile(folder: string): Promise<{ line: number; message: string }[]> {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const words = [tsc, '-p', folder, '--pretty', 'false']
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      words,
      { cwd: folder, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (error === null) return resolve([])
        const found = [
          ...stdout.matchAll(/^objects\.ts\((\d+),\d+\): error TS\d+: (.*(?:\n .*)*)/gm),
        ]
        if (found.length === 0)
          return reject(new Error(`tsc: ${stdout}${stderr}`, { cause: error }))
        resolve(found.map(([, line, message]) => ({ line: Number(line), message: message ?? '' })))
      },
    )
  })
}
