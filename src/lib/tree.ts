// JSON objects of unknown content.

export type Tree = Record<string, unknown>

/** True for a map; false for a list or a plain value. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
