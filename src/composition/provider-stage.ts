// Third stage: the providers, and how a sign-in begins and ends.

import { createLoginLimiter } from '../net/limits.ts'
import { beginAtZero } from '../observability/metrics.ts'
import {
  createReportFailedLogin,
  NOT_THE_PERSONS,
  type ReportFailedLogin,
} from '../oidc/failure.ts'
import { createBeginLogin, type BeginLogin } from '../oidc/login.ts'
import { createOauth2Provider } from '../oidc/oauth2-provider.ts'
import { createProvider } from '../oidc/provider.ts'
import { createRelyingParty } from '../oidc/relying-party.ts'
import { createProviders, type Providers } from '../oidc/providers.ts'
import type { Foundation } from './foundation.ts'
import type { SessionStage } from './session-stage.ts'

export interface ProviderStage {
  readonly providers: Providers
  readonly beginLogin: BeginLogin
  readonly reportFailedLogin: ReportFailedLogin
}

export async function buildProvider(
  foundation: Foundation,
  { loginStates, reauthenticateSince }: SessionStage,
): Promise<ProviderStage> {
  const { settings, now, log, metrics, audit } = foundation
  const wanted = settings.current.providers
  const providers = createProviders(
    await Promise.all(
      wanted.map(async (one) =>
        one.kind === 'oauth2'
          ? createOauth2Provider(one, { settings, log, metrics, now })
          : createProvider(await createRelyingParty(one, log, metrics), { settings, now }),
      ),
    ),
  )
  for (const { name: provider } of wanted) {
    const outcomes = ['refreshed', 'refused', 'unavailable']
    beginAtZero(
      metrics.sessionRefreshes,
      outcomes.map((outcome) => ({ provider, outcome })),
    )
    beginAtZero(
      metrics.logins,
      NOT_THE_PERSONS.map((reason) => ({ provider, outcome: 'failed', reason })),
    )
  }
  const reportFailedLogin = createReportFailedLogin(settings, { metrics, audit, log })
  const beginLogin = createBeginLogin({
    settings,
    providers,
    loginStates,
    limiter: createLoginLimiter(() => settings.current.loginLimit, now),
    reportFailed: reportFailedLogin,
    reauthenticateSince,
    log,
  })
  return { providers, beginLogin, reportFailedLogin }
}
