// Who may do what at the desktop. First matching rule wins, no match is a refusal, and every answer names its reason,
// so that the audit can say why.

import type { AccessRule, Permission, Role, RuleMatch } from '../config/config.ts'
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

/** `email-not-verified`: a rule would have matched, had the provider vouched for the address. */
export type RefusalReason = 'no-rule-matches' | 'email-not-verified'

export function decide(identity: Identity, rules: readonly AccessRule[]): Decision {
  for (const { id, match, role, clipboardIn, downloads } of rules) {
    if (match === undefined || matches(match, identity)) {
      return { allowed: true, role, clipboardIn, downloads, rule: id }
    }
  }
  const vouchedFor = { ...identity, emailCounts: true }
  const wouldMatch = rules.some(({ match }) => match !== undefined && matches(match, vouchedFor))
  return { allowed: false, reason: wouldMatch ? 'email-not-verified' : 'no-rule-matches' }
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

/** Whether a role may do what `least` may. */
export function reaches(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least)
}

/** The claims beyond groups and e-mail that the rules look at; nothing else of a token is kept. */
export function claimsNamedBy(rules: readonly AccessRule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ match }) => Object.keys(match?.claims ?? {})))
}

/** Whether some rule looks at groups, at the e-mail address. */
export function needsOf(rules: readonly AccessRule[]): { groups: boolean; email: boolean } {
  return {
    groups: rules.some(({ match }) => (match?.groups.length ?? 0) > 0),
    email: rules.some(
      ({ match }) => (match?.emails.length ?? 0) > 0 || (match?.emailDomains.length ?? 0) > 0,
    ),
  }
}

function matches(match: RuleMatch, identity: Identity): boolean {
  const email = identity.emailCounts ? identity.email?.toLowerCase() : undefined
  const parts: boolean[] = []
  if (match.groups.length > 0) parts.push(shareOne(match.groups, identity.groups))
  if (match.emails.length > 0) parts.push(email !== undefined && match.emails.includes(email))
  if (match.emailDomains.length > 0) {
    parts.push(email !== undefined && match.emailDomains.includes(domainOf(email)))
  }
  for (const [name, wanted] of Object.entries(match.claims)) {
    parts.push(shareOne(wanted, identity.claims[name] ?? []))
  }
  return parts.length > 0 && parts.every(Boolean)
}

// After the last @, whole: `a@evil.example@corp.example` and `a@sub.corp.example` must not pass for one another.
function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1)
}

function shareOne(wanted: readonly string[], held: readonly string[]): boolean {
  return wanted.some((one) => held.includes(one))
}
