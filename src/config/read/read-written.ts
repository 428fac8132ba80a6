// Validates each setting of a tree by itself. Values that the schema refuses are reported and then removed, so that the
// remaining settings can be checked against each other in the same run.

import type { ConfigFileRead } from './config-file.ts'
import { nearestName } from './nearest-name.ts'
import { isWithin, problem, type Problem } from './problem.ts'
import { ROUTE_PATHS } from '../schema/route-leaf.ts'
import { RULE_PATHS } from '../schema/rule-leaf.ts'
import { readSchema, SETTINGS, type SchemaIssue } from '../schema/schema.ts'
import { formatPath, removeAt, type Path, type Tree } from './tree.ts'
import type { WrittenSettings } from '../schema/written-settings.ts'

type Locate = Extract<ConfigFileRead, { ok: true }>['locate']

export interface WrittenRead {
  /** Undefined when the settings are invalid even without the refused values. */
  readonly written: WrittenSettings | undefined
  readonly problems: readonly Problem[]
}

/** Does not change `tree`. */
export function readWritten(tree: Tree, locate: Locate): WrittenRead {
  const first = readSchema(tree)
  if (first.ok) return { written: first.written, problems: [] }
  const problems = first.issues.flatMap((issue) =>
    issue.keys.length > 0 ? unknownKeys(issue, locate) : [refusedValue(issue)],
  )
  const remaining = structuredClone(tree)
  for (const { path, keys } of first.issues) {
    if (keys.length === 0) removeAt(remaining, refusedPart(path))
    for (const key of keys) removeAt(remaining, [...path, key])
  }
  const second = readSchema(remaining)
  return { written: second.ok ? second.written : undefined, problems }
}

/** A list is removed whole. Of a rule or a provider only the invalid part is, so that the others keep their index. */
function refusedPart(path: Path): Path {
  const isEntry = path[0] === 'access' || path[0] === 'oidc'
  if (isEntry && typeof path[1] === 'number' && path.length > 2) return path.slice(0, 3)
  const index = path.findIndex((part) => typeof part === 'number')
  return index === -1 ? path : path.slice(0, index)
}

/** Quotes only the value of a setting that is not secret. A value in the place of a section may be anything. */
function refusedValue({ path, message, input }: SchemaIssue): Problem {
  const written = formatPath(path)
  const declared = written.replace(/^oidc\[\d+\]/, 'oidc')
  const mayQuote =
    path.at(-1) !== 'password' &&
    SETTINGS.some((setting) => !setting.secret && isWithin(declared, setting.path))
  return problem(written, mayQuote ? message + quote(input) : message)
}

function quote(input: unknown): string {
  if (input === undefined) return ''
  if (typeof input !== 'object') return `; got ${JSON.stringify(input)}`
  return `; got a ${Array.isArray(input) ? 'list' : 'map'}`
}

function unknownKeys({ path, keys }: SchemaIssue, locate: Locate): readonly Problem[] {
  const section = formatPath(path)
  return keys.map((key) => {
    const written = formatPath([...path, key])
    const place = locate([...path, key])
    const nearest = nearestKey(section, key)
    const words = `is not a setting${nearest === undefined ? '; remove it' : `; did you mean ${nearest}?`}`
    return {
      about: [written],
      sentence: `${place === undefined ? '' : `${place}: `}${written}: ${words}`,
    }
  })
}

const PATHS: readonly string[] = [
  ...SETTINGS.flatMap(({ path, secret }) => (secret ? [path, `${path}File`] : [path])),
  ...RULE_PATHS,
  ...ROUTE_PATHS,
]

/** The nearest key of the same section, or else the same key of another section. */
function nearestKey(section: string, key: string): string | undefined {
  const declared = section.replace(/^oidc\[\d+\]/, 'oidc').replace(/\[\d+\]/, '[]')
  const prefix = section === '' ? '' : `${declared}.`
  const siblings = PATHS.filter((path) => path.startsWith(prefix)).map(
    (path) => path.slice(prefix.length).split(/[.[]/)[0] ?? '',
  )
  const nearest = nearestName(key, siblings)
  return nearest === undefined ? PATHS.find((path) => path.endsWith(`.${key}`)) : prefix + nearest
}
