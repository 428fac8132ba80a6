// The gateway as an OpenID Connect relying party: runs discovery in the background (OpenID Connect Discovery 1.0) and sends every
// request to the provider with a time-out, counted and timed.

import { AsyncLocalStorage } from 'node:async_hooks'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import * as oidc from 'openid-client'
import type { Agent, Dispatcher, fetch as undiciFetch } from 'undici'
import type { ClientAuth, ForwardProxy, ProviderSettings } from '../config/config.ts'
import { GatewayError } from '../lib/errors.ts'
import { printable } from '../lib/printable.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { createClientAuthentication } from './client-auth.ts'
import { cleanMetadata } from './metadata.ts'
import { createProviderKeys, type ProviderKeys } from './provider-keys.ts'

/** Time-out in seconds of a request to the provider. Some answer only after a dozen seconds, through proxies and directories. */
const DEADLINE_S = 30
const CONNECT_DEADLINE_S = 10
/** Time-out in seconds of a refresh. If the provider has rotated the token, an abandoned answer loses it. */
const REFRESH_DEADLINE_S = 60
const CLOCK_TOLERANCE_S = 60
const INITIAL_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000
const REDISCOVER_MS = 60 * 60_000
/** Maximum size of an answer. It is counted on the wire, where nothing is compressed. */
const MAX_BYTES = 1_048_576
/** A compressed answer could expand a thousandfold (RFC 9110 12.5.3). */
const ACCEPT_ENCODING = { 'accept-encoding': 'identity' }

export interface RelyingParty {
  readonly provider: ProviderSettings
  /** Undefined until the first successful discovery. During a later outage the last known configuration stays. */
  readonly configuration: oidc.Configuration | undefined
  /** The provider answered the last request. */
  readonly isUp: boolean
  /** Resolves once the provider has answered. */
  readonly ready: Promise<void>
  /** Starts discovery and repeats it until it succeeds. Call it once. */
  start(): void
  /** How this client authenticates; undefined before discovery. */
  readonly clientAuth: ClientAuth | undefined
  /** For other requests to the provider, with the same trust, time-out and metrics. */
  readonly fetch: oidc.CustomFetch
  /** The keys that the provider signs with. */
  readonly keys: ProviderKeys
  /** Runs `work`, and gives `onBody` the body of each successful answer before the library reads it or throws. */
  captureBody<T>(work: () => Promise<T>, onBody: (body: string) => void): Promise<T>
  stop(): Promise<void>
}

