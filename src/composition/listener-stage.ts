// Last stage: the public listener and the admin listener.

import { getRequestListener } from '@hono/node-server'
import { createAdminApp } from '../http/admin.ts'
import { createAdminSessions } from '../http/admin-sessions.ts'
import { createApp } from '../http/app.ts'
import { createRefuse } from '../proxy/refuse.ts'
import { createUpgrade } from '../proxy/upgrade.ts'
import { createWeb } from '../proxy/web.ts'
import { startAdminServer, startPublicServer, type RunningServer } from '../server.ts'
import { createToPublicHost } from '../session/public-host.ts'
import { createStoreHealth } from '../session/store-health.ts'
import type { DesktopStage } from './desktop-stage.ts'
import type { Foundation } from './foundation.ts'
import type { ProviderStage } from './provider-stage.ts'
import type { SessionStage } from './session-stage.ts'

export interface Stages extends Foundation, SessionStage, ProviderStage, DesktopStage {}

/** The library would replace the global Request and Response by its own. */
const LISTENER_OPTIONS = { overrideGlobalObjects: false }

export function startPublicListener(stages: Stages): Promise<RunningServer> {
  const { settings, cookies, desktop, sessionMonitor, log } = stages
  const toPublicHost = createToPublicHost(settings, cookies, (host) =>
    log.warn({ host }, 'a proxy in front rewrites the Host header; pass it on unchanged'),
  )
  const refuse = createRefuse({ ...stages, toPublicHost })
  const app = createApp({
    ...stages,
    toPublicHost,
    desktopState: () => desktop.state(),
    here: () => sessionMonitor.sessions,
  })
  const handleOwn = getRequestListener(app.fetch, LISTENER_OPTIONS)
  return startPublicServer(settings.current, {
    ...stages,
    handleOwn: (request, response) => void handleOwn(request, response),
    handleWeb: createWeb({ ...stages, refuse }),
    handleUpgrade: createUpgrade(stages),
    refuse,
  })
}

/** `isReady`: start-up is complete, and the gateway is not draining. */
export function startAdminListener(
  stages: Stages,
  publicServer: Pick<RunningServer, 'certificateEndsAt'>,
  isReady: () => boolean,
): Promise<RunningServer> {
  const { settings, metrics, sessions, presence, providers, desktop, tunnels } = stages
  const { connections, maxConnections, sessionMonitor, store, audit, log, now } = stages
  const storeHealth = createStoreHealth(store, now)
  metrics.observe({
    openConnections: () => connections.size,
    maxConnections: () => maxConnections,
    tunnelsByRole: () => tunnels.countByRole(),
    tunnelBytes: () => tunnels.countBytes(),
    activeSessions: () => storeHealth.countActive(),
    leastIdleMs: () => presence.leastIdle(),
    desktopUp: () => desktop.isUp(),
    storeUp: () => storeHealth.isUp(),
    providersUp: () => new Map(providers.all.map(({ settings: { name }, isUp }) => [name, isUp])),
    stalledTunnels: () => tunnels.countStalled(),
    certificateEnds: async () => {
      const ends = [
        ['listener', publicServer.certificateEndsAt()],
        ['desktop', await desktop.certificateEndsAt()],
      ] as const
      return new Map(ends.flatMap(([name, at]) => (at === undefined ? [] : [[name, at]])))
    },
  })
  const admin = createAdminApp({
    metrics,
    sessions: createAdminSessions({
      token: () => settings.current.adminToken,
      sessions,
      presence,
      here: () => sessionMonitor.sessions,
      audit,
      log,
    }),
    hosts: () => settings.current.adminHosts,
    isReady,
    parts: async () => ({
      provider: providers.all.every(({ isUp }) => isUp),
      store: await storeHealth.isUp(),
      desktop: await desktop.isUp(),
    }),
  })
  const handle = getRequestListener(admin.fetch, LISTENER_OPTIONS)
  return startAdminServer(
    settings.current.adminListen,
    (request, response) => void handle(request, response),
  )
}
