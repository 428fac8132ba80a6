// Third stage: the OpenID Provider, and how a sign-in begins and ends.

import { createLoginLimiter } from '../net/limits.ts'
import { createFinishLogin, type FinishLogin } from '../oidc/callback.ts'
import { createReportFailedLogin, type ReportFailedLogin } from '../oidc/failure.ts'
import { createBeginLogin, type BeginLogin } from '../oidc/login.ts'
import { createCheckLogoutToken, type CheckLogoutToken } from '../oidc/logout-token.ts'
import { createRefresh, type Refresh } from '../oidc/refresh.ts'
import { createRelyingParty, type RelyingParty } from '../oidc/relying-party.ts'
import type { Foundation } from './foundation.ts'
import type { SessionStage } from './session-stage.ts'

export interface ProviderStage {
  readonly relyingParty: RelyingParty
  readonly beginLogin: BeginLogin
  readonly finishLogin: FinishLogin
  readonly reportFailedLogin: ReportFailedLogin
  readonly refresh: Refresh
  readonly checkLogoutToken: CheckLogoutToken
}

export async function buildProvider(
  foundation: Foundation,
  { loginStates, reauthenticateSince }: SessionStage,
): Promise<ProviderStage> {
  const { settings, now, log, metrics, audit } = foundation
  const relyingParty = await createRelyingParty(settings, log, metrics)
  const reportFailedLogin = createReportFailedLogin(settings, {
    metrics,
    audit,
    log,
    clientAuth: () => relyingParty.clientAuth,
  })
  const beginLogin = createBeginLogin({
    settings,
    relyingParty,
    loginStates,
    limiter: createLoginLimiter(() => settings.current.loginLimit, now),
    reportFailed: reportFailedLogin,
    reauthenticateSince,
    now,
    log,
  })
  return {
    relyingParty,
    beginLogin,
    finishLogin: createFinishLogin(settings, relyingParty, now),
    reportFailedLogin,
    refresh: createRefresh(settings, relyingParty, now),
    checkLogoutToken: createCheckLogoutToken(relyingParty, settings.current.oidc.clientId, now),
  }
}
