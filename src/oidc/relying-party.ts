// The gateway as an OpenID Connect relying party of one provider: runs discovery in the background (OpenID Connect Discovery 1.0).

import * as oidc from 'openid-client'
import type { ClientAuth, ProviderSettings } from '../config/config.ts'
import { GatewayError } from '../lib/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { createClientAuthentication } from './client-auth.ts'
import { cleanMetadata } from './metadata.ts'
import { createProviderHttp, DEADLINE_S, type ProviderHttp } from './provider-http.ts'
import { createProviderKeys, type ProviderKeys } from './provider-keys.ts'
import { repeatAttempt } from './repeated-attempt.ts'

const CLOCK_TOLERANCE_S = 60

export interface RelyingParty {
  readonly provider: ProviderSettings
  /** Undefined until the first successful discovery. During a later outage the last known configuration stays. */
  readonly configuration: oidc.Configuration | undefined
  /** It has been discovered, answered the last request, and accepted this client the last time that it had to. */
  readonly isUp: boolean
  /** Resolves once the provider has answered. */
  readonly ready: Promise<void>
  /** Starts discovery and repeats it until it succeeds. Call it once. */
  start(): void
  /** Makes one attempt at discovery. Rejects with the reason if it fails. */
  discover(): Promise<void>
  /** How this client authenticates; undefined before discovery. */
  readonly clientAuth: ClientAuth | undefined
  /** For other requests to the provider, with the same trust, time-out and metrics. */
  readonly fetch: oidc.CustomFetch
  /** The keys that the provider signs with. */
  readonly keys: ProviderKeys
  readonly captureBody: ProviderHttp['captureBody']
  stop(): Promise<void>
}

/** Rejects when the settings are wrong, never because the provider is down. */
export async function createRelyingParty(
  wanted: ProviderSettings,
  log: Log,
  metrics: Metrics,
): Promise<RelyingParty> {
  const { name: provider, endpoints } = wanted
  const { authenticate, method } = await createClientAuthentication(wanted)
  // Clocks may differ a little.
  const client = { [oidc.clockTolerance]: CLOCK_TOLERANCE_S }
  // On loopback only; the settings refuse it elsewhere.
  const isPlainHttp = [wanted.issuer, ...Object.values(endpoints)].some(
    (url: URL | undefined) => url?.protocol === 'http:',
  )
  const protocols = isPlainHttp ? ['https:', 'http:'] : ['https:']
  let configuration: oidc.Configuration | undefined

  const discovery = repeatAttempt(discover, (cause, retryMs) =>
    log.warn({ cause, provider, issuer: wanted.issuer.href, retryMs }, 'provider discovery failed'),
  )
  const http = createProviderHttp(wanted, {
    metrics,
    operationOf: (url) => operationOf(url, configuration),
    onDown: discovery.soon,
  })

  /** From the operator's address, if there is one. The document must name the issuer of the settings all the same. */
  const fetchMetadata: oidc.CustomFetch = (url, options) =>
    http.fetch(endpoints.discovery?.href ?? url, options)

  async function discover(): Promise<void> {
    const found = await oidc.discovery(wanted.issuer, wanted.clientId, client, authenticate, {
      [oidc.customFetch]: async (url, options) =>
        cleanMetadata(await fetchMetadata(url, options), protocols, endpoints, (fields) =>
          log.warn(
            { provider, fields },
            'the discovery document has fields that cannot be used; ignoring them',
          ),
        ),
      timeout: DEADLINE_S,
      // Signatures are checked by provider-keys.ts: the library's own key set waits 60 s before it looks for new keys.
      execute: isPlainHttp ? [oidc.allowInsecureRequests] : [],
    })
    found[oidc.customFetch] = http.fetch
    const { issuer } = found.serverMetadata()
    if (/[{}]/.test(issuer)) {
      throw new GatewayError(
        'provider-refused',
        `multi-tenant issuer ${issuer} names no one tenant`,
      )
    }
    if (configuration === undefined) log.info({ provider, issuer }, 'provider discovered')
    configuration = found
  }

  return {
    provider: wanted,
    get configuration() {
      return configuration
    },
    get isUp() {
      return configuration !== undefined && http.isUp
    },
    get clientAuth() {
      const metadata = configuration?.serverMetadata()
      return metadata && method(metadata.token_endpoint_auth_methods_supported)
    },
    ready: discovery.succeeded,
    start: discovery.start,
    discover,
    fetch: http.fetch,
    keys: createProviderKeys(() => configuration?.serverMetadata(), http.fetch),
    captureBody: http.captureBody,
    async stop() {
      discovery.stop()
      await http.close()
    },
  }
}

/** The metric label of a request, by the endpoint that it goes to. */
function operationOf(url: string, configuration: oidc.Configuration | undefined): string {
  const metadata = configuration?.serverMetadata()
  if (metadata === undefined || url.includes('/.well-known/')) return 'discovery'
  if (url === metadata.token_endpoint) return 'token'
  if (url === metadata.jwks_uri) return 'jwks'
  if (url === metadata.userinfo_endpoint) return 'userinfo'
  if (url === metadata.pushed_authorization_request_endpoint) return 'par'
  if (url.endsWith('/getMemberObjects')) return 'graph'
  return 'other'
}
