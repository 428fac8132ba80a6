// The command line of `npm run demo -- …`.

import { parseArgs } from 'node:util'
import type { Credentials } from './page-server.ts'

export const USAGE = `npm run demo [-- OPTIONS]

An OpenID Provider, a desktop and the gateway, all on this machine's loopback.

  --port N              where the gateway listens (default 8080; 0 takes a free one)
  --desktop URL         a KasmVNC of yours instead of the demo's own desktop
  --username U          its Basic user name ...
  --password P          ... and password
  --viewer-username U   a user of that KasmVNC who may not write, for bob ...
  --viewer-password P   ... and password; bob may not enter without one
  --help                this text
`

const DEFAULT_PORT = 8080
const LAST_PORT = 65_535

export interface KasmVnc {
  readonly url: URL
  readonly credentials: Credentials | undefined
  /** The credentials of a read-only user: KasmVNC enforces view-only by its own users. */
  readonly viewer: Credentials | undefined
}

export interface DemoOptions {
  readonly port: number
  /** Undefined: the demo starts its own desktop. */
  readonly kasmvnc: KasmVnc | undefined
}

export type DemoCommand =
  | { readonly kind: 'run'; readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly message: string }

export function parseDemoCommand(args: readonly string[]): DemoCommand {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        desktop: { type: 'string' },
        username: { type: 'string' },
        password: { type: 'string' },
        'viewer-username': { type: 'string' },
        'viewer-password': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { kind: 'help' }
    const credentials = parseCredentials(values, 'username', 'password')
    const viewer = parseCredentials(values, 'viewer-username', 'viewer-password')
    const kasmvnc = parseKasmVnc(values.desktop, credentials, viewer)
    return { kind: 'run', options: { port: parsePort(values.port), kasmvnc } }
  } catch (error) {
    return { kind: 'mistake', message: (error as Error).message }
  }
}

function parsePort(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity
  if (port > LAST_PORT) throw new Error(`--port must be a number up to ${LAST_PORT}, not "${text}"`)
  return port
}

/** The two options of these names. */
function parseCredentials<Name extends string>(
  values: Readonly<Partial<Record<Name, string | undefined>>>,
  usernameOption: Name,
  passwordOption: Name,
): Credentials | undefined {
  const username = values[usernameOption]
  const password = values[passwordOption]
  if (username === undefined && password === undefined) return undefined
  if (username === undefined || password === undefined) {
    throw new Error(`--${usernameOption} and --${passwordOption} go together`)
  }
  return { username, password }
}

function parseKasmVnc(
  desktop: string | undefined,
  credentials: Credentials | undefined,
  viewer: Credentials | undefined,
): KasmVnc | undefined {
  if (desktop === undefined) {
    if (credentials !== undefined) {
      throw new Error('--username and --password belong to --desktop')
    }
    if (viewer !== undefined) {
      throw new Error('--viewer-username and --viewer-password belong to --desktop')
    }
    return undefined
  }
  const url = URL.parse(desktop)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(`--desktop must be an http or https address, not "${desktop}"`)
  }
  return { url, credentials, viewer }
}
