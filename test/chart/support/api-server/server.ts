// An API server that helm takes for a cluster: Kubernetes' HTTP interface over a store in memory.
//
// It does what a release meets: discovery, server-side apply with its conflicts, strict decoding, immutable fields,
// Pod Security admission, watches, and controllers that make workloads ready.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { parse } from 'yaml'
import { matches } from '../network-policy.ts'
import type { KubernetesObject } from '../objects.ts'
import {
  decodingRefusal,
  immutabilityRefusal,
  podSecurityRefusal,
  strategyRefusal,
  type Refusal,
} from './admission.ts'
import { reconcile, type Verdict } from './controllers.ts'
import { withDefaults } from './defaults.ts'
import { discover, type Served } from './discovery.ts'
import { apply, update, DuplicateEntry, type Conflict, type Owned } from './field-ownership.ts'
import { PATCHES } from './patches.ts'
import { decodeProtobuf } from './protobuf.ts'
import { RESOURCES, apiVersionOf, type Resource } from './resources.ts'
import { Store, resourceOf } from './store.ts'

export interface ApiServer {
  /** Without a slash at the end. */
  readonly url: string
  /** Path of a kubeconfig for it. */
  readonly kubeconfig: string
  readonly store: Store
  get(kind: string, namespace: string, name: string): KubernetesObject | undefined
  /** As somebody else would, by HTTP. @throws with the server's message. */
  patch(
    object: { kind: string; namespace: string; name: string },
    patch: object,
    manager: string,
  ): Promise<void>
  close(): Promise<void>
}

export interface ApiServerOptions {
  /** Which pods that run to an end (tests, jobs) end well; all unless told otherwise. */
  readonly endsWell?: Verdict
  /** The version: 1.36 unless told otherwise. */
  readonly minor?: number
  /** API groups of definitions that nobody has installed. */
  readonly lacks?: readonly string[]
}

