// The gateway's own `--check-config` on what a pod of the release would give it: its files, its environment.

import type { IContainer } from 'kubernetes-models/v1/Container'
import type { IVolume } from 'kubernetes-models/v1/Volume'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createCertificate } from '../../support/certificate.ts'
import { ROOT, type Outcome } from './helm.ts'
import { componentOf } from './lint.ts'
import { ofKind, podOwners, type KubernetesObject } from './objects.ts'

type Objects = readonly KubernetesObject[]

interface Data {
  readonly data?: Readonly<Record<string, string>>
  readonly stringData?: Readonly<Record<string, string>>
}

/** What a Secret that the release expects to find holds where its value does not matter. */
const SOME_SECRET = 'a-secret-that-somebody-else-put-there-before-the-release'
const SOME_STORE = 'rediss://:password@redis:6379'
const { cert: CERTIFICATE, key: PRIVATE_KEY } = createCertificate()

/**
 * The container's file system is laid out in a folder, and its paths moved there; what comes from Secrets outside the
 * release is made up.
 */
export async function checkConfig(objects: Objects): Promise<Outcome> {
  const owner = podOwners(objects).find(
    (owner) => owner.object.kind === 'Deployment' && componentOf(owner) === 'gateway',
  )
  const container = owner?.template.spec.containers[0]
  if (owner === undefined || container === undefined) throw new Error('there is no gateway')
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-check-config-'))
  try {
    const { volumeMounts = [], args = [] } = container
    const roots = volumeMounts.map(({ mountPath }) => mountPath)
    const moved = (text: string): string => {
      const here = [...new Set(roots)].sort((a, b) => b.length - a.length)
      const pattern = new RegExp(
        `(?<![\\w./-])(?:${here.map(escape).join('|')})(?=[/\\s"']|$)`,
        'gm',
      )
      return here.length === 0 ? text : text.replace(pattern, (path) => join(folder, path))
    }
    const write = (path: string, content: string): void => {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
    }
    const texts: string[] = []
    for (const { name, mountPath, subPath } of volumeMounts) {
      const volume = owner.template.spec.volumes?.find((volume) => volume.name === name)
      const files = volume === undefined ? {} : filesOf(volume, objects)
      mkdirSync(join(folder, subPath === undefined ? mountPath : dirname(mountPath)), {
        recursive: true,
      })
      for (const [path, content] of Object.entries(files)) {
        if (subPath === undefined) write(join(folder, mountPath, path), moved(content))
        else if (subPath === path) write(join(folder, mountPath), moved(content))
        texts.push(moved(content))
      }
    }
    const env = Object.fromEntries(
      Object.entries(environmentOf(container, objects)).map(([key, value]) => [key, moved(value)]),
    )
    // Settings name files in Secrets whose keys nobody in the release lists.
    for (const text of [...texts, ...Object.values(env)]) {
      for (const [path] of text.matchAll(new RegExp(`${escape(folder)}[\\w./-]+`, 'g'))) {
        if (!existsSync(path)) write(path, contentFor(path))
      }
    }
    const main = join(ROOT, 'src/main.ts')
    return await run([main, ...args.map(moved), '--check-config'], env)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(words: readonly string[], env: Record<string, string>): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, words, { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
    })
  })
}

function contentFor(path: string): string {
  if (/key/i.test(path)) return PRIVATE_KEY
  // What a `.pem` is, its name does not say.
  if (path.endsWith('.pem')) return PRIVATE_KEY + CERTIFICATE
  return /\.crt$|\bca\b/i.test(path) ? CERTIFICATE : SOME_SECRET
}

function filesOf(volume: IVolume, objects: Objects): Record<string, string> {
  const sources = [volume, ...(volume.projected?.sources ?? [])]
  const files = sources.map(({ secret, configMap }) => {
    const named: { name?: string; secretName?: string } = secret ?? configMap ?? {}
    const kind = secret === undefined ? 'ConfigMap' : 'Secret'
    const data = dataOf(kind, named.secretName ?? named.name ?? '', objects)
    const items = (secret ?? configMap)?.items
    if (items === undefined) return data ?? {}
    return Object.fromEntries(items.map(({ key, path }) => [path, data?.[key] ?? contentFor(path)]))
  })
  return Object.assign({}, ...files) as Record<string, string>
}

function environmentOf(
  { env = [], envFrom = [] }: IContainer,
  objects: Objects,
): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { secretRef, configMapRef } of envFrom) {
    Object.assign(
      found,
      dataOf('Secret', secretRef?.name ?? '', objects),
      dataOf('ConfigMap', configMapRef?.name ?? '', objects),
    )
  }
  for (const { name, value, valueFrom } of env) {
    const { secretKeyRef, configMapKeyRef } = valueFrom ?? {}
    if (secretKeyRef !== undefined)
      found[name] =
        dataOf('Secret', secretKeyRef.name ?? '', objects)?.[secretKeyRef.key] ??
        (name === 'GATEWAY_SESSION_STORE' ? SOME_STORE : SOME_SECRET)
    else if (configMapKeyRef !== undefined)
      found[name] =
        dataOf('ConfigMap', configMapKeyRef.name ?? '', objects)?.[configMapKeyRef.key] ?? ''
    else if (value !== undefined) found[name] = value
  }
  return found
}

/** Undefined when the release does not bring it. */
function dataOf(
  kind: 'Secret' | 'ConfigMap',
  name: string,
  objects: Objects,
): Record<string, string> | undefined {
  const object = ofKind<Data>(objects, kind).find(({ metadata }) => metadata.name === name)
  if (object === undefined) return undefined
  const { data = {}, stringData = {} } = object
  const decoded = Object.entries(data).map(([key, value]) => [
    key,
    kind === 'Secret' ? Buffer.from(value, 'base64').toString() : value,
  ])
  return { ...(Object.fromEntries(decoded) as Record<string, string>), ...stringData }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
