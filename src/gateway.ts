// The composition root: builds the parts in stages, each from the ones before it, and stops them in order.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildDesktop } from './composition/desktop-stage.ts'
import { layFoundation } from './composition/foundation.ts'
import {
  startAdminListener,
  startPublicListener,
  type Stages,
} from './composition/listener-stage.ts'
import { buildProvider } from './composition/provider-stage.ts'
import { buildSessions } from './composition/session-stage.ts'
import type { Settings } from './config/config.ts'
import type { RunningServer } from './server.ts'

export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
).version

export interface GatewayOptions {
  /** Where log and audit lines go; stdout unless told otherwise. */
  readonly output?: NodeJS.WritableStream
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** What Node was started with: it may bound the heap. */
  readonly nodeOptions?: string
}

export interface Gateway {
  readonly publicPort: number
  readonly adminPort: number
  /** Resolves when the provider has answered and the gateway can sign people in. */
  ready(): Promise<void>
  /** Drains and ends; resolves when nothing is left, within `drain.delay` + `drain.timeout`. */
  stop(): Promise<void>
}

export async function startGateway(
  settings: Settings,
  options: GatewayOptions = {},
): Promise<Gateway> {
  const { output = process.stdout, now = Date.now, nodeOptions = '' } = options
  const foundation = layFoundation(settings, { version: VERSION, output, now, nodeOptions })
  const session = await buildSessions(foundation)
  const provider = await buildProvider(foundation, session)
  const desktop = buildDesktop(foundation, session, provider)
  const stages: Stages = { ...foundation, ...session, ...provider, ...desktop }
  const { providers, log, maxConnections } = stages

  let isStarted = false
  let stopping: Promise<void> | undefined
  providers.ready.then(
    () => (isStarted = true),
    () => {},
  )
  const publicServer = await startPublicListener(stages)
  const adminServer = await startAdminListener(
    stages,
    publicServer,
    () => isStarted && stopping === undefined,
  )
  const { port } = publicServer
  const { port: adminPort } = adminServer
  const publicUrl = settings.publicUrl.origin
  log.info({ version: VERSION, publicUrl, port, adminPort, maxConnections }, 'listening')
  for (const provider of providers.all) provider.start()

  return {
    publicPort: port,
    adminPort,
    ready: () => providers.ready,
    stop: () => (stopping ??= stopGateway(stages, publicServer, adminServer)),
  }
}

async function stopGateway(
  stages: Stages,
  publicServer: RunningServer,
  adminServer: RunningServer,
): Promise<void> {
  const { settings, log, audit, tunnels, sessionMonitor, revalidation } = stages
  const { desktop, presence, providers, store } = stages
  const { delay, timeout } = settings.current.drain
  log.info({ delay, timeout, tunnels: tunnels.size }, 'draining')
  // Unready first: load balancers send new people elsewhere while this replica still answers those that come.
  await sleep(delay)
  sessionMonitor.stop()
  // An answer of the provider must still be stored: the provider no longer accepts the old token.
  const answered = Promise.all([publicServer.drain(), revalidation.settled()])
  tunnels.drain()
  const abandon = new AbortController()
  await Promise.race([
    answered,
    sleep(timeout, undefined, { signal: abandon.signal }).catch(() => {}),
  ])
  abandon.abort()
  publicServer.close()
  desktop.close()
  presence.stop()
  await presence.flush().catch(() => {})
  await Promise.all(providers.all.map((provider) => provider.stop()))
  await store.close()
  const adminEnded = adminServer.drain()
  adminServer.close()
  await adminEnded
  log.info('stopped')
  await audit.close()
}
