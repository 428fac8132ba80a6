// Second stage: the session store and the sessions in it.

import { subjectOf } from '../observability/audit.ts'
import { beginAtZero } from '../observability/metrics.ts'
import { createReportRepeatedCookie } from '../observability/repeated-cookies.ts'
import { withRightsBy } from '../policy/policy.ts'
import { createCookies, type Cookies } from '../session/cookie.ts'
import { gatewayId } from '../session/gateway-id.ts'
import { createLoginStates, type LoginStates } from '../session/login-state.ts'
import { openSessionStore } from '../session/open-session-store.ts'
import { PresenceBook } from '../session/presence.ts'
import type { SessionStore } from '../session/session-store.ts'
import { END_REASONS } from '../session/session.ts'
import { Sessions } from '../session/sessions.ts'
import type { Foundation } from './foundation.ts'

export interface SessionStage {
  readonly cookies: Cookies
  readonly store: SessionStore
  readonly presence: PresenceBook
  readonly sessions: Sessions
  readonly loginStates: LoginStates
  /**
   * Since when (ms since the epoch) the person must have authenticated at the provider. Undefined: at any time. After an
   * idle end, the provider's own session does not prove who sits at the screen.
   */
  readonly reauthenticateSince: (cookieHeader: string | undefined) => Promise<number | undefined>
}

export async function buildSessions(foundation: Foundation): Promise<SessionStage> {
  const { settings, now, log, metrics, audit } = foundation
  const { publicUrl, session, desktop } = settings.current
  const names = ['session', 'login', 'logout', 'provider']
  beginAtZero(
    metrics.cookiesRepeated,
    names.map((cookie) => ({ cookie })),
  )
  const cookies = createCookies(publicUrl, createReportRepeatedCookie(metrics, audit, now))
  const store = await openSessionStore(session.store, {
    caFile: session.storeCaFile,
    gatewayId: gatewayId(publicUrl),
    now,
    onTrouble: (error) => log.warn({ err: error }, 'trouble with the session store'),
    onRecovered: () => log.info('the session store answers again'),
  })
  const presence = new PresenceBook(settings, store, now)
  const sessions = new Sessions(settings, store, presence, now, (found) =>
    withRightsBy(settings.current.access, found),
  )
  beginAtZero(
    metrics.sessionsEnded,
    END_REASONS.map((reason) => ({ reason })),
  )
  sessions.events.on('endedHere', (ended, reason, request) => {
    metrics.sessionsEnded.inc({ reason })
    audit.write({
      event: 'session_ended',
      request,
      ...subjectOf(ended),
      address: ended.address,
      desktop: desktop.url.host,
      reason,
    })
  })
  return {
    cookies,
    store,
    presence,
    sessions,
    loginStates: createLoginStates(session.secrets, gatewayId(publicUrl), cookies, now),
    async reauthenticateSince(cookieHeader) {
      const cookie = cookies.read(cookieHeader, cookies.sessionName)
      if (cookie === undefined || !settings.current.session.idleReauth) return undefined
      const found = await sessions.find(cookie)
      return found.state === 'ended' && found.reason === 'idle' ? found.at : undefined
    },
  }
}
