// Reads the environment into a tree of the same form as the YAML file. An unknown name with our prefix is a problem: if
// it were ignored, a misspelt restriction would silently not apply.

import { nearestName } from './nearest-name.ts'
import type { Problem } from './problem.ts'
import { SETTINGS } from '../schema/schema.ts'
import type { Tree } from '../../lib/tree.ts'
import { setAt } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'GATEWAY_'
const CONFIG_NAME = 'GATEWAY_CONFIG'

/** Environment name → YAML path, including the `…_FILE` form of each secret. */
const PATHS: ReadonlyMap<string, string> = new Map(
  SETTINGS.flatMap(({ env, path, secret }): [string, string][] => {
    if (env === undefined) return []
    return secret
      ? [
          [env, path],
          [`${env}_FILE`, `${path}File`],
        ]
      : [[env, path]]
  }),
)

export interface EnvironmentRead {
  readonly tree: Tree
  readonly configFile: string | undefined
  readonly problems: readonly Problem[]
}

/** A variable that is set but empty counts as unset. */
export function readEnvironment(env: Environment): EnvironmentRead {
  const tree: Tree = {}
  const problems: Problem[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined || value === '') continue
    const path = PATHS.get(name)
    if (path !== undefined) setAt(tree, path, value)
    else if (name !== CONFIG_NAME && !isServiceLink(name, value)) problems.push(unknownName(name))
  }
  return { tree, configFile: env[CONFIG_NAME], problems }
}

/**
 * Kubernetes sets these variables in every pod, for each Service of the namespace; the gateway's own Service is one of
 * them. A plain `…_PORT` counts only with such a value: GATEWAY_LISTEN_PORT=8080 is a person's mistake.
 */
function isServiceLink(name: string, value: string): boolean {
  if (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value)) return true
  return /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$/.test(
    name,
  )
}

function unknownName(name: string): Problem {
  return { about: [], sentence: `${name}: is not a setting; ${hintFor(name)}` }
}

function hintFor(name: string): string {
  const yamlOnly = SETTINGS.find(
    ({ env, path }) => env === undefined && environmentOf(path) === name,
  )
  if (yamlOnly !== undefined) return `${yamlOnly.path} can only be given in the YAML file`
  const tail = name.slice(PREFIX.length)
  const tails = [CONFIG_NAME, ...PATHS.keys()].map((known) => known.slice(PREFIX.length))
  const nearest = nearestName(tail, tails)
  return nearest === undefined ? 'remove it' : `did you mean ${PREFIX}${nearest}?`
}

/** The environment name that a YAML-only path would have by the usual scheme. */
function environmentOf(path: string): string {
  const words = path.replaceAll('.', '_').replace(/[A-Z]/g, (letter) => `_${letter}`)
  return PREFIX + words.toUpperCase()
}
