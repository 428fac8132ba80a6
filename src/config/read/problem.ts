// What is wrong with the settings: one sentence each, naming the setting as it is called in both places.

import { SETTINGS } from '../schema/schema.ts'

export interface Problem {
  /** YAML paths it is about. What follows from a problem already told is not told again: see `unlessTold`. */
  readonly about: readonly string[]
  readonly sentence: string
}

/** `words` go on after the name of the first path: "must be …". */
export function problem(about: string | readonly [string, ...string[]], words: string): Problem {
  const paths = typeof about === 'string' ? ([about] as const) : about
  return { about: paths, sentence: `${nameOf(paths[0])}: ${words}` }
}

/** `GATEWAY_PUBLIC_URL (publicUrl)`; the path alone for what only the YAML file can say. */
export function nameOf(path: string): string {
  const setting = SETTINGS.find((candidate) => isWithin(path, candidate.path))
  if (setting?.env !== undefined) return `${setting.env} (${setting.path})`
  const secret = SETTINGS.find((candidate) => candidate.secret && `${candidate.path}File` === path)
  return secret?.env === undefined ? path : `${secret.env}_FILE (${path})`
}

/** `access[0].role` is within `access[0]` and within `access`. */
export function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`)
}

/** `more`, but for those about something `told` is about: a value that is refused also looks absent. */
export function unlessTold(told: readonly Problem[], more: readonly Problem[]): readonly Problem[] {
  const toldPaths = told.flatMap(({ about }) => about)
  const isTold = (path: string): boolean =>
    toldPaths.some((known) => isWithin(path, known) || isWithin(known, path))
  return more.filter(({ about }) => !about.some(isTold))
}
