// A gateway in this process, as an operator would configure it: through the environment. Its lines are kept, not printed.

import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { Writable } from 'node:stream'
import type { Settings } from '../../src/config/config.ts'
import { loadSettings } from '../../src/config/load.ts'
import { startGateway, type Gateway, type GatewayOptions } from '../../src/gateway.ts'

export interface TestGateway extends Gateway {
  /** The public origin, without a slash at the end. */
  readonly origin: string
  readonly admin: string
  /** Every line it wrote so far, parsed. */
  readonly lines: readonly Line[]
  /** The audit events among them. */
  audit(event?: string): Line[]
}

export type Line = Readonly<Record<string, unknown>>

export type Environment = Readonly<Record<string, string | undefined>>

export const CLIENT_ID = 'gateway'
export const CLIENT_SECRET = 'a-client-secret-for-tests-only'

/** The settings that every test's gateway starts from; `origin` is its public origin. */
export function environmentFor(origin: string, issuer: string, desktop: string): Environment {
  return {
    GATEWAY_PUBLIC_URL: origin,
    GATEWAY_LISTEN: `127.0.0.1:${new URL(origin).port}`,
    GATEWAY_ADMIN_LISTEN: '127.0.0.1:0',
    GATEWAY_OIDC_ISSUER: issuer,
    GATEWAY_OIDC_CLIENT_ID: CLIENT_ID,
    GATEWAY_OIDC_CLIENT_SECRET: CLIENT_SECRET,
    GATEWAY_SESSION_SECRET: 'a session secret for tests, long enough',
    GATEWAY_ALLOW_GROUPS: 'desktop-users',
    GATEWAY_DESKTOP_URL: desktop,
    GATEWAY_DESKTOP_USERNAME: 'kasm_user',
    GATEWAY_DESKTOP_PASSWORD: 'kasm-password',
    GATEWAY_DRAIN_DELAY: '0',
    GATEWAY_LOG_LEVEL: 'debug',
  }
}

export interface TestGatewayOptions extends GatewayOptions {
  /** For values that operators cannot set, such as a lifetime of seconds. */
  readonly settings?: (loaded: Settings) => Settings
}

export async function startTestGateway(
  environment: Environment,
  { settings = (loaded) => loaded, ...options }: TestGatewayOptions = {},
): Promise<TestGateway> {
  const loaded = loadSettings({ env: environment, configFile: undefined })
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'))
  const lines: Line[] = []
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      for (const line of chunk.toString().split('\n')) {
        if (line !== '') lines.push(JSON.parse(line) as Line)
      }
      done()
    },
  })
  const gateway = await startGateway(settings(loaded.settings), { output, ...options })
  return {
    ...gateway,
    origin: loaded.settings.publicUrl.origin,
    admin: `http://127.0.0.1:${gateway.adminPort}`,
    lines,
    audit: (event) =>
      lines.filter(
        (line) => line['audit'] === true && (event === undefined || line['event'] === event),
      ),
  }
}

/**
 * A port that was free a moment ago. An origin contains its port, so the port must be known before the start. It is below
 * the range that the system assigns; otherwise another connection could take it in the meantime.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_240 + randomInt(20_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    await new Promise((resolve) => void server.close(resolve))
    if (isFree) return port
  }
}
