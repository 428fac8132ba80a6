// Reads the alpha configuration (YAML). Each of its fields stands for an option of the same meaning, so the rest of the importer
// knows options only. oauth2-proxy uses the first provider alone.

import { parseDocument } from 'yaml'

import { isTree, type Tree } from '../../lib/tree.ts'
import { withoutNulls } from '../../config/read/tree.ts'
import { optionOfKey } from '../options/options.ts'
import { toGiven, type FileRead, type Raw } from './given.ts'

/** A field is the key of an option, or a map of further fields. */
interface Fields {
  readonly [field: string]: string | Fields
}

const PROVIDER: Fields = {
  id: 'providers.id',
  provider: 'provider',
  name: 'provider_display_name',
  clientID: 'client_id',
  clientSecret: 'client_secret',
  clientSecretFile: 'client_secret_file',
  caFiles: 'provider_ca_files',
  useSystemTrustStore: 'use_system_trust_store',
  loginURL: 'login_url',
  authRequestResponseMode: 'auth_request_response_mode',
  redeemURL: 'redeem_url',
  profileURL: 'profile_url',
  skipClaimsFromProfileURL: 'skip_claims_from_profile_url',
  resource: 'resource',
  validateURL: 'validate_url',
  scope: 'scope',
  allowedGroups: 'allowed_groups',
  code_challenge_method: 'code_challenge_method',
  additionalClaims: 'providers.additionalClaims',
  backendLogoutURL: 'backend_logout_url',
  keycloakConfig: { groups: 'keycloak_groups', roles: 'allowed_roles' },
  azureConfig: { tenant: 'azure_tenant', graphGroupField: 'azure_graph_group_field' },
  microsoftEntraIDConfig: {
    allowedTenants: 'entra_id_allowed_tenants',
    federatedTokenAuth: 'entra_id_federated_token_auth',
  },
  ADFSConfig: { skipScope: 'providers.ADFSConfig.skipScope' },
  bitbucketConfig: { team: 'bitbucket_team', repository: 'bitbucket_repository' },
  githubConfig: {
    org: 'github_org',
    team: 'github_team',
    repo: 'github_repo',
    token: 'github_token',
    users: 'github_users',
  },
  gitlabConfig: { group: 'gitlab_groups', projects: 'gitlab_projects' },
  googleConfig: {
    group: 'google_groups',
    adminEmail: 'google_admin_email',
    serviceAccountJson: 'google_service_account_json',
    useApplicationDefaultCredentials: 'google_use_application_default_credentials',
    targetPrincipal: 'google_target_principal',
    useOrganizationID: 'google_use_organization_id',
    adminAPIUserScope: 'google_admin_api_user_scope',
  },
  oidcConfig: {
    issuerURL: 'oidc_issuer_url',
    insecureAllowUnverifiedEmail: 'insecure_oidc_allow_unverified_email',
    insecureSkipIssuerVerification: 'insecure_oidc_skip_issuer_verification',
    insecureSkipNonce: 'insecure_oidc_skip_nonce',
    skipDiscovery: 'skip_oidc_discovery',
    jwksURL: 'oidc_jwks_url',
    publicKeyFiles: 'oidc_public_key_files',
    emailClaim: 'oidc_email_claim',
    groupsClaim: 'oidc_groups_claim',
    userIDClaim: 'user_id_claim',
    audienceClaims: 'oidc_audience_claims',
    extraAudiences: 'oidc_extra_audiences',
    enabledSigningAlgs: 'oidc_enabled_signing_algs',
  },
  loginGovConfig: { jwtKey: 'jwt_key', jwtKeyFile: 'jwt_key_file', pubjwkURL: 'pubjwk_url' },
}

const UPSTREAM: Fields = {
  passHostHeader: 'pass_host_header',
  proxyWebSockets: 'proxy_websockets',
  flushInterval: 'flush_interval',
  timeout: 'upstream_timeout',
  disableKeepAlives: 'disable_keep_alives',
}

const SOURCES_OF_TLS = { value: 'server.tls.value', fromEnv: 'server.tls.value' }

const ROOT: Fields = {
  server: {
    bindAddress: 'http_address',
    secureBindAddress: 'https_address',
    tls: {
      cert: { fromFile: 'tls_cert_file', ...SOURCES_OF_TLS },
      key: { fromFile: 'tls_key_file', ...SOURCES_OF_TLS },
      minVersion: 'tls_min_version',
      cipherSuites: 'tls_cipher_suites',
    },
  },
  metricsServer: {
    bindAddress: 'metrics_address',
    secureBindAddress: 'metrics_secure_address',
    tls: {
      cert: { fromFile: 'metrics_tls_cert_file', ...SOURCES_OF_TLS },
      key: { fromFile: 'metrics_tls_key_file', ...SOURCES_OF_TLS },
    },
  },
}

export function looksLikeAlpha(text: string): boolean {
  const root =
    /^(?:alphaConfig|providers|upstreamConfig|injectRe(?:quest|sponse)Headers|server|metricsServer)\s*:/m
  return root.test(text)
}

/** Also the value `alphaConfig` of the Helm chart, by itself. */
export function readAlpha(text: string): FileRead {
  const document = parseDocument(text, { prettyErrors: false })
  const content: unknown = document.errors.length > 0 ? undefined : document.toJS()
  if (!isTree(content)) return refused('this is not a valid YAML map; quote special characters')
  const { providers, upstreamConfig, injectRequestHeaders, injectResponseHeaders, ...rest } =
    unwrap(withoutNulls(content))
  const entries: Raw[] = [
    ...readFields(rest, ROOT, ''),
    ...readProviders(providers),
    ...readUpstreams(upstreamConfig),
    ...readHeaders('injectRequestHeaders', injectRequestHeaders),
    ...readHeaders('injectResponseHeaders', injectResponseHeaders),
  ]
  const known = [...Object.keys(ROOT), 'providers', ...namesIn(PROVIDER, 'providers[0]')]
  return toGiven(entries, known)
}

