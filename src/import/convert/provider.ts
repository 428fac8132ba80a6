// The provider and the client: `oidc`.

import { PRESETS } from '../../config/presets.ts'
import { knownProvider, type KnownProvider } from './known-providers.ts'
import type { Draft } from './draft.ts'

const CLIENT_SECRET_FILE = '/run/secrets/client-secret'
const PRIVATE_KEY_FILE = '/run/secrets/client-key.pem'

/** Returns what the rules need to know about the provider. */
export function convertProvider(draft: Draft): KnownProvider {
  const provider = knownProvider(draft)
  if (fits(provider)) draft.put('oidc.preset', provider.preset)
  if (provider.preset === 'github') draft.put('oidc.kind', 'oauth2')
  const label = draft.text('provider_display_name')
  if (label !== undefined) draft.put('oidc.label', label)
  if (provider.issuer !== undefined) draft.put('oidc.issuer', provider.issuer)
  convertClient(draft)
  convertScopes(draft, provider)
  convertClaims(draft)
  convertParameters(draft)
  convertEndpoints(draft, provider)
  convertCa(draft)
  return provider
}

/** A preset refuses an issuer of another form; without it every issuer is accepted. */
function fits({ preset, issuer }: KnownProvider): boolean {
  if (preset === undefined) return false
  const known = Object.entries(PRESETS).find(([name]) => name === preset)?.[1]
  const url = URL.parse(issuer ?? '')
  return url === null || known?.issuerForm === undefined || known.issuerForm.pattern.test(url.href)
}

function convertClient(draft: Draft): void {
  const id = draft.text('client_id')
  if (id === undefined) draft.miss('oidc.clientId', 'Set it to the client ID.')
  else draft.put('oidc.clientId', id)

  const file = draft.text('client_secret_file')
  if (draft.take('client_secret')) {
    draft.put('oidc.clientSecretFile', CLIENT_SECRET_FILE, 'Put the client secret into this file.')
    draft.hint(
      'client_secret',
      `Put the client secret into ${CLIENT_SECRET_FILE} (oidc.clientSecretFile).`,
    )
  } else if (file !== undefined) {
    draft.put('oidc.clientSecretFile', file)
  }
  if (draft.text('provider') !== 'login.gov') return
  const keyFile = draft.text('jwt_key_file')
  const isInline = draft.take('jwt_key')
  if (!isInline && keyFile === undefined) return
  draft.put('oidc.clientAuth', 'private_key_jwt')
  draft.put('oidc.privateKeyFile', isInline ? PRIVATE_KEY_FILE : keyFile)
  if (isInline) draft.hint('jwt_key', `Put the key into ${PRIVATE_KEY_FILE} (oidc.privateKeyFile).`)
}

function convertScopes(draft: Draft, { type, preset }: KnownProvider): void {
  const written = draft.text('scope')
  if (preset === 'github') {
    if (written !== undefined)
      draft.lose('scope', 'The preset github asks for the scopes that it needs.', false)
    return
  }
  if (written !== undefined) {
    const scopes = written.split(/\s+/).filter((scope) => scope !== '')
    draft.put('oidc.scopes', [...new Set(['openid', ...scopes])].join(' '))
  } else if (type === 'oidc' && preset === undefined && draft.has('allowed_groups')) {
    // oauth2-proxy asks for `groups` by itself in this case.
    draft.put('oidc.scopes', 'openid profile email groups')
  }
}

function convertClaims(draft: Draft): void {
  const groups = draft.text('oidc_groups_claim')
  if (groups !== undefined && groups !== 'groups') draft.put('oidc.groupsClaim', groups)
  if (draft.flag('insecure_oidc_allow_unverified_email')) draft.put('oidc.emailVerified', 'assumed')
}

/** Those that the gateway sets itself (config/schema/sign-in-leaves.ts) would be refused. */
const OF_THE_GATEWAY =
  /^(client_id|redirect_uri|response_type|response_mode|scope|state|nonce|code_challenge(_method)?|request(_uri)?)$/

function convertParameters(draft: Draft): void {
  const pairs = draft.list('providers.loginURLParameters').map((pair): [string, string] => {
    const equals = pair.indexOf('=')
    return [pair.slice(0, equals), pair.slice(equals + 1)]
  })
  const params = Object.fromEntries([
    ...pairs.filter(([name]) => !OF_THE_GATEWAY.test(name)),
    ...(['acr_values', 'prompt'] as const).flatMap((key): [string, string][] => {
      const value = draft.text(key)
      return value === undefined ? [] : [[key, value]]
    }),
  ])
  if (Object.keys(params).length > 0) draft.put('oidc.authorizationParams', params)
  if (pairs.some(([name]) => OF_THE_GATEWAY.test(name))) {
    const words = 'The gateway sets some of these parameters itself; they are left out.'
    draft.lose('providers.loginURLParameters', words, false)
  }
}

const ENDPOINTS = {
  login_url: 'authorization',
  redeem_url: 'token',
  profile_url: 'userinfo',
  oidc_jwks_url: 'jwks',
} as const

function convertEndpoints(draft: Draft, { knowsEndpoints }: KnownProvider): void {
  for (const [key, name] of Object.entries(ENDPOINTS)) {
    const written = draft.text(key)
    if (written === undefined) continue
    const url = URL.parse(written)
    if (url === null || url.username !== '' || url.password !== '' || url.search !== '') {
      draft.lose(
        key,
        `Only an address without user name and query can be carried. Set oidc.endpoints.${name}.`,
        false,
      )
    } else if (!knowsEndpoints) {
      draft.put(`oidc.endpoints.${name}`, written)
    }
  }
}

function convertCa(draft: Draft): void {
  const isWithSystemRoots = draft.flag('use_system_trust_store')
  const [file, ...more] = draft.list('provider_ca_files')
  if (file === undefined) return
  draft.put('oidc.caFile', file)
  if (more.length > 0)
    draft.hint('provider_ca_files', `Join all files into ${file}: oidc.caFile is one file.`)
  if (!isWithSystemRoots) {
    draft.lose(
      'provider_ca_files',
      'oauth2-proxy trusts these certificates alone; the gateway trusts the system roots too, and no setting changes that.',
      true,
    )
  }
}
