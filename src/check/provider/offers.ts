// What the discovery document says about features that the gateway uses, and the addresses to register at the provider.

import type { ServerMetadata } from 'openid-client'
import { formatDuration } from '../../lib/duration.ts'
import type { ProviderSettings, Settings } from '../../config/config.ts'
import { PRESETS } from '../../config/presets.ts'
import type { Findings } from '../finding.ts'
import { listedIn, show } from './listed.ts'

export function checkOffers(
  metadata: ServerMetadata,
  provider: ProviderSettings,
  settings: Settings,
  findings: Findings,
): void {
  checkPkce(metadata, findings)
  checkScopes(metadata, provider, findings)
  checkAuthenticationContexts(metadata, provider, settings, findings)
  checkRefresh(metadata, provider, settings, findings)
  checkLogout(metadata, settings, findings)
  findings.ok('addresses', addressesToRegister(metadata, provider, settings))
}

function checkPkce(
  { code_challenge_methods_supported: methods }: ServerMetadata,
  findings: Findings,
): void {
  const listed = listedIn(methods)
  if (listed?.includes('S256') === true) findings.ok('pkce', 'The provider lists PKCE with S256.')
  else if (listed === undefined) {
    findings.skip(
      'pkce',
      'The provider does not say whether it supports PKCE. The gateway sends S256 in any case.',
    )
  } else {
    findings.warn(
      'pkce',
      `The provider lists PKCE with ${show(listed)}; expected S256, which the gateway sends in any case. Switch S256 on at the provider.`,
    )
  }
}

function checkScopes(
  { scopes_supported: known }: ServerMetadata,
  { scopes }: ProviderSettings,
  findings: Findings,
): void {
  const listed = listedIn(known)
  if (listed === undefined) {
    findings.skip('scopes', 'The provider does not list its scopes.')
    return
  }
  const unknown = scopes.split(' ').filter((scope) => !listed.includes(scope))
  if (unknown.length === 0) findings.ok('scopes', `The provider lists the scopes ${scopes}.`)
  else {
    findings.warn(
      'scopes',
      `The provider does not list ${unknown.join(', ')}; it lists ${show(listed)}. It may refuse the sign-in (invalid_scope). Correct oidc.scopes, or add the scope at the provider.`,
    )
  }
}

/** Rules may require an authentication context (`access[].require.acr`), which the provider must know. */
function checkAuthenticationContexts(
  { acr_values_supported: known }: ServerMetadata,
  { name }: ProviderSettings,
  { access }: Settings,
  findings: Findings,
): void {
  const isMeant = (names: readonly string[] = []): boolean =>
    names.length === 0 || names.includes(name)
  const needed = access
    .filter(({ match }) => isMeant(match?.provider))
    .flatMap(({ require }) => require?.acr ?? [])
  if (needed.length === 0) return
  const listed = listedIn(known)
  if (listed === undefined) {
    findings.skip('acr', 'The provider does not list its authentication contexts (acr).')
    return
  }
  const unknown = [...new Set(needed)].filter((acr) => !listed.includes(acr))
  if (unknown.length === 0) {
    findings.ok('acr', 'The provider lists the authentication contexts that rules require.')
  } else {
    findings.warn(
      'acr',
      `The provider does not list the authentication contexts ${unknown.join(', ')}, which rules require; it lists ${show(listed)}. Correct access[].require.acr, or the provider.`,
    )
  }
}

/** Without refresh tokens a person who loses access keeps it until the session ends. */
function checkRefresh(
  metadata: ServerMetadata,
  provider: ProviderSettings,
  { session }: Settings,
  findings: Findings,
): void {
  const scopes = listedIn(metadata.scopes_supported) ?? []
  const grants = listedIn(metadata.grant_types_supported)
  const without = `Without refresh tokens, a person who loses access keeps it until session.maxLifetime (${formatDuration(session.maxLifetime)}).`
  const isAsked =
    provider.scopes.split(' ').includes('offline_access') ||
    provider.authorizationParams['access_type'] === 'offline'
  if (grants !== undefined && !grants.includes('refresh_token')) {
    findings.warn(
      'refresh',
      `The provider lists the grant types ${show(grants)}, and not refresh_token. ${without}`,
    )
  } else if (isAsked) findings.ok('refresh', 'The gateway asks for a refresh token.')
  else if (scopes.includes('offline_access') && !givesRefreshTokensAnyway(provider)) {
    findings.warn(
      'refresh',
      `The provider knows the scope offline_access, and oidc.scopes does not ask for it. ${without} Add offline_access to oidc.scopes, unless the provider gives refresh tokens without it.`,
    )
  } else {
    findings.ok(
      'refresh',
      'Nothing in the discovery document speaks against refresh tokens. The log warns when a sign-in brings none.',
    )
  }
}

/** Keycloak lists the scope but gives tokens without it, and tokens for it outlive the sign-out. */
function givesRefreshTokensAnyway({ preset, issuer }: ProviderSettings): boolean {
  return preset === 'keycloak' || PRESETS.keycloak.issuerForm?.pattern.test(issuer.href) === true
}

function checkLogout(metadata: ServerMetadata, { session }: Settings, findings: Findings): void {
  if (metadata.end_session_endpoint === undefined) {
    findings.warn(
      'logout',
      'The provider has no end_session_endpoint: signing out ends the session here but not at the provider, so the next sign-in may need no password. If it has one, set oidc.endpoints.endSession.',
    )
  } else findings.ok('logout', 'Signing out ends the session at the provider too.')
  const every = formatDuration(session.revalidateEvery)
  if (metadata['backchannel_logout_supported'] === true) {
    findings.ok('backchannel-logout', 'The provider supports Back-Channel Logout.')
  } else {
    findings.skip(
      'backchannel-logout',
      `The provider does not list Back-Channel Logout. The gateway asks it every ${every} whether a person still has access.`,
    )
  }
  if (metadata['frontchannel_logout_supported'] === true) {
    findings.ok('frontchannel-logout', 'The provider supports Front-Channel Logout.')
  } else {
    findings.skip('frontchannel-logout', 'The provider does not list Front-Channel Logout.')
  }
}

/** `metadata` undefined: a provider without OpenID Connect, which knows none of the logouts. */
export function addressesToRegister(
  metadata: ServerMetadata | undefined,
  { callbackPath }: ProviderSettings,
  { publicUrl }: Settings,
): string {
  const at = (path: string): string => new URL(path, publicUrl).href
  const addresses = [
    `redirect address ${at(callbackPath)}`,
    ...(metadata?.end_session_endpoint === undefined
      ? []
      : [`post-logout redirect address ${at('/oauth2/signed_out')}`]),
    ...(metadata?.['backchannel_logout_supported'] === true
      ? [`back-channel logout address ${at('/oauth2/backchannel_logout')}`]
      : []),
    ...(metadata?.['frontchannel_logout_supported'] === true
      ? [`front-channel logout address ${at('/oauth2/frontchannel_logout')}`]
      : []),
  ]
  return `Register at the provider: ${addresses.join('; ')}.`
}