function refused(problem: string): FileRead {
  return { given: [], problems: [problem] }
}

function unwrap(content: Tree): Tree {
  const { alphaConfig, ...others } = content
  if (!isTree(alphaConfig)) return content
  const { configData, enabled: _, ...rest } = alphaConfig
  return isTree(configData) ? { ...others, ...rest, ...configData } : { ...others, ...rest }
}

function readFields(tree: Tree, fields: Fields, path: string): readonly Raw[] {
  return Object.entries(tree).flatMap(([field, raw]): readonly Raw[] => {
    const name = path === '' ? field : `${path}.${field}`
    const known = Object.hasOwn(fields, field) ? fields[field] : undefined
    if (typeof known === 'object') return isTree(raw) ? readFields(raw, known, name) : [bad(name)]
    return [{ name, option: known === undefined ? undefined : optionOfKey(known), raw }]
  })
}

/** An entry that is reported as unknown. */
function bad(name: string): Raw {
  return { name, option: undefined, raw: '' }
}

function namesIn(fields: Fields, path: string): string[] {
  return Object.entries(fields).flatMap(([field, known]) =>
    typeof known === 'string' ? [`${path}.${field}`] : namesIn(known, `${path}.${field}`),
  )
}

function readProviders(providers: unknown): readonly Raw[] {
  if (providers === undefined) return []
  if (!Array.isArray(providers) || !providers.every(isTree)) return [bad('providers')]
  const [first, ...others] = providers as readonly Tree[]
  if (first === undefined) return []
  const { loginURLParameters, ...provider } = first
  return [
    ...readFields(provider, PROVIDER, 'providers[0]'),
    ...readParameters(loginURLParameters),
    ...others.map((_, index) => special(`providers[${index + 1}]`, 'providers.further', 'given')),
  ]
}

function special(name: string, key: string, raw: unknown): Raw {
  return { name, option: optionOfKey(key), raw }
}

/** `[{name: hd, default: [example.com]}]`. What people may choose by `allow` is another option. */
function readParameters(parameters: unknown): readonly Raw[] {
  const path = 'providers[0].loginURLParameters'
  if (parameters === undefined) return []
  if (!Array.isArray(parameters) || !parameters.every(isTree)) return [bad(path)]
  return (parameters as readonly Tree[]).flatMap((parameter): readonly Raw[] => {
    const { name, default: values, allow, ...unknown } = parameter
    const at = `${path}.${String(name)}`
    const [value, ...more] = Array.isArray(values) ? (values as readonly unknown[]) : []
    const own = { acr_values: 'acr_values', prompt: 'prompt', approval_prompt: 'approval_prompt' }
    const key = Object.entries(own).find(([known]) => known === name)?.[1]
    return [
      ...(value === undefined
        ? []
        : [
            key === undefined
              ? special(at, 'providers.loginURLParameters', [`${String(name)}=${scalar(value)}`])
              : special(at, key, value),
          ]),
      ...(allow === undefined && more.length === 0
        ? []
        : [special(`${at}.allow`, 'providers.loginURLParameters.allow', 'given')]),
      ...Object.keys(unknown).map((field) => bad(`${at}.${field}`)),
    ]
  })
}

function readUpstreams(config: unknown): readonly Raw[] {
  if (config === undefined) return []
  if (!isTree(config)) return [bad('upstreamConfig')]
  const { upstreams = [], proxyRawPath, ...unknown } = config
  if (!Array.isArray(upstreams) || !upstreams.every(isTree))
    return [bad('upstreamConfig.upstreams')]
  const isRaw = proxyRawPath === true
  return [
    ...(upstreams as readonly Tree[]).flatMap(readUpstream),
    ...(isRaw
      ? [special('upstreamConfig.proxyRawPath', 'upstreamConfig.proxyRawPath', 'true')]
      : []),
    ...Object.keys(unknown).map((field) => bad(`upstreamConfig.${field}`)),
  ]
}

/** Anything else than one value counts as empty. */
function scalar(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

/** As the option writes it: the address, with the path that the upstream is for. */
function readUpstream(upstream: Tree, index: number): readonly Raw[] {
  const name = `upstreamConfig.upstreams[${index}]`
  const { id: _, path, uri, rewriteTarget, static: isStatic, ...rest } = upstream
  const { staticCode, insecureSkipTLSVerify, ...fields } = rest
  const url = typeof uri === 'string' ? URL.parse(uri) : null
  const at = typeof path === 'string' ? path : '/'
  const address =
    isStatic === true
      ? `static://${scalar(staticCode ?? 200)}`
      : url !== null && /^https?:$/.test(url.protocol)
        ? `${url.protocol}//${url.username === '' ? '' : 'user@'}${url.host}${at}`
        : scalar(uri)
  return [
    rewriteTarget === undefined
      ? special(name, 'upstreams', [address])
      : special(name, 'upstreams.rewriteTarget', 'given'),
    ...(insecureSkipTLSVerify === true
      ? [special(name, 'ssl_upstream_insecure_skip_verify', 'true')]
      : []),
    ...readFields(fields, UPSTREAM, name),
  ]
}

/** Their values may be secrets and are not read. */
function readHeaders(field: string, headers: unknown): readonly Raw[] {
  const isEmpty = headers === undefined || (Array.isArray(headers) && headers.length === 0)
  return isEmpty ? [] : [special(field, field, 'given')]
}
