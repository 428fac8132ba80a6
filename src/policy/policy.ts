// Decides who may do what at the desktop. The first matching rule wins. Without a match the person is refused. Every decision
// has a reason for the audit.

import type { AccessRule, Permission, Requirement, Role, RuleMatch } from '../config/config.ts'
import { parseEmailAddress } from '../lib/email-address.ts'
import type { Identity, Session } from '../session/session.ts'

/** `auth_time` is in whole seconds, of another clock. */
const CLOCK_TOLERANCE_MS = 5_000

export type Decision =
  | {
      readonly allowed: true
      readonly role: Role
      readonly clipboardIn: Permission
      readonly downloads: Permission
      readonly rule: string
      /** What an earlier rule, with other rights, requires of the sign-in. */
      readonly stepUp: Requirement | undefined
    }
  | {
      readonly allowed: false
      /** A rule would match after another sign-in. */
      readonly reason: 'step-up'
      readonly stepUp: Requirement
    }
  | { readonly allowed: false; readonly reason: RefusalReason; readonly stepUp?: undefined }

/**
 * `email-not-verified`: a rule would match if the provider had verified the address. `groups-omitted`,
 * `organisation-sso`: a rule might match if the provider had told all groups.
 */
export type RefusalReason =
  | 'no-rule-matches'
  | 'email-not-verified'
  | 'groups-omitted'
  | 'organisation-sso'

/** `at`: when the page or stream is opened (ms since the epoch); the age of the sign-in counts from then. */
export function decide(identity: Identity, rules: readonly AccessRule[], at: number): Decision {
  let stepUp: Requirement | undefined
  for (const { id, match, role, require: needed, clipboardIn, downloads } of rules) {
    if (match !== undefined && !matches(match, identity)) continue
    if (needed === undefined || isMet(needed, identity, at)) {
      return { allowed: true, role, clipboardIn, downloads, rule: id, stepUp }
    }
    stepUp ??= needed
  }
  if (stepUp !== undefined) return { allowed: false, reason: 'step-up', stepUp }
  const vouchedFor = { ...identity, emailCounts: true }
  const wouldMatch = rules.some(({ match }) => match !== undefined && matches(match, vouchedFor))
  if (wouldMatch) return { allowed: false, reason: 'email-not-verified' }
  const { groupsOmitted } = identity
  if (groupsOmitted === undefined || !needsOf(rules).groups) {
    return { allowed: false, reason: 'no-rule-matches' }
  }
  return { allowed: false, reason: groupsOmitted === 'sso' ? 'organisation-sso' : 'groups-omitted' }
}

/**
 * The session with the rights that these rules give it, where they give any: what its record says was decided by the
 * rules of that day, perhaps by another replica's. `at` as in `decide`.
 */
export function withRightsBy(
  rules: readonly AccessRule[],
  session: Session,
  at: number = session.createdAt,
): Session {
  const decision = decide(session.identity, rules, at)
  if (!decision.allowed) return session
  const { role, clipboardIn, rule } = decision
  return { ...session, role, clipboardIn, rule }
}

const ROLES: readonly Role[] = ['view', 'control', 'owner']

/** Whether a role may do everything that `least` may do. */
export function reaches(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least)
}

/** The claims besides groups and e-mail that rules name. Other claims of a token are not kept. */
export function claimsNamedBy(rules: readonly AccessRule[]): ReadonlySet<string> {
  return new Set(
    rules.flatMap(({ match, require: needed }) => [
      ...Object.keys(match?.claims ?? {}),
      ...(needed === undefined || needed.acr.length === 0 ? [] : ['acr']),
      ...(needed?.maxAge === undefined ? [] : ['auth_time']),
    ]),
  )
}

/** Whether any rule needs groups, or the e-mail address. */
export function needsOf(rules: readonly AccessRule[]): { groups: boolean; email: boolean } {
  return {
    groups: rules.some(({ match }) => (match?.groups.length ?? 0) > 0),
    email: rules.some(({ match }) => match !== undefined && namesEmail(match)),
  }
}

/** A rule needs the e-mail address, but the provider's value is not a valid one, so no such rule can match. */
export function hasUnusableEmail({ email }: Identity, rules: readonly AccessRule[]): boolean {
  return email !== undefined && needsOf(rules).email && parseEmailAddress(email) === undefined
}

function matches(match: RuleMatch, identity: Identity): boolean {
  const parts: boolean[] = []
  if (match.provider.length > 0) parts.push(match.provider.includes(identity.provider))
  if (match.groups.length > 0) parts.push(shareOne(match.groups, identity.groups))
  if (namesEmail(match)) {
    const { email = '', emailCounts } = identity
    const parsed = emailCounts ? parseEmailAddress(email) : undefined
    if (parsed === undefined) return false
    if (match.emails.length > 0) parts.push(match.emails.includes(parsed.address))
    if (match.emailDomains.length > 0) parts.push(match.emailDomains.includes(parsed.domain))
  }
  for (const [name, wanted] of Object.entries(match.claims)) {
    parts.push(shareOne(wanted, identity.claims[name] ?? []))
  }
  return parts.length > 0 && parts.every(Boolean)
}

/** How the provider says that the person signed in. What it does not say is not met. */
function isMet({ acr, maxAge }: Requirement, { claims }: Identity, at: number): boolean {
  if (acr.length > 0 && !shareOne(acr, claims['acr'] ?? [])) return false
  if (maxAge === undefined) return true
  const authTime = Number(claims['auth_time']?.[0] ?? Number.NaN) * 1_000
  return at - authTime <= maxAge + CLOCK_TOLERANCE_MS
}

function namesEmail({ emails, emailDomains }: RuleMatch): boolean {
  return emails.length > 0 || emailDomains.length > 0
}

function shareOne(wanted: readonly string[], held: readonly string[]): boolean {
  return wanted.some((one) => held.includes(one))
}
