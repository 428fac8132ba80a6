// Claims (OpenID Connect Core 5.1) → the identity that the rules judge. Whatever no rule and no page needs is dropped here.

import type { Identity } from '../session/session.ts'

export interface IdentityOptions {
  /** Dotted path allowed: `realm_access.roles`. */
  readonly groupsClaim: string
  /** `assumed`: the provider emits no `email_verified`, its addresses count as they are. */
  readonly emailVerified: 'required' | 'assumed'
  /** Further claims to keep. */
  readonly claimNames: ReadonlySet<string>
}

export type Claims = Readonly<Record<string, unknown>>

export function toIdentity(claims: Claims, options: IdentityOptions): Identity {
  const email = text(claims['email'])
  return {
    iss: text(claims['iss']) ?? '',
    sub: text(claims['sub']) ?? '',
    sid: text(claims['sid']),
    email,
    emailCounts:
      email !== undefined &&
      (options.emailVerified === 'assumed' || isTrue(claims['email_verified'])),
    name: text(claims['name']),
    preferredUsername: text(claims['preferred_username']),
    groups: list(claimAt(claims, options.groupsClaim)),
    claims: Object.fromEntries(
      [...options.claimNames].map((name) => [name, list(claimAt(claims, name))]),
    ),
  }
}

/** What the ID token says stands; userinfo adds what it lacks, parts of a nested claim included. */
export function addUserinfo(idToken: Claims, userinfo: Claims, options: IdentityOptions): Claims {
  const { groupsClaim, emailVerified, claimNames } = options
  const lacking = [groupsClaim, ...claimNames].filter(
    (path) => claimAt(idToken, path) === undefined,
  )
  const isWhole =
    idToken['email'] !== undefined &&
    (emailVerified === 'assumed' || idToken['email_verified'] !== undefined)
  // An address and its "verified" come from one answer, or one could vouch for the other's address.
  const vouching = isWhole || userinfo['email'] === undefined ? idToken : userinfo
  return {
    ...userinfo,
    ...idToken,
    ...Object.fromEntries(lacking.map((path) => [path, claimAt(userinfo, path)])),
    email: vouching['email'],
    email_verified: vouching['email_verified'],
  }
}

/** The claim of exactly this name, else the one at this dotted path. Names with dots in them are common (URLs). */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Claims)[step]
  }
  return value
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

// Some providers (Amazon Cognito among them) send booleans as text.
function isTrue(value: unknown): boolean {
  return value === true || value === 'true'
}

function list(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.flatMap((one) => {
    if (typeof one === 'string' && one !== '') return [one]
    return typeof one === 'number' || typeof one === 'boolean' ? [String(one)] : []
  })
}
