// Applies overrides to defaults, key by key.

/** Plain objects are merged at every depth; arrays, functions and all other values of `overrides` replace. */
export function mergeObjects<T extends object>(defaults: T, overrides: Partial<T>): T {
  const merged = { ...defaults } as Record<string, unknown>
  for (const [key, value] of Object.entries(overrides)) {
    const present = merged[key]
    merged[key] =
      isPlainObject(present) && isPlainObject(value) ? mergeObjects(present, value) : value
  }
  return merged as T
}

function isPlainObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}
