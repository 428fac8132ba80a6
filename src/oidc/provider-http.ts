// Requests to a provider: its trust, its proxy, time-outs, a bound on answers, and a metric for each request.

import { AsyncLocalStorage } from 'node:async_hooks'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import type { CustomFetch } from 'openid-client'
import type { Agent, Dispatcher, fetch as undiciFetch } from 'undici'
import type { ForwardProxy, ProviderSettings } from '../config/config.ts'
import { GatewayError } from '../lib/errors.ts'
import { printable } from '../lib/printable.ts'
import type { Metrics } from '../observability/metrics.ts'

/** Time-out in seconds of a request. Some providers answer only after a dozen seconds, through proxies and directories. */
export const DEADLINE_S = 30
const CONNECT_DEADLINE_S = 10
/** Time-out in seconds of a refresh. If the provider has rotated the token, an abandoned answer loses it. */
const REFRESH_DEADLINE_S = 60
/** Maximum size of an answer. It is counted on the wire, where nothing is compressed. */
const MAX_BYTES = 1_048_576
/** A compressed answer could expand a thousandfold (RFC 9110 12.5.3). */
const ACCEPT_ENCODING = { 'accept-encoding': 'identity' }

export interface ProviderHttp {
  /** Rejects on a network failure, or with `provider-refused` for an answer that is encoded. */
  readonly fetch: CustomFetch
  /** The provider answered the last request, and accepted this client the last time that it had to. */
  readonly isUp: boolean
  /** Runs `work`, and gives `onBody` the body of each successful answer before the library reads it or throws. */
  readonly captureBody: <T>(work: () => Promise<T>, onBody: (body: string) => void) => Promise<T>
  close(): Promise<void>
}

export interface ProviderHttpParts {
  readonly metrics: Metrics
  /** The metric label of a request. */
  readonly operationOf: (url: string) => string
  /** Called when an answer fails to come after one that came. */
  readonly onDown: () => void
}

export function createProviderHttp(
  { name: provider, caFile, proxy }: ProviderSettings,
  { metrics, operationOf, onDown }: ProviderHttpParts,
): ProviderHttp {
  const agentOptions: Agent.Options = {
    connect: { timeout: CONNECT_DEADLINE_S * 1_000, ...trust(caFile) },
    // Except for a refresh, the signal of the request ends earlier.
    headersTimeout: REFRESH_DEADLINE_S * 1_000,
    bodyTimeout: DEADLINE_S * 1_000,
    maxResponseSize: MAX_BYTES,
  }
  const capture = new AsyncLocalStorage<(body: string) => void>()
  let loading: Promise<HttpClient> | undefined
  let isReached = false
  let isClientRefused = false

  function setReached(reached: boolean): void {
    const fell = isReached && !reached
    isReached = reached
    if (fell) onDown()
  }

  return {
    // oauth4webapi passes a URL, a headers object and a body, as undici's fetch expects them.
    async fetch(url, options) {
      const operation = operationOf(url)
      const stopTimer = metrics.oidcRequestDuration.startTimer({ provider, operation })
      const isRefreshRequest = isRefresh(options.body)
      let response: ProviderResponse
      try {
        loading ??= loadHttpClient(agentOptions, proxy)
        const { fetch, agent } = await loading
        const longSignal = isRefreshRequest
          ? { signal: AbortSignal.timeout(REFRESH_DEADLINE_S * 1_000) }
          : {}
        const headers = { ...options.headers, ...ACCEPT_ENCODING }
        const init = { ...options, headers, ...longSignal, dispatcher: agent }
        response = await fetch(url, init as Parameters<typeof fetch>[1])
      } catch (error) {
        stopTimer({ outcome: 'unreachable' })
        setReached(false)
        throw error
      }
      stopTimer({ outcome: response.ok ? 'ok' : 'refused' })
      setReached(response.status < 500)
      await refuseEncoded(response)
      if (operation === 'token' || operation === 'par') {
        isClientRefused = await refusesClient(response)
      }
      const onBody = response.ok ? capture.getStore() : undefined
      if (onBody !== undefined) onBody(await response.clone().text())
      return response
    },
    get isUp() {
      return isReached && !isClientRefused
    },
    captureBody: (work, onBody) => capture.run(onBody, work),
    async close() {
      await (await loading)?.agent.destroy()
    },
  }
}

interface HttpClient {
  readonly agent: Dispatcher
  readonly fetch: typeof undiciFetch
}

type ProviderResponse = Awaited<ReturnType<typeof undiciFetch>>

/** The provider does not accept the gateway's own credentials (RFC 6749 5.2), so nobody can sign in. */
export async function refusesClient(
  response: Pick<Response, 'ok' | 'status' | 'clone'>,
): Promise<boolean> {
  if (response.ok) return false
  if (response.status === 401) return true
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  return (body as { error?: unknown } | undefined)?.error === 'invalid_client'
}

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
