// The one composition root: every part is made here, in the order of the house, and handed to those that use it.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import type { Settings, SettingsHolder } from './config/config.ts'
import { createDesktop } from './desktop/desktop.ts'
import { createAuthorize } from './gate/authorize.ts'
import { createRevalidation } from './gate/revalidate.ts'
import { createAdminApp } from './http/admin.ts'
import { createAdminSessions } from './http/admin-sessions.ts'
import { createApp } from './http/app.ts'
import { createClientOf } from './net/forwarded.ts'
import { createAttemptLimiter } from './net/limits.ts'
import { createAudit, subjectOf } from './observability/audit.ts'
import { createLog } from './observability/log.ts'
import { createMetrics } from './observability/metrics.ts'
import { createReportRepeatedCookie } from './observability/repeated-cookies.ts'
import { createFinishLogin } from './oidc/callback.ts'
import { createReportFailedLogin } from './oidc/failure.ts'
import { createBeginLogin } from './oidc/login.ts'
import { endSessionUrl } from './oidc/logout.ts'
import { createCheckLogoutToken } from './oidc/logout-token.ts'
import { createRefresh } from './oidc/refresh.ts'
import { createRelyingParty } from './oidc/relying-party.ts'
import { withRightsBy } from './policy/policy.ts'
import { createRefuse } from './proxy/refuse.ts'
import { Tunnels } from './proxy/tunnels.ts'
import { createUpgrade } from './proxy/upgrade.ts'
import { createWeb } from './proxy/web.ts'
import { startAdminServer, startPublicServer } from './server.ts'
import { createCookies } from './session/cookie.ts'
import { SessionMonitor } from './session/session-monitor.ts'
import { createLoginStates } from './session/login-state.ts'
import { openSessionStore } from './session/open-session-store.ts'
import { PresenceBook } from './session/presence.ts'
import { createToPublicHost } from './session/public-host.ts'
import { Sessions } from './session/sessions.ts'

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
  const { output = process.stdout, now = Date.now } = options
  const holder: SettingsHolder = { current: settings }
  const log = createLog(settings.logLevel, output)
  const metrics = createMetrics(VERSION)
  const audit = createAudit(output, settings.audit.file, now, (error) =>
    log.error({ err: error }, 'the audit file cannot be written'),
  )
  const clientOf = createClientOf(settings.trustedProxies)

  const cookies = createCookies(settings.publicUrl, createReportRepeatedCookie(metrics, audit, now))
  const store = await openSessionStore(settings.session.store, {
    caFile: settings.session.storeCaFile,
    now,
    onTrouble: (error) => log.warn({ err: error }, 'trouble with the session store'),
    onRecovered: () => log.info('the session store answers again'),
  })
  const presence = new PresenceBook(holder, store, now)
  const sessions = new Sessions(holder, store, presence, now, (session) =>
    withRightsBy(holder.current.access, session),
  )
  const loginStates = createLoginStates(settings.session.secrets, cookies, now)

  const relyingParty = await createRelyingParty(holder, log, metrics)
  const limiter = createAttemptLimiter(() => holder.current.loginLimit, now)
  const reportFailedLogin = createReportFailedLogin(holder, {
    metrics,
    audit,
    log,
    clientAuth: () => relyingParty.clientAuth,
  })
  const beginLogin = createBeginLogin({
    settings: holder,
    relyingParty,
    loginStates,
    limiter,
    reportFailed: reportFailedLogin,
    reauthenticateSince,
    now,
    log,
  })
  const finishLogin = createFinishLogin(holder, relyingParty, now)

  const desktop = createDesktop(holder, now)
  const revalidation = createRevalidation({
    settings: holder,
    sessions,
    store,
    refresh: createRefresh(holder, relyingParty, now),
    onRenewed: (session) => tunnels.recycle(session),
    metrics,
    log,
    now,
  })
  const authorize = createAuthorize({
    settings: holder,
    cookies,
    sessions,
    revalidation,
    desktop,
    metrics,
    log,
  })
  const sessionMonitor = new SessionMonitor(
    holder,
    sessions,
    presence,
    revalidation,
    {
      onEnded: (sessionId, reason) => tunnels.closeSession(sessionId, reason),
      onRenewed: (session) => tunnels.recycle(session),
    },
    now,
  )
  const tunnels = new Tunnels({
    metrics,
    audit,
    presence,
    watch: (session, cookie) => sessionMonitor.watch(session, cookie),
    now,
  })
  sessions.onEndedHere((session, reason, request) => {
    metrics.sessionsEnded.inc({ reason })
    audit.write({
      event: 'session_ended',
      request,
      ...subjectOf(session),
      address: session.address,
      desktop: desktop.url.host,
      reason,
    })
  })
  const storeAnswers = (): Promise<number | undefined> =>
    sessions.countActive().catch(() => undefined)
  metrics.observe({
    tunnelsByRole: () => tunnels.countByRole(),
    tunnelBytes: () => tunnels.countBytes(),
    activeSessions: storeAnswers,
    leastIdleMs: () => presence.leastIdle(),
    desktopUp: () => desktop.isUp(),
  })

  const toPublicHost = createToPublicHost(holder, cookies, (host) =>
    log.warn({ host }, 'a proxy in front rewrites the Host header; pass it on unchanged'),
  )
  const refuse = createRefuse({ settings: holder, toPublicHost, beginLogin, audit, log })
  const app = createApp({
    settings: holder,
    cookies,
    sessions,
    loginStates,
    authorize,
    toPublicHost,
    beginLogin,
    finishLogin,
    reportFailedLogin,
    endSessionUrl: (session, vault, state) =>
      endSessionUrl(holder, relyingParty, session, vault, state),
    presence,
    desktopState: () => desktop.state(),
    here: () => sessionMonitor.sessions,
    checkLogoutToken: createCheckLogoutToken(relyingParty, settings.oidc.clientId, now),
    issuer: () => relyingParty.configuration?.serverMetadata().issuer,
    now,
    clientOf,
    metrics,
    audit,
    log,
  })
  // The library would put its own Request and Response in place of the process's.
  const listener = { overrideGlobalObjects: false }
  const publicServer = await startPublicServer(settings, {
    handleOwn: (request, response) => void getOwn(request, response),
    handleWeb: createWeb({
      settings: holder,
      authorize,
      desktop,
      presence,
      tunnels,
      refuse,
      metrics,
      log,
      now,
    }),
    handleUpgrade: createUpgrade({
      settings: holder,
      authorize,
      desktop,
      tunnels,
      clientOf,
      metrics,
      audit,
      log,
    }),
    refuse,
    clientOf,
    log,
  })
  const getOwn = getRequestListener(app.fetch, listener)

  let isStarted = false
  let stopping: Promise<void> | undefined
  relyingParty.ready.then(
    () => (isStarted = true),
    () => {},
  )
  const admin = createAdminApp({
    metrics,
    sessions: createAdminSessions({
      token: () => holder.current.adminToken,
      sessions,
      presence,
      here: () => sessionMonitor.sessions,
      audit,
      log,
    }),
    isReady: () => isStarted && stopping === undefined,
    parts: async () => ({
      provider: relyingParty.isUp,
      store: (await storeAnswers()) !== undefined,
      desktop: await desktop.isUp(),
    }),
  })
  const adminListener = getRequestListener(admin.fetch, listener)
  const adminServer = await startAdminServer(
    settings.adminListen,
    (request, response) => void adminListener(request, response),
  )
  log.info(
    {
      version: VERSION,
      publicUrl: settings.publicUrl.origin,
      port: publicServer.port,
      adminPort: adminServer.port,
    },
    'listening',
  )
  relyingParty.start()

  /** After an idle end the provider's own session is no proof of who sits at the screen. */
  async function reauthenticateSince(
    cookieHeader: string | undefined,
  ): Promise<number | undefined> {
    const cookie = cookies.read(cookieHeader, cookies.sessionName)
    if (cookie === undefined || !holder.current.session.idleReauth) return undefined
    const found = await sessions.find(cookie)
    return found.state === 'ended' && found.reason === 'idle' ? found.at : undefined
  }

  async function stop(): Promise<void> {
    const { delay, timeout } = holder.current.drain
    log.info({ delay, timeout, tunnels: tunnels.size }, 'draining')
    // Unready first: new people are sent elsewhere while this replica still answers those that come.
    await sleep(delay)
    sessionMonitor.stop()
    // An answer of the provider's that is in hand must be written: it has forgotten the old token.
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
    await relyingParty.stop()
    await store.close()
    const adminEnded = adminServer.drain()
    adminServer.close()
    await adminEnded
    log.info('stopped')
    await audit.close()
  }

  return {
    publicPort: publicServer.port,
    adminPort: adminServer.port,
    ready: () => relyingParty.ready,
    stop: () => (stopping ??= stop()),
  }
}
