// Server-side apply: every field knows which managers set it, and nobody changes another's by accident.

import { isMap } from '../objects.ts'

/** Lists that are maps by a key of their items; every other list is one value. */
const KEYED_LISTS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port', 'protocol'],
  imagePullSecrets: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  hostAliases: ['ip'],
  conditions: ['type'],
  ownerReferences: ['uid'],
}
const DEFAULT_KEYS: Readonly<Record<string, unknown>> = { protocol: 'TCP' }

/** One step into an object: a field, or the item of a keyed list. */
type Step = string | { readonly keys: Readonly<Record<string, unknown>> }
/** Written path (`.spec.replicas`) → the steps to it and its value. */
type Fields = ReadonlyMap<string, { readonly steps: readonly Step[]; readonly value: unknown }>
/** Manager → the written paths that are its own. */
export type Owners = ReadonlyMap<string, ReadonlySet<string>>

export interface Owned {
  readonly object: object
  readonly owners: Owners
}

export interface Conflict {
  readonly manager: string
  readonly field: string
}

export class DuplicateEntry extends Error {}

/**
 * `wanted` is all that the manager wants to own from now on; what it owned and left out goes, unless others own it too.
 * @returns the conflicts, or the new state when there are none or `force` takes the fields over.
 * @throws DuplicateEntry when a list has one key twice.
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
export function apply(
  { object, owners }: Owned,
  wanted: object,
  manager: string,
  force: boolean,
): Owned | readonly Conflict[] {
  const is = flatten(object)
  const wants = flatten(wanted)
  const changed = [...wants.keys()].filter((path) => !isSame(is.get(path), wants.get(path)))
  const others = [...owners].filter(([name]) => name !== manager)
  const conflicts = others.flatMap(([name, paths]) =>
    changed.filter((path) => paths.has(path)).map((field) => ({ manager: name, field })),
  )
  if (conflicts.length > 0 && !force) return conflicts

  const fields = new Map(is)
  const remaining = others.map(
    ([name, paths]) =>
      [name, new Set([...paths].filter((path) => !changed.includes(path)))] as const,
  )
  for (const path of owners.get(manager) ?? []) {
    const isShared = remaining.some(([, paths]) => paths.has(path))
    if (!wants.has(path) && !isShared) fields.delete(path)
  }
  for (const [path, field] of wants) fields.set(path, field)
  // What the manager wrote first, in its order: env variables may refer to earlier ones.
  const ordered = new Map([...wants, ...fields])
  return {
    object: unflatten(ordered),
    owners: new Map([...remaining, [manager, new Set(wants.keys())]]),
  }
}

/** A plain write: what it changed is the manager's, and nobody's conflict. */
export function update({ object, owners }: Owned, written: object, manager: string): Owned {
  const was = flatten(object)
  const is = flatten(written)
  const changed = new Set([...is.keys()].filter((path) => !isSame(was.get(path), is.get(path))))
  const kept = [...owners].map(
    ([name, paths]) =>
      [name, new Set([...paths].filter((path) => is.has(path) && !changed.has(path)))] as const,
  )
  const own = new Map(kept)
  own.set(manager, new Set([...(own.get(manager) ?? []), ...changed]))
  return { object: written, owners: own }
}

function isSame(a: { value: unknown } | undefined, b: { value: unknown } | undefined): boolean {
  return JSON.stringify(a?.value) === JSON.stringify(b?.value)
}

function flatten(value: unknown): Fields {
  const fields = new Map<string, { steps: Step[]; value: unknown }>()
  const walk = (value: unknown, steps: Step[]): void => {
    const last = steps.at(-1)
    if (isMap(value) && Object.keys(value).length > 0) {
      for (const [key, item] of Object.entries(value)) walk(item, [...steps, key])
      return
    }
    if (Array.isArray(value) && value.length > 0 && typeof last === 'string') {
      const items = value.map((item: unknown) => ({ item, keys: keysOf(last, item) }))
      if (items.every(({ keys }) => keys !== undefined)) {
        const seen = new Set<string>()
        for (const { item, keys = {} } of items) {
          const key = JSON.stringify(keys)
          if (seen.has(key)) {
            throw new DuplicateEntry(
              `${written(steps)}: duplicate entries for key ${written([{ keys }])}`,
            )
          }
          seen.add(key)
          walk(item, [...steps, { keys }])
        }
        return
      }
    }
    fields.set(written(steps), { steps, value })
  }
  walk(value, [])
  return fields
}

function keysOf(list: string, item: unknown): Record<string, unknown> | undefined {
  const names = KEYED_LISTS[list]
  if (names === undefined || !isMap(item)) return undefined
  const keys = names.flatMap((name) => {
    const value = item[name] ?? (list === 'ports' ? DEFAULT_KEYS[name] : undefined)
    return value === undefined ? [] : [[name, value]]
  })
  return keys.length === 0 ? undefined : (Object.fromEntries(keys) as Record<string, unknown>)
}

function written(steps: readonly Step[]): string {
  const parts = steps.map((step) => {
    if (typeof step === 'string') return `.${step}`
    const keys = Object.entries(step.keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    return `[${keys.join(',')}]`
  })
  return parts.join('')
}

function unflatten(fields: Fields): object {
  const root: Record<string, unknown> = {}
  for (const { steps, value } of fields.values()) {
    let node: unknown = root
    for (const [index, step] of steps.entries()) {
      const isLast = index === steps.length - 1
      const next = steps[index + 1]
      if (typeof step === 'string') {
        const map = node as Record<string, unknown>
        if (isLast) map[step] = value
        else map[step] ??= typeof next === 'object' ? [] : {}
        node = map[step]
      } else {
        const list = node as Record<string, unknown>[]
        const key = JSON.stringify(step.keys)
        let item = list.find((item) => itemKey.get(item) === key)
        if (item === undefined) {
          item = {}
          itemKey.set(item, key)
          list.push(item)
        }
        node = item
      }
    }
  }
  return structuredClone(root)
}

/** Which item of a keyed list a half-built one will be. */
const itemKey = new WeakMap<object, string>()
