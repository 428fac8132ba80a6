// Decides who may do what at the desktop. The first matching rule wins. Without a match the person is refused. Every decision
// has a reason for the audit.

import type { AccessRule, Permission, Role, RuleMatch } from '../config/config.ts'
import { parseEmailAddress } from '../lib/email-address.ts'
import type { Identity, Session } from '../session/session.ts'

export type Decision =
  | {
      readonly allowed: true
      readonly role: Role
      readonly clipboardIn: Permission
      readonly downloads: Permission
      readonly rule: string
    }
  | { readonly allowed: false; readonly reason: RefusalReason }

/**
 * `email-not-verified`: a rule would match if the provider had verified the address. `groups-omitted`: a rule might match if
 * the provider had told the groups.
 */
export type RefusalReason = 'no-rule-matches' | 'email-not-verified' | 'groups-omitted'

export function decide(identity: Identity, rules: readonly AccessRule[]): Decision {
  for (const { id, match, role, clipboardIn, downloads } of rules) {
    if (match === undefined || matches(match, identity)) {
      return { allowed: true, role, clipboardIn, downloads, rule: id }
    }
  }
  const vouchedFor = { ...identity, emailCounts: true }
  const wouldMatch = rules.some(({ match }) => match !== undefined && matches(match, vouchedFor))
  if (wouldMatch) return { allowed: false, reason: 'email-not-verified' }
  const mightMatch = identity.areGroupsOmitted === true && needsOf(rules).groups
  return { allowed: false, reason: mightMatch ? 'groups-omitted' : 'no-rule-matches' }
}

/**
 * The session with the rights that these rules give it, where they give any: what its record says was decided by the
 * rules of that day, perhaps by another replica's.
 */
export function withRightsBy(rules: readonly AccessRule[], session: Session): Session {
  const decision = decide(session.identity, rules)
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
  return new Set(rules.flatMap(({ match }) => Object.keys(match?.claims ?? {})))
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

function namesEmail({ emails, emailDomains }: RuleMatch): boolean {
  return emails.length > 0 || emailDomains.length > 0
}

function shareOne(wanted: readonly string[], held: readonly string[]): boolean {
  return wanted.some((one) => held.includes(one))
}
