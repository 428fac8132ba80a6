// Lists in a discovery document. Nobody has checked their type or their text before.

import { printable } from '../../lib/printable.ts'

const MAX_TEXT = 300

/** Undefined if there is no list of texts. */
export function listedIn(value: unknown): readonly string[] | undefined {
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string')
  return isList ? value : undefined
}

export function show(list: readonly string[]): string {
  return printable(list.join(', '), MAX_TEXT) || 'none'
}
