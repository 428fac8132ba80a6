// The settings as nested plain objects before validation. Paths such as `session.secret` or `access[0].match.groups`
// address them.

export type Tree = Record<string, unknown>

export type Path = readonly PropertyKey[]

/** True for a map; false for a list or a plain value. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The maps at a key that holds one map or a list of maps, with their paths. */
export function sectionsAt(
  tree: Tree,
  key: string,
): readonly { readonly path: string; readonly section: Tree }[] {
  const value = tree[key]
  if (isTree(value)) return [{ path: key, section: value }]
  return (Array.isArray(value) ? value : []).flatMap((section, index) =>
    isTree(section) ? [{ path: `${key}[${index}]`, section }] : [],
  )
}

/** Turns `['access', 0, 'role']` into `access[0].role`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}

/** The value at a dotted path without list indexes, or undefined. */
export function valueAt(tree: Tree, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((node, key) => (isTree(node) ? node[key] : undefined), tree)
}

/** Sets the value at a dotted path. Does nothing when a section on the way is not a map: the schema reports that. */
export function setAt(tree: Tree, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop()
  let node = tree
  for (const key of keys) {
    const next = (node[key] ??= {})
    if (!isTree(next)) return
    node = next
  }
  if (last !== undefined) node[last] = value
}

/** Removes the value at `path`. The path may contain list indexes, but must not end in one. */
export function removeAt(tree: Tree, path: Path): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key], tree)
  const last = path.at(-1)
  if (isTree(parent) && last !== undefined) delete (parent as Record<PropertyKey, unknown>)[last]
}

/** A copy without keys whose value is null. A YAML key with nothing after the colon counts as not set. */
export function withoutNulls(tree: Tree): Tree {
  const kept = Object.entries(tree).filter(([, value]) => value !== null)
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutNullsIn(value)]))
}

function withoutNullsIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNullsIn)
  return isTree(value) ? withoutNulls(value) : value
}
