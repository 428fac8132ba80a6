// What the cluster holds, and everything that ever happened to it, for those who watch.

import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '../objects.ts'
import type { Owners } from './field-ownership.ts'
import { RESOURCES, apiVersionOf, qualified, type Resource } from './resources.ts'

export interface Stored {
  readonly object: KubernetesObject
  readonly owners: Owners
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubernetesObject
}

const NOBODY: Owners = new Map()

export class Store {
  readonly #objects = new Map<string, Stored>()
  readonly #history: (WatchEvent & { readonly key: string })[] = []
  readonly #watchers = new Set<() => void>()

  /** Of the whole cluster: how many changes there have been. */
  get revision(): number {
    return this.#history.length
  }

  get(resource: Resource, namespace: string, name: string): Stored | undefined {
    return this.#objects.get(keyOf(resource, namespace, name))
  }

  /** Without a namespace those of all. */
  list(resource: Resource, namespace = ''): KubernetesObject[] {
    const prefix = namespace === '' ? `${qualified(resource)}/` : keyOf(resource, namespace, '')
    const found = [...this.#objects].filter(([key]) => key.startsWith(prefix))
    return found.map(([, { object }]) => object)
  }

  ofKind(kind: string): KubernetesObject[] {
    return this.list(resourceOf(kind))
  }

  /** Fills in what the server fills in; a write that changes nothing is none. */
  put(written: KubernetesObject, owners: Owners = NOBODY): KubernetesObject {
    const resource = resourceOf(written.kind)
    const key = keyOf(resource, written.metadata.namespace ?? '', written.metadata.name)
    const before = this.#objects.get(key)
    const was = before?.object
    const { resourceVersion: _, generation: __, ...metadata } = written.metadata
    const isSpecSame = isDeepStrictEqual(was?.['spec'], written['spec'])
    const generation = (was?.metadata.generation ?? 0) + (isSpecSame && was !== undefined ? 0 : 1)
    const object: KubernetesObject = {
      ...written,
      apiVersion: apiVersionOf(resource),
      metadata: {
        ...metadata,
        uid: was?.metadata.uid ?? randomUUID(),
        creationTimestamp:
          was?.metadata.creationTimestamp ??
          written.metadata.creationTimestamp ??
          new Date().toISOString(),
        generation,
        ...(was?.metadata.resourceVersion === undefined
          ? {}
          : { resourceVersion: was.metadata.resourceVersion }),
      },
    }
    if (isDeepStrictEqual(was, object)) {
      this.#objects.set(key, { object, owners })
      return object
    }
    const stored = this.#record(was === undefined ? 'ADDED' : 'MODIFIED', key, object)
    this.#objects.set(key, { object: stored, owners })
    return stored
  }

  /** For controllers: the object with this status, its owners as they were. */
  putStatus(object: KubernetesObject, status: object): void {
    const { namespace = '', name } = object.metadata
    const stored = this.get(resourceOf(object.kind), namespace, name)
    if (stored !== undefined) this.put({ ...stored.object, status }, stored.owners)
  }

  remove({ kind, metadata }: KubernetesObject): void {
    const key = keyOf(resourceOf(kind), metadata.namespace ?? '', metadata.name)
    const stored = this.#objects.get(key)
    if (stored === undefined) return
    this.#objects.delete(key)
    this.#record('DELETED', key, stored.object)
  }

  /** Everything after that revision, now and from now on. @returns what ends it. */
  watch(
    resource: Resource,
    namespace: string,
    since: number,
    listener: (event: WatchEvent) => void,
  ): () => void {
    const prefix = namespace === '' ? `${qualified(resource)}/` : keyOf(resource, namespace, '')
    let seen = since
    const tell = (): void => {
      for (const event of this.#history.slice(seen)) {
        if (event.key.startsWith(prefix)) listener({ type: event.type, object: event.object })
      }
      seen = this.#history.length
    }
    tell()
    this.#watchers.add(tell)
    return () => this.#watchers.delete(tell)
  }

  /** Called after every change. */
  onChange(listener: () => void): void {
    this.#watchers.add(listener)
  }

  #record(type: WatchEvent['type'], key: string, object: KubernetesObject): KubernetesObject {
    const resourceVersion = String(this.#history.length + 1)
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } }
    this.#history.push({ type, key, object: stored })
    for (const tell of this.#watchers) tell()
    return stored
  }
}

export function resourceOf(kind: string): Resource {
  const resource = RESOURCES.find((resource) => resource.kind === kind)
  if (resource === undefined) throw new Error(`the cluster of the tests has no ${kind}`)
  return resource
}

function keyOf(resource: Resource, namespace: string, name: string): string {
  return `${qualified(resource)}/${resource.isNamespaced ? namespace : ''}/${name}`
}
