// The first request to a provider: whether it can be reached, and over which way.

import type { CustomFetch } from 'openid-client'
import type { ProviderSettings } from '../../config/config.ts'
import { DEADLINE_S } from '../../oidc/provider-http.ts'
import { checkClock } from '../clock.ts'
import type { Findings } from '../finding.ts'
import { certificateFault, networkFailure, rootCode } from '../network-failure.ts'
import { addressOf, describeCertificate, peekAt } from '../peer-certificate.ts'

/** Undefined if there was no answer; then the finding says why. */
export async function reachProvider(
  url: URL,
  provider: ProviderSettings,
  fetch: CustomFetch,
  findings: Findings,
): Promise<Response | undefined> {
  const way = wayOf(provider)
  const askedAt = Date.now()
  try {
    const response = await get(url, fetch)
    findings.ok('reachable', `${url.origin} answers${way}.`)
    checkClock({ headers: response.headers, askedAt, answeredAt: Date.now() }, findings)
    return response
  } catch (error) {
    const why = await explain(error, url, provider)
    findings.fail('reachable', `${url.origin} cannot be reached${way}: ${why}.`)
    return undefined
  }
}

function wayOf({ proxy }: ProviderSettings): string {
  if (proxy === undefined) return ''
  // The exceptions may apply to this host.
  return proxy.exceptions === '' ? ' through the forward proxy' : ' with HTTPS_PROXY and NO_PROXY'
}

export function get(
  url: URL,
  fetch: CustomFetch,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url.href, {
    method: 'GET',
    headers: { accept: 'application/json', 'user-agent': 'ghostwire-gateway', ...headers },
    redirect: 'manual',
    body: undefined,
    signal: AbortSignal.timeout(DEADLINE_S * 1_000),
  })
}

async function explain(failure: unknown, url: URL, provider: ProviderSettings): Promise<string> {
  const words = networkFailure(failure)
  if (certificateFault(rootCode(failure)) === undefined) {
    return provider.proxy === undefined ? words : `${words}; check oidc.proxy too`
  }
  const advice = "set oidc.caFile to the certificate of the provider's CA"
  // Behind a proxy another certificate may be the one that was refused.
  if (provider.proxy !== undefined) return `${words}; ${advice}`
  const seen = await peekAt(addressOf(url)).catch(() => undefined)
  return seen === undefined
    ? `${words}; ${advice}`
    : `${words}; ${advice}. Found: ${describeCertificate(seen.certificate)}`
}
