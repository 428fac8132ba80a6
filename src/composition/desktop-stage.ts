// Fourth stage: the desktop, the gate in front of it, and the streams to it with what watches them.

import { EventEmitter } from 'node:events'
import { createDesktop, type Desktop } from '../desktop/desktop.ts'
import { RFB_UNKNOWN } from '../desktop/rfb.ts'
import { createAuthorize, type Authorize } from '../gate/authorize.ts'
import { createRevalidation, type Revalidation } from '../gate/revalidate.ts'
import { beginAtZero } from '../observability/metrics.ts'
import { withRightsBy } from '../policy/policy.ts'
import { Tunnels } from '../proxy/tunnels.ts'
import type { EndReason, Session } from '../session/session.ts'
import { SessionMonitor } from '../session/session-monitor.ts'
import type { Foundation } from './foundation.ts'
import type { ProviderStage } from './provider-stage.ts'
import type { SessionStage } from './session-stage.ts'

export interface DesktopStage {
  readonly desktop: Desktop
  readonly revalidation: Revalidation
  readonly authorize: Authorize
  readonly sessionMonitor: SessionMonitor
  readonly tunnels: Tunnels
}

/** What the gate and the session monitor tell the tunnels. */
interface StreamEvents {
  ended: [sessionId: string, reason: EndReason]
  renewed: [session: Session]
}

export function buildDesktop(
  foundation: Foundation,
  { cookies, store, presence, sessions }: SessionStage,
  { providers }: ProviderStage,
): DesktopStage {
  const { settings, now, log, metrics, audit } = foundation
  beginAtZero(
    metrics.rfbUnknown,
    RFB_UNKNOWN.map((what) => ({ what })),
  )
  const streams = new EventEmitter<StreamEvents>()
  const onRenewed = (session: Session): void => void streams.emit('renewed', session)
  const desktop = createDesktop(settings, log, now)
  const revalidation = createRevalidation({
    settings,
    sessions,
    store,
    providers,
    onRenewed,
    metrics,
    log,
    now,
  })
  const authorize = createAuthorize({
    settings,
    cookies,
    sessions,
    providers,
    revalidation,
    desktop,
    metrics,
    log,
    now,
  })
  const onEnded = (id: string, reason: EndReason): void => void streams.emit('ended', id, reason)
  const listener = { onEnded, onRenewed }
  const sessionMonitor = new SessionMonitor(
    settings,
    sessions,
    presence,
    revalidation,
    listener,
    now,
  )
  const tunnels = new Tunnels({
    metrics,
    audit,
    presence,
    watch: (session, cookie) => sessionMonitor.watch(session, cookie),
    rightsAt: (session, at) => withRightsBy(settings.current.access, session, at),
    tunnelsPerPerson: () => settings.current.limits.tunnelsPerPerson,
    now,
  })
  streams.on('ended', (sessionId, reason) => tunnels.closeSession(sessionId, reason))
  streams.on('renewed', (session) => tunnels.recycle(session))
  return { desktop, revalidation, authorize, sessionMonitor, tunnels }
}
