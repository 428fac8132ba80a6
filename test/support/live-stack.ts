// Provider, gateway and a desktop with a moving picture, for a real browser.

import type { RunningProvider } from '../../demo/provider.ts'
import { startPaintedDesktop } from '../../demo/painted-desktop.ts'
import {
  environmentFor,
  freePort,
  startTestGateway,
  type Environment,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway.ts'
import { startTestProvider, type TestProviderOptions } from './op.ts'

const ADMIN_TOKEN = 'an-admin-token-for-tests'

/** The credentials of every desktop here. */
export const DESKTOP_CREDENTIALS = { username: 'kasm_user', password: 'kasm-password' }

export interface LiveDesktop {
  readonly url: URL
  stop(): Promise<void>
}

export interface LiveStack {
  readonly gateway: TestGateway
  readonly provider: RunningProvider
  stop(): Promise<void>
}

export interface LiveStackOptions {
  readonly environment?: Environment
  readonly provider?: TestProviderOptions
  readonly gateway?: TestGatewayOptions
  /** The painted one when left out. Stops with the stack. */
  readonly desktop?: LiveDesktop
}

export async function startLiveStack(options: LiveStackOptions = {}): Promise<LiveStack> {
  const origin = `http://localhost:${await freePort()}`
  const provider = await startTestProvider(origin, options.provider)
  const desktop =
    options.desktop ?? (await startPaintedDesktop({ credentials: DESKTOP_CREDENTIALS }))
  const environment = {
    ...liveEnvironment(origin, provider.issuer, desktop.url),
    ...options.environment,
  }
  const gateway = await startTestGateway(environment, options.gateway)
  await gateway.ready()
  return {
    gateway,
    provider,
    async stop() {
      await gateway.stop()
      await Promise.all([provider.stop(), desktop.stop()])
    },
  }
}

/** Without a limit of logins: all of a test come from one address. */
export function liveEnvironment(origin: string, issuer: string, desktop: URL): Environment {
  return {
    ...environmentFor(origin, issuer, desktop.origin),
    GATEWAY_DESKTOP_KIND: 'rfb',
    GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
    GATEWAY_LOGIN_LIMIT: 'off',
    GATEWAY_LOG_LEVEL: 'info',
  }
}

/** Ends sessions with a DELETE at this path of the admin API; returns how many ended. */
export async function revoke(admin: string, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  const answer = await fetch(`${admin}/admin${path}`, { method: 'DELETE', headers })
  return ((await answer.json()) as { ended: number }).ended
}
