// The groups that oauth2-proxy asks for. Each kind of provider has options of its own for the same thing.

import type { Draft } from './draft.ts'
import type { KnownProvider } from './known-providers.ts'

/** A part of `match`. A person needs all parts of one alternative. */
export interface Alternative {
  readonly groups?: readonly string[]
  readonly emails?: readonly string[]
  readonly emailDomains?: readonly string[]
  readonly claims?: Readonly<Record<string, readonly string[]>>
}

/** `[{}]`: no group is needed. `[]`: groups are needed, but none can be carried over, so nobody may pass. */
export function convertGroups(draft: Draft, provider: KnownProvider): readonly Alternative[] {
  loseForeign(draft, provider)
  const own = ownGroups(draft, provider)
  const general = draft.has('allowed_groups')
  if (own === undefined && !general) return [{}]
  if (own !== undefined && general) {
    if (provider.type === 'github') {
      // oauth2-proxy needs both. Two lists of groups cannot be required at the same time.
      draft.lose(
        'allowed_groups',
        'It counts in addition to github-org and github-team. Write rules that mean both.',
        true,
      )
      return []
    }
    if (provider.type !== 'keycloak-oidc')
      draft.lose(
        'allowed_groups',
        "oauth2-proxy ignores it beside the provider's own option.",
        false,
      )
  }
  const isCounted = general && (own === undefined || provider.type === 'keycloak-oidc')
  const named = isCounted ? draft.list('allowed_groups') : []
  if (isCounted && cannotKnow(draft, provider)) return []
  return [...byNames(named, provider), ...(own ?? [])]
}

function cannotKnow(draft: Draft, { type, preset }: KnownProvider): boolean {
  if (preset === 'google') {
    draft.lose(
      'allowed_groups',
      'Google sends no groups. Use allowEmails, or put Dex or Keycloak between.',
      true,
    )
    return true
  }
  if (type === 'cidaas') {
    draft.lose(
      'allowed_groups',
      'cidaas sends nested groups, which no rule can name. Let it send a list of names.',
      true,
    )
    return true
  }
  return false
}

/** For Keycloak, `role:NAME` and `role:CLIENT:NAME` are roles. */
function byNames(names: readonly string[], { type }: KnownProvider): readonly Alternative[] {
  if (type !== 'keycloak-oidc') return names.length === 0 ? [] : [{ groups: names }]
  const groups = names.filter((name) => !name.startsWith('role:'))
  const roles = names.filter((name) => name.startsWith('role:')).map((name) => name.slice(5))
  return [...(groups.length === 0 ? [] : [{ groups }]), ...byRoles(roles)]
}

/** `CLIENT:NAME` is a role of a client, anything else one of the realm. */
function byRoles(roles: readonly string[]): readonly Alternative[] {
  const claims = new Map<string, string[]>()
  for (const role of roles) {
    const colon = role.indexOf(':')
    const claim = colon < 0 ? 'realm_access.roles' : `resource_access.${role.slice(0, colon)}.roles`
    claims.set(claim, [...(claims.get(claim) ?? []), role.slice(colon + 1)])
  }
  return [...claims].map(([claim, names]) => ({ claims: { [claim]: names } }))
}

/** Undefined when none of the provider's own options is given. */
function ownGroups(
  draft: Draft,
  { type, preset }: KnownProvider,
): readonly Alternative[] | undefined {
  if (type === 'keycloak') return fromList(draft, 'keycloak_groups')
  if (type === 'keycloak-oidc') {
    if (!draft.has('allowed_roles')) return undefined
    draft.hint('allowed_roles', 'Turn on "Add to ID token" for the roles in Keycloak.')
    return byRoles(draft.list('allowed_roles'))
  }
  if (type === 'gitlab') {
    const groups = fromList(draft, 'gitlab_groups')
    if (!draft.has('gitlab_projects')) return groups
    draft.lose('gitlab_projects')
    return groups ?? []
  }
  if (type === 'github') return githubGroups(draft, preset === 'gitea')
  const lost = { google: ['google_groups'], bitbucket: ['bitbucket_team', 'bitbucket_repository'] }
  const keys = (lost as Readonly<Record<string, readonly string[]>>)[type] ?? []
  const given = keys.filter((key) => draft.has(key))
  for (const key of given) draft.lose(key)
  return given.length === 0 ? undefined : []
}

function fromList(draft: Draft, key: string): readonly Alternative[] | undefined {
  const groups = draft.list(key)
  return groups.length === 0 ? undefined : [{ groups }]
}

/** Members of the organisation; with teams, of one of its teams only. */
function githubGroups(draft: Draft, isGitea: boolean): readonly Alternative[] | undefined {
  const org = draft.text('github_org')
  const teams = (draft.text('github_team') ?? '')
    .split(',')
    .map((team) => team.trim())
    .filter((team) => team !== '')
  const others = ['github_repo', 'github_users'].filter((key) => draft.has(key))
  for (const key of others) draft.lose(key)
  if (isGitea && (org !== undefined || teams.length > 0))
    draft.hint('github_org', 'The scope groups is needed; the preset gitea asks for it.')
  const names = teams.map((team) =>
    team.includes(':') || org === undefined ? team : `${org}:${team}`,
  )
  if (names.some((name) => !name.includes(':'))) {
    draft.lose('github_team', 'A team needs its organisation: write ORG:TEAM in allowGroups.', true)
  }
  // With a repository as well, membership alone is not enough for oauth2-proxy.
  if (draft.has('github_repo')) return []
  const groups =
    teams.length > 0 ? names.filter((name) => name.includes(':')) : org === undefined ? [] : [org]
  if (groups.length > 0) return [{ groups }]
  return others.length > 0 || teams.length > 0 ? [] : undefined
}

/** Option → kinds of provider, or presets, that it is for. */
const OF_PROVIDERS: Readonly<Record<string, readonly string[]>> = {
  keycloak_groups: ['keycloak'],
  allowed_roles: ['keycloak-oidc'],
  gitlab_groups: ['gitlab'],
  gitlab_projects: ['gitlab'],
  github_org: ['github'],
  github_team: ['github'],
  github_repo: ['github'],
  github_users: ['github'],
  google_groups: ['google'],
  bitbucket_team: ['bitbucket'],
  bitbucket_repository: ['bitbucket'],
  entra_id_allowed_tenants: ['entra'],
  azure_tenant: ['entra'],
}

/** What restricts nobody in oauth2-proxy either. The person who wrote it may believe otherwise. */
function loseForeign(draft: Draft, { type, preset = type }: KnownProvider): void {
  for (const [key, types] of Object.entries(OF_PROVIDERS)) {
    if (!draft.has(key) || types.includes(type) || types.includes(preset)) continue
    draft.lose(
      key,
      `It has no effect with the provider ${type}, in oauth2-proxy either. Write a rule if you mean it.`,
      false,
    )
  }
}
