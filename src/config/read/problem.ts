// A problem in the settings is one sentence. It names the setting as in the environment and as in YAML.

import { SETTINGS } from '../schema/schema.ts'

export interface Problem {
  /** The YAML paths it concerns. `unlessReported` uses them to leave out problems that follow from another one. */
  readonly about: readonly string[]
  readonly sentence: string
}

/** `words` follow the name of the first path: "must be …". */
export function problem(about: string | readonly [string, ...string[]], words: string): Problem {
  const paths = typeof about === 'string' ? ([about] as const) : about
  return { about: paths, sentence: `${nameOf(paths[0])}: ${words}` }
}

/** `GATEWAY_PUBLIC_URL (publicUrl)`, or the path alone when the setting exists only in YAML. */
export function nameOf(path: string): string {
  const setting = SETTINGS.find((candidate) => isWithin(path, candidate.path))
  if (setting?.env !== undefined) return `${setting.env} (${setting.path})`
  const secret = SETTINGS.find((candidate) => candidate.secret && `${candidate.path}File` === path)
  return secret?.env === undefined ? path : `${secret.env}_FILE (${path})`
}

/** True for `access[0].role` within `access[0]` and within `access`. */
export function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`)
}

/**
 * The problems in `more` that concern no path of `reported`. A refused value is removed and so looks missing, which must
 * not be reported as a second problem.
 */
export function unlessReported(
  reported: readonly Problem[],
  more: readonly Problem[],
): readonly Problem[] {
  const paths = reported.flatMap(({ about }) => about)
  const isReported = (path: string): boolean =>
    paths.some((known) => isWithin(path, known) || isWithin(known, path))
  return more.filter(({ about }) => !about.some(isReported))
}
