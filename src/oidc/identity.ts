// Turns claims (OpenID Connect Core 5.1) into the identity that the rules decide on. Drops claims that no rule or page needs.

import type { Identity } from '../session/session.ts'

export interface IdentityOptions {
  /** Name of the provider in the settings. */
  readonly provider: string
  /** Dotted path allowed: `realm_access.roles`. */
  readonly groupsClaim: string
  /** Splits groups that are one text. */
  readonly groupsSeparator?: 'comma' | 'space' | undefined
  /** `assumed`: the provider sends no `email_verified`, so every address counts. */
  readonly emailVerified: 'required' | 'assumed'
  /** Further claims to keep. */
  readonly claimNames: ReadonlySet<string>
}

export type Claims = Readonly<Record<string, unknown>>

export function toIdentity(claims: Claims, options: IdentityOptions): Identity {
  const email = text(claims['email'])
  return {
    provider: options.provider,
    iss: text(claims['iss']) ?? '',
    sub: text(claims['sub']) ?? '',
    sid: text(claims['sid']),
    email,
    emailCounts:
      email !== undefined &&
      (options.emailVerified === 'assumed' || isTrue(claims['email_verified'])),
    name: text(claims['name']),
    preferredUsername: text(claims['preferred_username']),
    groups: groupNames(claimAt(claims, options.groupsClaim), options.groupsSeparator),
    ...(omitsGroups(claims, options.groupsClaim) ? { areGroupsOmitted: true } : {}),
    claims: Object.fromEntries(
      [...options.claimNames].map((name) => [name, list(claimAt(claims, name))]),
    ),
  }
}

/**
 * Entra sends a link in place of more than 200 groups: a distributed claim (OpenID Connect Core 5.6.2), or `hasgroups` where
 * a link would be too long.
 */
function omitsGroups(claims: Claims, groupsClaim: string): boolean {
  if (claimAt(claims, groupsClaim) !== undefined) return false
  const { _claim_names: names, hasgroups } = claims
  const isLinked = typeof names === 'object' && names !== null && Object.hasOwn(names, groupsClaim)
  return isLinked || isTrue(hasgroups)
}

/** Claims of the ID token win. Userinfo adds what they lack, including parts of nested claims. */
export function addUserinfo(idToken: Claims, userinfo: Claims, options: IdentityOptions): Claims {
  const { groupsClaim, emailVerified, claimNames } = options
  const lacking = [groupsClaim, ...claimNames].filter(
    (path) => claimAt(idToken, path) === undefined,
  )
  const isWhole =
    idToken['email'] !== undefined &&
    (emailVerified === 'assumed' || idToken['email_verified'] !== undefined)
  // Address and `email_verified` must come from the same answer. Otherwise one could verify the other's address.
  const vouching = isWhole || userinfo['email'] === undefined ? idToken : userinfo
  return {
    ...userinfo,
    ...idToken,
    ...Object.fromEntries(lacking.map((path) => [path, claimAt(userinfo, path)])),
    email: vouching['email'],
    email_verified: vouching['email_verified'],
  }
}

/**
 * The claim at a dotted path. Keys may contain dots themselves (URLs, Keycloak's `resource_access` by client id), so at each
 * level the longest key that fits is tried first.
 */
export function claimAt(claims: unknown, path: string): unknown {
  if (typeof claims !== 'object' || claims === null) return undefined
  if (Object.hasOwn(claims, path)) return (claims as Claims)[path]
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const key = path.slice(0, dot)
    if (!Object.hasOwn(claims, key)) continue
    const found = claimAt((claims as Claims)[key], path.slice(dot + 1))
    if (found !== undefined) return found
  }
  return undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

// Some providers (Amazon Cognito among them) send booleans as text.
function isTrue(value: unknown): boolean {
  return value === true || value === 'true'
}

/**
 * Groups come as an array, as an object whose keys are the names (Zitadel), or as one text (Cognito). Without a separator, a
 * text is one group: names may contain blanks and commas, and a split "Helpdesk Admins" would match a rule for "Admins".
 */
function groupNames(
  value: unknown,
  separator: IdentityOptions['groupsSeparator'],
): readonly string[] {
  if (typeof value === 'string' && separator !== undefined) {
    return value.split(separator === 'comma' ? /\s*,\s*/ : /\s+/).filter((name) => name !== '')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return list(value)
  return Object.entries(value).flatMap(([name, held]) =>
    name === '' || held === null || held === false ? [] : [name],
  )
}

function list(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.flatMap((one) => {
    if (typeof one === 'string' && one !== '') return [one]
    return typeof one === 'number' || typeof one === 'boolean' ? [String(one)] : []
  })
}
