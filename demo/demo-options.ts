// The command line of `npm run demo -- …`.

import { parseArgs } from 'node:util'

export const USAGE = `npm run demo [-- OPTIONS]

An OpenID Provider, a desktop and the gateway, all on this machine's loopback.

  --port N          where the gateway listens (default 8080; 0 takes a free one)
  --desktop URL     a KasmVNC of yours instead of the demo's own desktop
  --username U      its Basic user name ...
  --password P      ... and password
  --help            this text
`

const DEFAULT_PORT = 8080
const LAST_PORT = 65_535

export interface KasmVnc {
  readonly url: URL
  readonly credentials: { readonly username: string; readonly password: string } | undefined
}

export interface DemoOptions {
  readonly port: number
  /** Undefined: a desktop of the demo's own. */
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
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) return { kind: 'help' }
    const { port, desktop, username, password } = values
    const options = { port: parsePort(port), kasmvnc: parseKasmVnc(desktop, username, password) }
    return { kind: 'run', options }
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

function parseKasmVnc(
  desktop: string | undefined,
  username: string | undefined,
  password: string | undefined,
): KasmVnc | undefined {
  if ((username === undefined) !== (password === undefined)) {
    throw new Error('--username and --password go together')
  }
  if (desktop === undefined) {
    if (username !== undefined) throw new Error('--username and --password belong to --desktop')
    return undefined
  }
  const url = URL.parse(desktop)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(`--desktop must be an http or https address, not "${desktop}"`)
  }
  const credentials =
    username === undefined || password === undefined ? undefined : { username, password }
  return { url, credentials }
}