export async function startApiServer({
  endsWell = () => true,
  minor = 36,
  lacks = [],
}: ApiServerOptions = {}): Promise<ApiServer> {
  const store = new Store()
  for (const name of ['default', 'kube-system']) {
    store.put({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
      status: { phase: 'Active' },
    })
  }
  let isScheduled = false
  store.onChange(() => {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      reconcile(store, endsWell)
      isScheduled = false
    })
  })

  const server = createServer((request, response) => {
    answer(store, { minor, lacks }, request, response).catch((error: Error) => {
      send(response, refusal(500, 'InternalError', error.stack ?? error.message))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-api-server-'))
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigFor(url)))

  return {
    url,
    kubeconfig,
    store,
    get: (kind, namespace, name) => store.get(resourceOf(kind), namespace, name)?.object,
    async patch({ kind, namespace, name }, patch, manager) {
      const resource = resourceOf(kind)
      const root = resource.group === '' ? '/api/' : '/apis/'
      const place = namespace === '' ? '' : `namespaces/${namespace}/`
      const path = `${root}${apiVersionOf(resource)}/${place}${resource.plural}/${name}`
      const response = await fetch(`${url}${path}?fieldManager=${manager}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify(patch),
      })
      if (!response.ok) throw new Error(((await response.json()) as Refusal).message)
    },
    close: () => closeServer(server, folder),
  }
}

async function closeServer(server: Server, folder: string): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
  rmSync(folder, { recursive: true, force: true })
}

function kubeconfigFor(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'tests', cluster: { server } }],
    users: [{ name: 'tests', user: {} }],
    contexts: [
      { name: 'tests', context: { cluster: 'tests', user: 'tests', namespace: 'default' } },
    ],
    'current-context': 'tests',
  }
}

interface Target {
  readonly resource: Resource
  readonly namespace: string
  readonly name: string
  readonly subresource: string
  readonly query: URLSearchParams
}

function targetOf(url: URL): Target | undefined {
  const match =
    /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      url.pathname,
    )
  const own = /^\/api\/v1\/namespaces(?:\/([^/]+))?$/.exec(url.pathname)
  if (own !== null) {
    return {
      resource: resourceOf('Namespace'),
      namespace: '',
      name: own[1] ?? '',
      subresource: '',
      query: url.searchParams,
    }
  }
  if (match === null) return undefined
  const [, core, grouped, namespace = '', plural, name = '', subresource = ''] = match
  const resource = RESOURCES.find(
    (one) => apiVersionOf(one) === (core ?? grouped) && one.plural === plural,
  )
  return resource && { resource, namespace, name, subresource, query: url.searchParams }
}

async function answer(
  store: Store,
  served: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://server')
  const body = await buffer(request)
  const discovered = discover(url.pathname.replace(/\/$/, ''), served)
  if (discovered !== undefined) return send(response, { code: 200, body: discovered })
  const target = targetOf(url)
  if (target === undefined || served.lacks.includes(target.resource.group))
    return send(response, refusal(404, 'NotFound', `no ${url.pathname} here`))
  switch (request.method ?? '') {
    case 'GET':
      if (target.subresource === 'log') return void response.end('said the pod\n')
      if (target.name !== '') return send(response, read(store, target))
      if (target.query.get('watch') === 'true' || target.query.get('watch') === '1')
        return watch(store, target, response)
      return send(response, list(store, target))
    case 'POST':
    case 'PUT':
    case 'PATCH':
      return send(response, await write(store, target, request, body))
    case 'DELETE':
      return send(response, remove(store, target))
    default:
      return send(
        response,
        refusal(405, 'MethodNotAllowed', `${request.method} is not answered here`),
      )
  }
}

interface Answer {
  readonly code: number
  readonly body: object
}

function send(response: ServerResponse, { code, body }: Answer): void {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function refusal(code: number, reason: string, message: string, details: object = {}): Answer {
  return {
    code,
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details },
  }
}

function notFound({ resource, name }: Target): Answer {
  return refusal(404, 'NotFound', `${resource.plural} "${name}" not found`)
}

function read(store: Store, target: Target): Answer {
  const stored = store.get(target.resource, target.namespace, target.name)
  return stored === undefined ? notFound(target) : { code: 200, body: stored.object }
}

function list(store: Store, { resource, namespace, query }: Target): Answer {
  const items = store.list(resource, namespace).filter((object) => isSelected(object, query))
  const metadata = { resourceVersion: String(store.revision) }
  return {
    code: 200,
    body: { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata, items },
  }
}

function isSelected({ metadata }: KubernetesObject, query: URLSearchParams): boolean {
  const labels = (query.get('labelSelector') ?? '').split(',').filter((term) => term !== '')
  const fields = (query.get('fieldSelector') ?? '').split(',').filter((term) => term !== '')
  const byName: Record<string, string> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace ?? '',
  }
  return (
    labels.every((term) => isEqual(term, metadata.labels ?? {})) &&
    fields.every((term) => isEqual(term, byName))
  )
}

/** `a=b`, `a==b`, `a!=b`, `a`: what clients of the tests ask. */
function isEqual(term: string, values: Readonly<Record<string, string>>): boolean {
  const [, key = '', not = '', value] = /^([^=!]+)(!?)(?:==?(.*))?$/.exec(term) ?? []
  if (value === undefined)
    return matches({ matchExpressions: [{ key, operator: 'Exists' }] }, values)
  return (values[key] === value) === (not === '')
}

function watch(
  store: Store,
  { resource, namespace, query }: Target,
  response: ServerResponse,
): void {
  // Clients that ask to be told the present first know the older way, a list and then a watch, as well.
  if (query.get('sendInitialEvents') === 'true') {
    return send(response, refusal(422, 'Invalid', 'sendInitialEvents: Forbidden'))
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  const since = Number(query.get('resourceVersion') ?? store.revision)
  const stop = store.watch(resource, namespace, since, (event) => {
    if (isSelected(event.object, query)) response.write(`${JSON.stringify(event)}\n`)
  })
  response.on('close', stop)
}

function remove(store: Store, target: Target): Answer {
  const stored = store.get(target.resource, target.namespace, target.name)
  if (stored === undefined) return notFound(target)
  store.remove(stored.object)
  return { code: 200, body: { kind: 'Status', apiVersion: 'v1', status: 'Success' } }
}

async function write(
  store: Store,
  target: Target,
  request: IncomingMessage,
  body: Buffer,
): Promise<Answer> {
  const { resource, namespace, query } = target
  const type = (request.headers['content-type'] ?? '').split(';')[0] ?? ''
  const read = type.endsWith('protobuf') ? decodeProtobuf(body) : (parse(body.toString()) as object)
  // In a patch, null deletes.
  const sent = request.method === 'PATCH' ? read : withoutNulls(read)
  const name = target.name === '' ? (sent as KubernetesObject).metadata.name : target.name
  const stored = store.get(resource, namespace, name)
  if (request.method === 'POST' && stored !== undefined) {
    return refusal(409, 'AlreadyExists', `${resource.plural} "${name}" already exists`)
  }
  if (resource.isNamespaced && store.get(resourceOf('Namespace'), '', namespace) === undefined) {
    return refusal(404, 'NotFound', `namespaces "${namespace}" not found`)
  }
  const isApply = type === 'application/apply-patch+yaml'
  if (request.method !== 'POST' && !isApply && stored === undefined)
    return notFound({ ...target, name })

  const before: Owned = stored ?? { object: {}, owners: new Map() }
  const manager =
    query.get('fieldManager') ?? request.headers['user-agent']?.split('/')[0] ?? 'unknown'
  const patch =
    isApply || request.method !== 'PATCH' ? (_: unknown, whole: unknown) => whole : PATCHES[type]
  if (patch === undefined) return refusal(415, 'UnsupportedMediaType', `${type} is not known here`)
  const written = patch(before.object, sent) as KubernetesObject
  let after: Owned | readonly Conflict[]
  try {
    if (isApply) after = apply(before, written, manager, query.get('force') === 'true')
    else after = update(before, written, manager)
  } catch (error) {
    if (!(error instanceof DuplicateEntry)) throw error
    return refusal(500, 'InternalError', `failed to create typed patch object: ${error.message}`)
  }
  if (!('object' in after)) return conflictAnswer(resource, name, after)

  // Of an apply, the whole: somebody may apply one field of what others have applied.
  const decoded = isApply ? (after.object as KubernetesObject) : written
  const isStrict = query.get('fieldValidation') === 'Strict'
  const refused = isStrict ? await decodingRefusal(decoded) : undefined
  if (refused !== undefined) return refusal(refused.code, refused.reason, refused.message)

  const whole = withDefaults(after.object as KubernetesObject)
  const object = placed(whole, resource, namespace, name, stored?.object)
  const home = store.get(resourceOf('Namespace'), '', namespace)?.object
  const forbidden =
    strategyRefusal(object) ??
    (stored === undefined
      ? resource.kind === 'Pod'
        ? podSecurityRefusal(object, home)
        : undefined
      : immutabilityRefusal(stored.object, object))
  if (forbidden !== undefined) return refusal(forbidden.code, forbidden.reason, forbidden.message)
  if (query.get('dryRun') === 'All') return { code: 200, body: object }
  return { code: stored === undefined ? 201 : 200, body: store.put(object, after.owners) }
}

/** In a whole object, null is the same as nothing. */
function withoutNulls(object: object): object {
  return JSON.parse(JSON.stringify(object), (_, value: unknown) => value ?? undefined) as object
}

function conflictAnswer(
  { kind, plural }: Resource,
  name: string,
  conflicts: readonly Conflict[],
): Answer {
  const words = conflicts.map(({ manager, field }) => `conflict with "${manager}": ${field}`)
  const count = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`
  const causes = conflicts.map(({ manager, field }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}"`,
    field,
  }))
  return refusal(409, 'Conflict', `Apply failed with ${count}: ${words.join(', ')}`, {
    kind,
    name,
    group: plural,
    causes,
  })
}

/** What the server knows better than who writes, and what a plain write does not have to repeat. */
function placed(
  object: KubernetesObject,
  resource: Resource,
  namespace: string,
  name: string,
  was: KubernetesObject | undefined,
): KubernetesObject {
  const status = was?.['status']
  return {
    ...object,
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: { ...object.metadata, name, ...(resource.isNamespaced ? { namespace } : {}) },
    ...(status === undefined ? {} : { status }),
  }
}
