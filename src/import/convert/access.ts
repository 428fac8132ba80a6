// Who gets in. In oauth2-proxy a person needs an address that is allowed AND a group, if groups are named; each of the two is a
// list of alternatives. Here that is one rule for each pair of alternatives.

import { readFileSync } from 'node:fs'

import { wordForEveryoneAt } from '../../config/presets.ts'
import { parseDomain, parseEmailAddress } from '../../lib/email-address.ts'
import type { Draft } from './draft.ts'
import { convertGroups, type Alternative } from './groups.ts'
import type { KnownProvider } from './known-providers.ts'

export function convertAccess(draft: Draft, provider: KnownProvider): void {
  const people = convertPeople(draft)
  const groups = convertGroups(draft, provider)
  const rules = people.flatMap((one) => groups.map((group) => ({ ...one, ...group })))
  if (rules.length === 0) {
    draft.miss(
      'access',
      'Say who may sign in: allowGroups, allowEmails, allowEmailDomains or access.',
    )
  } else if (rules.some((rule) => Object.keys(rule).length === 0)) {
    convertAnyone(draft, provider)
  } else {
    putRules(draft, rules)
    hintAtUnverified(draft, provider, rules)
  }
}

/** oauth2-proxy also accepts an address if the token does not say whether it is verified. */
function hintAtUnverified(
  draft: Draft,
  { preset }: KnownProvider,
  rules: readonly Alternative[],
): void {
  const hasAddresses = rules.some(({ emails, emailDomains }) => emails ?? emailDomains)
  if (hasAddresses && preset === undefined && draft.at('oidc.emailVerified') === undefined) {
    draft.hint(
      'oidc.emailVerified',
      'Set it to assumed if the provider sends no email_verified and you trust its addresses. Rules for addresses match nobody otherwise.',
    )
  }
}

/** `[{}]` lets everybody pass; `[]` nobody. */
function convertPeople(draft: Draft): readonly Alternative[] {
  const domains = draft.list('email_domains')
  const file = draft.text('authenticated_emails_file')
  if (domains.length === 0 && file === undefined) {
    draft.lose(
      'email_domains',
      'It is not given, and oauth2-proxy needs it or authenticated-emails-file. If it is in another file, give that file too.',
      true,
    )
    return []
  }
  if (domains.includes('*')) {
    if (file !== undefined)
      draft.lose('authenticated_emails_file', 'It has no effect beside "*" as the domain.', false)
    return [{}]
  }
  const usable = domains.flatMap((domain) => parseDomain(domain) ?? [])
  if (usable.length < domains.length) {
    draft.lose(
      'email_domains',
      'A domain with all its subdomains has no counterpart, so it is left out. List each domain in the rules.',
      true,
    )
  }
  const emails = file === undefined ? [] : readEmails(draft, file)
  return [
    ...(usable.length === 0 ? [] : [{ emailDomains: usable }]),
    ...(emails.length === 0 ? [] : [{ emails }]),
  ]
}

/** The first column; a `#` begins a comment, as in oauth2-proxy. */
function readEmails(draft: Draft, file: string): readonly string[] {
  const key = 'authenticated_emails_file'
  let lines
  try {
    lines = readFileSync(file, 'utf8').split(/\r?\n/)
  } catch {
    draft.lose(key, 'The file cannot be read here. Write its addresses into the rules.', true)
    return []
  }
  const written = lines
    .filter((line) => !line.startsWith('#') && line.trim() !== '')
    .map((line) => line.split(',')[0]?.trim() ?? '')
  const emails = written.flatMap((one) => parseEmailAddress(one)?.address ?? [])
  if (emails.length < written.length)
    draft.lose(key, 'Some lines are no e-mail addresses and are left out. Add these people.', true)
  draft.hint(key, 'A later change of the file has no effect: change the rules instead.')
  return emails
}

/** At some providers anybody can open an account; `allowAnyone` then has to name the provider. */
function convertAnyone(draft: Draft, { preset, issuer }: KnownProvider): void {
  if (preset === 'github') {
    draft.lose(
      'email_domains',
      'Everybody with an account at GitHub would get in. Name organisations or teams in allowGroups.',
      true,
    )
    return
  }
  const params = draft.at('oidc.authorizationParams')
  const word = wordForEveryoneAt({
    issuer: URL.parse(issuer ?? '') ?? undefined,
    authorizationParams: params as Readonly<Record<string, string>> | undefined,
  })
  const comment =
    word === undefined
      ? 'Everybody who can sign in at the provider may control the desktop.'
      : 'Anybody can open an account there. Better: allowEmails or allowEmailDomains.'
  draft.put('allowAnyone', word ?? true, comment)
}

const LISTS = {
  groups: 'allowGroups',
  emails: 'allowEmails',
  emailDomains: 'allowEmailDomains',
} as const

/** As lists if each rule has one part that has a list; the lists are alternatives too. */
function putRules(draft: Draft, rules: readonly Alternative[]): void {
  const parts = rules.map((rule) => Object.entries(rule))
  const isPlain = parts.every(([[name] = [''], ...more]) => more.length === 0 && name in LISTS)
  if (!isPlain) {
    draft.put(
      'access',
      rules.map((match) => ({ match, role: 'control' })),
    )
    return
  }
  for (const [name, values] of parts.flat()) draft.put(LISTS[name as keyof typeof LISTS], values)
}