/** Rejects when the settings are wrong, never because the provider is down. */
export async function createRelyingParty(
  wanted: ProviderSettings,
  log: Log,
  metrics: Metrics,
): Promise<RelyingParty> {
  const { name: provider, endpoints } = wanted
  const agentOptions: Agent.Options = {
    connect: { timeout: CONNECT_DEADLINE_S * 1_000, ...trust(wanted.caFile) },
    // Except for a refresh, the signal of the request ends earlier.
    headersTimeout: REFRESH_DEADLINE_S * 1_000,
    bodyTimeout: DEADLINE_S * 1_000,
    maxResponseSize: MAX_BYTES,
  }
  const { authenticate, method } = await createClientAuthentication(wanted)
  // Clocks may differ a little.
  const client = { [oidc.clockTolerance]: CLOCK_TOLERANCE_S }
  // On loopback only; the settings refuse it elsewhere.
  const isPlainHttp = [wanted.issuer, ...Object.values(endpoints)].some(
    (url: URL | undefined) => url?.protocol === 'http:',
  )
  const protocols = isPlainHttp ? ['https:', 'http:'] : ['https:']
  const answered = Promise.withResolvers<void>()

  const capture = new AsyncLocalStorage<(body: string) => void>()
  let loading: Promise<HttpClient> | undefined
  let configuration: oidc.Configuration | undefined
  let isUp = false
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let retryMs = INITIAL_RETRY_MS

  // oauth4webapi passes a URL, a headers object and a body, as undici's fetch expects them.
  const customFetch: oidc.CustomFetch = async (url, options) => {
    const operation = operationOf(url, configuration)
    const stopTimer = metrics.oidcRequestDuration.startTimer({ provider, operation })
    const isRefreshRequest = isRefresh(options.body)
    let response: ProviderResponse
    try {
      const { fetch, agent } = await httpClient()
      const longSignal = isRefreshRequest
        ? { signal: AbortSignal.timeout(REFRESH_DEADLINE_S * 1_000) }
        : {}
      const headers = { ...options.headers, ...ACCEPT_ENCODING }
      const init = { ...options, headers, ...longSignal, dispatcher: agent }
      response = await fetch(url, init as Parameters<typeof fetch>[1])
    } catch (error) {
      stopTimer({ outcome: 'unreachable' })
      setUp(false)
      throw error
    }
    stopTimer({ outcome: response.ok ? 'ok' : 'refused' })
    setUp(response.status < 500)
    await refuseEncoded(response)
    const onBody = response.ok ? capture.getStore() : undefined
    if (onBody !== undefined) onBody(await response.clone().text())
    return response
  }

  function httpClient(): Promise<HttpClient> {
    loading ??= loadHttpClient(agentOptions, wanted.proxy)
    return loading
  }

  function setUp(up: boolean): void {
    const fell = isUp && !up
    isUp = up
    metrics.providerUp.set({ provider }, up ? 1 : 0)
    if (fell) scheduleDiscovery(INITIAL_RETRY_MS)
  }

  function scheduleDiscovery(delay: number): void {
    if (isStopped) return
    clearTimeout(timer)
    timer = setTimeout(() => void discover(), delay)
    timer.unref()
  }

  /** From the operator's address, if there is one. The document must name the issuer of the settings all the same. */
  const fetchMetadata: oidc.CustomFetch = (url, options) =>
    customFetch(endpoints.discovery?.href ?? url, options)

  async function discover(): Promise<void> {
    try {
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
      found[oidc.customFetch] = customFetch
      const { issuer } = found.serverMetadata()
      if (/[{}]/.test(issuer)) {
        throw new GatewayError(
          'provider-refused',
          `multi-tenant issuer ${issuer} names no one tenant`,
        )
      }
      if (configuration === undefined) log.info({ provider, issuer }, 'provider discovered')
      configuration = found
      retryMs = INITIAL_RETRY_MS
      answered.resolve()
      scheduleDiscovery(REDISCOVER_MS)
    } catch (error) {
      if (isStopped) return
      log.warn(
        { cause: error, provider, issuer: wanted.issuer.href, retryMs },
        'provider discovery failed',
      )
      scheduleDiscovery(retryMs)
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)
    }
  }

  metrics.providerUp.set({ provider }, 0)
  return {
    provider: wanted,
    get configuration() {
      return configuration
    },
    get isUp() {
      return isUp
    },
    get clientAuth() {
      const metadata = configuration?.serverMetadata()
      return metadata && method(metadata.token_endpoint_auth_methods_supported)
    },
    ready: answered.promise,
    start: () => void discover(),
    fetch: customFetch,
    keys: createProviderKeys(() => configuration?.serverMetadata(), customFetch),
    captureBody: (work, onBody) => capture.run(onBody, work),
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await (await loading)?.agent.destroy()
    },
  }
}

interface HttpClient {
  readonly agent: Dispatcher
  readonly fetch: typeof undiciFetch
}

type ProviderResponse = Awaited<ReturnType<typeof undiciFetch>>

/** Must run before the body is read: `fetch` decodes while reading and does not count decoded bytes. */
async function refuseEncoded(response: ProviderResponse): Promise<void> {
  const encoding = response.headers.get('content-encoding') ?? 'identity'
  if (/^\s*identity\s*$/i.test(encoding)) return
  await response.body?.cancel().catch(() => {})
  throw new GatewayError(
    'provider-refused',
    `the provider answers with Content-Encoding: ${printable(encoding, 40)} though asked for none; make it, or the proxy in front of it, respect Accept-Encoding: identity`,
  )
}

/** Loaded on first use: loading takes a fifth of the start-up time. */
async function loadHttpClient(
  options: Agent.Options,
  proxy: ForwardProxy | undefined,
): Promise<HttpClient> {
  const { Agent, EnvHttpProxyAgent, fetch } = await import('undici')
  if (proxy === undefined) return { agent: new Agent(options), fetch }
  const { url, exceptions } = proxy
  const tls = options.connect as object
  const agent = new EnvHttpProxyAgent({
    ...options,
    httpProxy: url,
    httpsProxy: url,
    noProxy: exceptions,
    // Also for plain http on loopback, so that the proxy never sees a request.
    proxyTunnel: true,
    requestTls: tls,
    proxyTls: tls,
  })
  return { agent, fetch }
}

function trust(caFile: string | undefined): { ca?: string[] } {
  return caFile === undefined ? {} : { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] }
}

/** A refresh request (RFC 6749 6). */
function isRefresh(body: unknown): boolean {
  return body instanceof URLSearchParams && body.get('grant_type') === 'refresh_token'
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
