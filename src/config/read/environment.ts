// The environment as a tree of the same form as the YAML file. Names of ours that no setting has are problems, for a
// misspelt restriction must not be a missing one.

import { nearestName } from './nearest-name.ts'
import type { Problem } from './problem.ts'
import { SETTINGS } from '../schema/schema.ts'
import { setAt, type Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const PREFIX = 'GATEWAY_'
const CONFIG_NAME = 'GATEWAY_CONFIG'

/** Environment name → YAML path, the `…_FILE` forms of secrets included. */
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
 * Kubernetes puts these into every pod for each Service of the namespace, among them the gateway's own. A bare
 * `…_PORT` must look like one as well: GATEWAY_LISTEN_PORT=8080 is somebody's mistake.
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
  const inFile = SETTINGS.find(({ env, path }) => env === undefined && environmentOf(path) === name)
  if (inFile !== undefined) return `${inFile.path} can only be given in the YAML file`
  const tail = name.slice(PREFIX.length)
  const tails = [CONFIG_NAME, ...PATHS.keys()].map((known) => known.slice(PREFIX.length))
  const meant = nearestName(tail, tails)
  return meant === undefined ? 'remove it' : `did you mean ${PREFIX}${meant}?`
}

/** What a path would be called in the environment, had it a name there. */
function environmentOf(path: string): string {
  const words = path.replaceAll('.', '_').replace(/[A-Z]/g, (letter) => `_${letter}`)
  return PREFIX + words.toUpperCase()
}
