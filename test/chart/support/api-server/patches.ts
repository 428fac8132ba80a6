// The two patches that are not server-side apply: kubectl's plain one, and the one helm 3 upgrades with.

import { isMap } from '../objects.ts'

type Patch = (target: unknown, patch: unknown) => unknown

/** What identifies an item of a list that is merged and not replaced. */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port'],
  topologySpreadConstraints: ['topologyKey'],
  hostAliases: ['ip'],
}

export const PATCHES: Readonly<Record<string, Patch>> = {
  'application/merge-patch+json': mergePatch,
  'application/strategic-merge-patch+json': strategicMergePatch,
}

/** @see https://www.rfc-editor.org/rfc/rfc7396 */
function mergePatch(target: unknown, patch: unknown): unknown {
  return isMap(patch) ? mergeMaps(target, patch, mergePatch) : patch
}

/**
 * The order that a patch asks a list to have is not kept.
 * @see https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch
  const { $patch, $retainKeys, ...fields } = patch
  if ($patch === 'replace') return fields
  const plain = Object.entries(fields).filter(([key]) => !key.startsWith('$'))
  const kept = isMap(target) && Array.isArray($retainKeys) ? pick(target, $retainKeys) : target
  return mergeMaps(kept, Object.fromEntries(plain), (was, is, key) => {
    const names = MERGE_KEYS[key]
    return names === undefined || !Array.isArray(is)
      ? strategicMergePatch(was, is)
      : mergeLists(Array.isArray(was) ? was : [], is, names)
  })
}

function mergeMaps(
  target: unknown,
  patch: Readonly<Record<string, unknown>>,
  merge: (target: unknown, patch: unknown, key: string) => unknown,
): Record<string, unknown> {
  const merged: Record<string, unknown> = isMap(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = merge(merged[key], value, key)
  }
  return merged
}

function mergeLists(
  target: readonly unknown[],
  patch: readonly unknown[],
  keys: readonly string[],
): unknown[] {
  let merged = [...target]
  for (const item of patch) {
    const isMatch = (other: unknown): boolean =>
      isMap(item) && isMap(other) && keys.some((key) => key in item && item[key] === other[key])
    if (isMap(item) && item['$patch'] === 'delete') merged = merged.filter((one) => !isMatch(one))
    else if (merged.some(isMatch)) {
      merged = merged.map((one) => (isMatch(one) ? strategicMergePatch(one, item) : one))
    } else merged.push(strategicMergePatch(undefined, item))
  }
  return merged
}

function pick(map: Readonly<Record<string, unknown>>, keys: readonly unknown[]): object {
  return Object.fromEntries(Object.entries(map).filter(([key]) => keys.includes(key)))
}
