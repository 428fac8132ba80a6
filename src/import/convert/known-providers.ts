// What is known of each kind of provider of oauth2-proxy: its preset here, and its issuer.

import type { Draft } from './draft.ts'

export interface KnownProvider {
  /** As in oauth2-proxy: `keycloak-oidc`. */
  readonly type: string
  readonly preset: string | undefined
  readonly issuer: string | undefined
  /** The addresses that are given follow from the issuer or the preset. */
  readonly knowsEndpoints: boolean
}

const NEEDS_ISSUER = ['oidc', 'adfs', 'cidaas']

export function knownProvider(draft: Draft): KnownProvider {
  const type = draft.text('provider') ?? 'google'
  const found = find(type, draft)
  if (found.issuer === undefined && found.preset !== 'github')
    draft.miss('oidc.issuer', 'Set it to the issuer URL of the provider.')
  return { type, preset: undefined, knowsEndpoints: false, ...found }
}

type Found = Pick<KnownProvider, 'issuer'> & Partial<KnownProvider>

function find(type: string, draft: Draft): Found {
  const issuer = givenIssuer(draft)
  if (type === 'google')
    return { preset: 'google', issuer: issuer ?? 'https://accounts.google.com' }
  if (type === 'gitlab') return { preset: 'gitlab', issuer: issuer ?? 'https://gitlab.com' }
  if (type === 'keycloak' || type === 'keycloak-oidc') return keycloak(issuer, draft)
  if (type === 'azure' || type === 'entra-id') return entra(issuer, draft)
  if (type === 'github') return github(draft)
  if (type === 'login.gov') return { issuer: issuer ?? 'https://secure.login.gov/' }
  if (NEEDS_ISSUER.includes(type)) return byIssuer(issuer, draft)
  draft.lose(
    'provider',
    'This kind of provider is not supported. Put Dex or Keycloak in front of it, and set oidc.issuer to that.',
    true,
  )
  return { issuer }
}

/** Without one that has a password or a query in it: the gateway refuses that. */
function givenIssuer(draft: Draft): string | undefined {
  const written = draft.text('oidc_issuer_url')
  if (written === undefined) return undefined
  const url = URL.parse(written)
  if (url !== null && url.username === '' && url.password === '' && url.search === '')
    return written
  draft.lose('oidc_issuer_url', 'It has to be a URL without user name, password and query.', true)
  return undefined
}

/** The legacy provider knows only addresses, which begin with the issuer. */
function keycloak(issuer: string | undefined, draft: Draft): Found {
  if (issuer !== undefined) return { preset: 'keycloak', issuer }
  const login = URL.parse(draft.text('login_url') ?? '')
  const [, realm] =
    /^(.*\/realms\/[^/]+)\/protocol\/openid-connect\//.exec(login?.pathname ?? '') ?? []
  if (login === null || realm === undefined) return { preset: 'keycloak', issuer: undefined }
  return { preset: 'keycloak', issuer: login.origin + realm, knowsEndpoints: true }
}

const MULTI_TENANT = ['common', 'organizations', 'consumers']

function entra(issuer: string | undefined, draft: Draft): Found {
  const tenants = draft.list('entra_id_allowed_tenants')
  const given = draft.text('azure_tenant')
  const url = URL.parse(issuer ?? '')
  const [, path] = /^\/([^/]+)(?:\/|$)/.exec(url?.pathname ?? '') ?? []
  const own = [path, given].find((name) => name !== undefined && !MULTI_TENANT.includes(name))
  const tenant = own ?? (tenants.length === 1 ? tenants[0] : undefined)
  if (tenants.length > 1 || (own !== undefined && tenants.some((one) => one !== own))) {
    draft.lose(
      'entra_id_allowed_tenants',
      'Write a list of providers in oidc, one with oidc.issuer https://login.microsoftonline.com/TENANT-ID/v2.0 for each tenant.',
    )
    return { preset: 'entra', issuer: undefined }
  }
  if (tenant === undefined) {
    const key = draft.has('oidc_issuer_url') ? 'oidc_issuer_url' : 'azure_tenant'
    draft.lose(
      key,
      'All tenants would get in. Set oidc.issuer to https://login.microsoftonline.com/TENANT-ID/v2.0 with the id of your tenant.',
      true,
    )
    return { preset: 'entra', issuer: undefined }
  }
  if (url?.hostname === 'sts.windows.net' || url === null) {
    draft.hint(
      'oidc.issuer',
      'The v2.0 issuer is used. Let the application issue v2.0 tokens ("accessTokenAcceptedVersion": 2 in its manifest).',
    )
  }
  if (draft.text('provider') === 'azure' && draft.has('allowed_groups')) {
    draft.hint(
      'provider',
      'Groups come from the token, not from Microsoft Graph: add the groups claim to the application, and name groups by object id.',
    )
  }
  const host =
    url === null || url.hostname === 'sts.windows.net' ? 'login.microsoftonline.com' : url.host
  return { preset: 'entra', issuer: `https://${host}/${tenant}/v2.0` }
}

/** Gitea and Forgejo are set up as GitHub with other addresses; they are OpenID Providers. */
function github(draft: Draft): Found {
  const login = URL.parse(draft.text('login_url') ?? '')
  const isGitea = draft.text('validate_url')?.includes('/api/v1/') === true
  if (login !== null && isGitea) {
    const base = login.pathname.replace(/\/login\/oauth\/authorize$/, '')
    return {
      preset: 'gitea',
      issuer: login.origin + (base === '/' ? '' : base),
      knowsEndpoints: true,
    }
  }
  if (draft.has('validate_url'))
    draft.lose(
      'validate_url',
      'For GitHub Enterprise, set oidc.endpoints.userinfo to the address of the signed-in user in its API.',
      false,
    )
  return { preset: 'github', issuer: undefined, knowsEndpoints: login?.host === 'github.com' }
}

function byIssuer(issuer: string | undefined, draft: Draft): Found {
  const url = URL.parse(issuer ?? '')
  if (url?.host === 'accounts.google.com') return { preset: 'google', issuer }
  if (url?.host === 'gitlab.com') return { preset: 'gitlab', issuer }
  if (url?.host === 'login.microsoftonline.com' || url?.host === 'sts.windows.net')
    return entra(issuer, draft)
  return { issuer }
}
