// What is known of providers (`oidc.preset`): the settings that each of them needs. A setting that is given wins over the
// preset's. docs/providers/ has what to register there.

import { isTree, type Tree } from './read/tree.ts'

export const PRESET_NAMES = [
  'keycloak',
  'entra',
  'google',
  'okta',
  'auth0',
  'gitlab',
  'gitea',
  'authentik',
  'authelia',
  'dex',
  'hydra',
] as const

export type PresetName = (typeof PRESET_NAMES)[number]

export interface Preset {
  /** What people call it. */
  readonly label: string
  /** The shape of its issuers, as a pattern for `URL.href` and in words. Undefined: any URL. */
  readonly issuerForm?: { readonly pattern: RegExp; readonly words: string }
  /** It never tells groups, so rules cannot name them. */
  readonly hasNoGroups?: true
  /** What it adds to the given settings of `oidc`, as written in YAML. */
  readonly settings: (given: Tree) => Tree
}

const DEFAULT_SCOPES = 'openid profile email'
/** These providers give a refresh token for `offline_access` only. */
const WITH_REFRESH = `${DEFAULT_SCOPES} offline_access`
const WITH_GROUPS_AND_REFRESH = `${DEFAULT_SCOPES} groups offline_access`

const always = (settings: Tree) => (): Tree => settings

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  keycloak: {
    label: 'Keycloak',
    issuerForm: { pattern: /\/realms\/[^/]+$/, words: 'https://HOST/realms/REALM' },
    settings: always({}),
  },
  entra: {
    label: 'Microsoft',
    issuerForm: {
      pattern:
        /^https:\/\/login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn)\/[\w.-]+\/v2\.0\/?$/,
      words: 'https://login.microsoftonline.com/TENANT-ID/v2.0',
    },
    // Entra has no claim `email_verified`. The addresses are those of the tenant.
    settings: ({ groupsFromGraph = 'false' }) => ({
      scopes: String(groupsFromGraph) === 'false' ? WITH_REFRESH : `${WITH_REFRESH} User.Read`,
      emailVerified: 'assumed',
    }),
  },
  google: {
    label: 'Google',
    issuerForm: {
      pattern: /^https:\/\/accounts\.google\.com\/$/,
      words: 'https://accounts.google.com',
    },
    hasNoGroups: true,
    // Google refuses offline_access. Without `prompt` it gives a refresh token at the first consent only.
    settings: always({
      issuer: 'https://accounts.google.com',
      authorizationParams: { access_type: 'offline', prompt: 'consent' },
    }),
  },
  okta: {
    label: 'Okta',
    issuerForm: {
      pattern: /^https:\/\/[^/]+\/(oauth2\/[^/]+)?$/,
      words: 'https://YOU.okta.com or https://YOU.okta.com/oauth2/SERVER',
    },
    // A custom authorization server refuses scopes that it does not know, and has groups in a claim of its own.
    settings: ({ issuer }) => ({
      scopes: String(issuer).includes('/oauth2/') ? WITH_REFRESH : WITH_GROUPS_AND_REFRESH,
    }),
  },
  auth0: {
    label: 'Auth0',
    issuerForm: { pattern: /^https:\/\/[^/]+\/$/, words: 'https://YOU.eu.auth0.com/' },
    settings: always({ scopes: WITH_REFRESH }),
  },
  gitlab: { label: 'GitLab', settings: always({ issuer: 'https://gitlab.com' }) },
  // Gitea and Forgejo send groups (ORGANISATION and ORGANISATION:TEAM) for this scope only.
  gitea: { label: 'Gitea', settings: always({ scopes: `${DEFAULT_SCOPES} groups` }) },
  authentik: {
    label: 'authentik',
    issuerForm: {
      pattern: /\/application\/o\/[^/]+\/$/,
      words: 'https://HOST/application/o/APPLICATION/ (with the slash at the end)',
    },
    settings: always({ scopes: WITH_REFRESH }),
  },
  authelia: { label: 'Authelia', settings: always({ scopes: WITH_GROUPS_AND_REFRESH }) },
  dex: { label: 'Dex', settings: always({ scopes: WITH_GROUPS_AND_REFRESH }) },
  hydra: { label: 'Ory Hydra', settings: always({ scopes: WITH_REFRESH }) },
}

/** Adds what the preset of a map of `oidc` settings knows and the map does not say. Changes `section`. */
export function layPresetUnder(section: Tree): void {
  const { preset, authorizationParams: params } = section
  if (typeof preset !== 'string' || !isPresetName(preset)) return
  const known = PRESETS[preset].settings(section)
  for (const [key, value] of Object.entries(known)) section[key] ??= value
  // Parameters are set one by one: adding `hd` must not remove `access_type`.
  if (isTree(params) && isTree(known['authorizationParams'])) {
    section['authorizationParams'] = { ...known['authorizationParams'], ...params }
  }
}

function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name)
}

/** The name of a provider in rules, metrics and the log. */
export function nameOfProvider(provider: {
  readonly name?: string | undefined
  readonly preset?: PresetName | undefined
}): string {
  return provider.name ?? provider.preset ?? 'oidc'
}

/** Microsoft Graph of the cloud that an Entra issuer belongs to (learn.microsoft.com/graph/deployments). */
export function graphFor(issuer: URL): URL {
  switch (issuer.host) {
    case 'login.microsoftonline.us':
      return new URL('https://graph.microsoft.us')
    case 'login.partner.microsoftonline.cn':
      return new URL('https://microsoftgraph.chinacloudapi.cn')
    default:
      return new URL('https://graph.microsoft.com')
  }
}

/**
 * Providers where anybody can open an account, by the host of their issuer, and their name in `allowAnyone`. To let in every
 * person who can sign in there is rarely meant.
 */
const PUBLIC_PROVIDERS: Readonly<Record<string, string>> = {
  'accounts.google.com': 'google',
  'gitlab.com': 'gitlab',
  'gitea.com': 'gitea',
  'codeberg.org': 'codeberg',
}

/** The word that `allowAnyone` needs for a provider where anybody can open an account; undefined for others. */
export function wordForEveryoneAt({
  issuer,
  authorizationParams,
}: {
  readonly issuer?: URL | undefined
  readonly authorizationParams?: Readonly<Record<string, string>> | undefined
}): string | undefined {
  const name = PUBLIC_PROVIDERS[issuer?.host ?? '']
  // With `hd`, only people of that organisation can sign in (oidc/hosted-domain.ts).
  if (name === undefined || (name === 'google' && authorizationParams?.['hd'] !== undefined)) {
    return undefined
  }
  return `everyone-at-${name}`
}
