// Checks an OpenID Provider: reaches it, discovers it as the gateway does, fetches its keys, and presents the credentials.

import type { JSONWebKeySet } from 'jose'
import type { ServerMetadata } from 'openid-client'
import type { ProviderSettings, Settings } from '../../config/config.ts'
import { isTree, type Tree } from '../../lib/tree.ts'
import { printable } from '../../lib/printable.ts'
import { createLog } from '../../observability/log.ts'
import { createMetrics } from '../../observability/metrics.ts'
import { mistypedFields } from '../../oidc/metadata.ts'
import { createRelyingParty, type RelyingParty } from '../../oidc/relying-party.ts'
import { Findings, type Finding } from '../finding.ts'
import { networkFailure } from '../network-failure.ts'
import { checkClientCredentials } from './client-credentials.ts'
import { checkKeys } from './keys.ts'
import { checkRedirectAddress } from './redirect-address.ts'
import { reachProvider } from './reach-provider.ts'
import { checkOffers } from './offers.ts'

/** What needs the discovery document. */
const AFTER_DISCOVERY = ['keys', 'client-auth', 'redirect', 'pkce', 'scopes', 'refresh', 'logout']
const MAX_TEXT = 200

export async function checkOidcProvider(
  provider: ProviderSettings,
  settings: Settings,
): Promise<readonly Finding[]> {
  const findings = new Findings('provider', provider.name)
  const log = createLog('silent', process.stderr)
  const relyingParty = await createRelyingParty(provider, log, createMetrics('check'))
  try {
    const url = discoveryUrl(provider)
    const response = await reachProvider(url, provider, relyingParty.fetch, findings)
    if (response === undefined || !(await checkDiscovery(response, url, relyingParty, findings))) {
      for (const check of AFTER_DISCOVERY) {
        findings.skip(check, 'This needs the discovery document.')
      }
      return findings.all
    }
    const metadata = relyingParty.configuration?.serverMetadata() as ServerMetadata
    checkKeys(metadata, await fetchKeys(relyingParty, metadata, findings), findings)
    await checkClientCredentials(metadata, provider, {
      publicUrl: settings.publicUrl,
      fetch: relyingParty.fetch,
      findings,
    })
    await checkRedirectAddress(relyingParty, settings.publicUrl, findings)
    checkOffers(metadata, provider, settings, findings)
    return findings.all
  } finally {
    await relyingParty.stop()
  }
}

/** OpenID Connect Discovery 1.0, 4. */
function discoveryUrl({ issuer, endpoints }: ProviderSettings): URL {
  const base = issuer.href.replace(/\/$/, '')
  return endpoints.discovery ?? new URL(`${base}/.well-known/openid-configuration`)
}

/** False if sign-ins are not possible with this document. */
async function checkDiscovery(
  response: Response,
  url: URL,
  relyingParty: RelyingParty,
  findings: Findings,
): Promise<boolean> {
  const { provider } = relyingParty
  const document: unknown = await response.json().catch(() => undefined)
  if (response.status !== 200 || !isTree(document)) {
    const found = isTree(document) ? '' : ' without a JSON object'
    findings.fail(
      'discovery',
      `${url.href} answers ${response.status}${found}; expected 200 with the discovery document. Check oidc.issuer and oidc.endpoints.discovery.`,
    )
    return false
  }
  if (!checkIssuer(document, provider, findings)) return false
  checkFields(document, provider, findings)
  try {
    await relyingParty.discover()
    findings.ok('discovery', `${url.href} is a discovery document that can be used.`)
    return true
  } catch (error) {
    findings.fail('discovery', `${url.href} cannot be used: ${networkFailure(error)}.`)
    return false
  }
}

/** OpenID Connect Discovery 1.0, 4.3. URLs are compared in their canonical form, as discovery does. */
function checkIssuer(
  { issuer: found }: Tree,
  { issuer }: ProviderSettings,
  findings: Findings,
): boolean {
  if (typeof found === 'string' && URL.parse(found)?.href === issuer.href) {
    findings.ok('issuer', `The issuer is ${issuer.href}, as oidc.issuer says.`)
    return true
  }
  const shown = typeof found === 'string' ? printable(found, MAX_TEXT) : 'absent'
  const advice = /[{}]/.test(shown)
    ? 'This is the address for all tenants; set oidc.issuer to that of one tenant.'
    : 'If this is your provider, set oidc.issuer to exactly the issuer found.'
  findings.fail(
    'issuer',
    `The issuer in the discovery document is ${shown}; expected ${issuer.href}, the value of oidc.issuer. ${advice}`,
  )
  return false
}

const NEEDED = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const
const SETTING = {
  authorization_endpoint: 'authorization',
  token_endpoint: 'token',
  jwks_uri: 'jwks',
} as const

function checkFields(document: Tree, provider: ProviderSettings, findings: Findings): void {
  const protocols = provider.issuer.protocol === 'http:' ? ['https:', 'http:'] : ['https:']
  const unusable = mistypedFields(document, protocols)
  const missing = NEEDED.filter(
    (name) =>
      provider.endpoints[SETTING[name]] === undefined &&
      (document[name] === undefined || unusable.includes(name)),
  )
  if (missing.length > 0) {
    const settings = missing.map((name) => `oidc.endpoints.${SETTING[name]}`).join(', ')
    findings.fail(
      'fields',
      `The discovery document has no usable ${missing.join(', ')}. Correct the provider, or set ${settings}.`,
    )
  } else if (unusable.length > 0) {
    findings.warn(
      'fields',
      `The discovery document has fields of a wrong type or with an address that cannot be used, which the gateway ignores: ${unusable.join(', ')}. Correct the provider.`,
    )
  } else findings.ok('fields', 'The discovery document has the needed fields, in the right form.')
}

async function fetchKeys(
  { keys }: RelyingParty,
  { jwks_uri: uri }: ServerMetadata,
  findings: Findings,
): Promise<JSONWebKeySet | undefined> {
  if (uri === undefined) {
    findings.skip('keys', 'The discovery document names no key set.')
    return undefined
  }
  try {
    return await keys.use(async (set) => {
      await set.reload()
      return set.jwks()
    })
  } catch (error) {
    findings.fail(
      'keys',
      `The keys at ${uri} cannot be fetched: ${networkFailure(error)}. Check jwks_uri at the provider, or oidc.endpoints.jwks.`,
    )
    return undefined
  }
}
