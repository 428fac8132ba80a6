// Checks a provider without OpenID Connect (`oidc.kind: oauth2`), such as GitHub.

import type { ServerMetadata } from 'openid-client'
import type { ProviderSettings, Settings } from '../../config/config.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { asTokenResponse } from '../../oidc/oauth2-provider.ts'
import { createProviderHttp, type ProviderHttp } from '../../oidc/provider-http.ts'
import { Findings, type Finding } from '../finding.ts'
import { networkFailure } from '../network-failure.ts'
import { checkClientCredentials } from './client-credentials.ts'
import { addressesToRegister } from './offers.ts'
import { get, reachProvider } from './reach-provider.ts'

export async function checkOauth2Provider(
  provider: ProviderSettings,
  settings: Settings,
): Promise<readonly Finding[]> {
  const findings = new Findings('provider', provider.name)
  const http = createProviderHttp(provider, {
    metrics: createMetrics('check'),
    operationOf: () => 'other',
    onDown: () => {},
  })
  // The settings are complete: check-providers.ts.
  const { authorization, token, userinfo } = provider.endpoints as Required<
    Record<'authorization' | 'token' | 'userinfo', URL>
  >
  const metadata: ServerMetadata = {
    issuer: provider.issuer.href,
    authorization_endpoint: authorization.href,
    token_endpoint: token.href,
  }
  try {
    const response = await reachProvider(authorization, provider, http.fetch, findings)
    await response?.body?.cancel()
    if (response !== undefined && response.status >= 500) {
      findings.warn('authorization', `${authorization.href} answers ${response.status}.`)
    }
    await checkClientCredentials(metadata, provider, {
      publicUrl: settings.publicUrl,
      fetch: async (url, options) => asTokenResponse(await http.fetch(url, options)),
      findings,
    })
    await checkApi(userinfo, http, findings)
    findings.ok('addresses', addressesToRegister(undefined, provider, settings))
    return findings.all
  } finally {
    await http.close()
  }
}

/** Without a token it must refuse: any answer of that kind shows that it is there. */
async function checkApi(url: URL, http: ProviderHttp, findings: Findings): Promise<void> {
  try {
    const { status, body } = await get(url, http.fetch)
    await body?.cancel()
    if (status === 401 || status === 403) {
      findings.ok('api', `${url.href} answers and asks for an access token.`)
    } else {
      findings.warn(
        'api',
        `${url.href} answers ${status} to a request without an access token; expected 401. Check oidc.endpoints.userinfo.`,
      )
    }
  } catch (error) {
    findings.fail(
      'api',
      `${url.href} cannot be reached: ${networkFailure(error)}. Check oidc.endpoints.userinfo.`,
    )
  }
}
