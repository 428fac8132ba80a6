// The page for a person who is signed in but matches no access rule.

import { html } from 'hono/html'
import { layOut, type Markup, type Page } from './page-layout.ts'
import {
  administratorNote,
  link,
  person,
  quietLink,
  requestNote,
  startPath,
  steps,
  visible,
  type Prompt,
} from './page-parts.ts'

/** `email-not-verified`, `groups-omitted`: a rule might match if the provider told more about the person. */
export type DeniedReason = 'no-rule-matches' | 'email-not-verified' | 'groups-omitted'

interface DeniedMessage {
  readonly title: string
  /** Ends the sentence "You are signed in as …". */
  readonly but: string
  readonly advice: string
  readonly prompt: Prompt
  readonly button: string
  readonly forAdministrator?: Markup
}

const MESSAGES: Readonly<Record<DeniedReason, DeniedMessage>> = {
  'no-rule-matches': {
    title: 'No access to this desktop',
    but: '. This account is not allowed to use this desktop.',
    advice: 'Ask your administrator for access, or use another account.',
    prompt: 'select_account',
    button: 'Use another account',
  },
  'email-not-verified': {
    title: 'Verify your e-mail address',
    but: ', but the sign-in service has not verified your e-mail address.',
    advice:
      'Verify the address there, usually with a link in a message to you. Then sign in again with the button.',
    prompt: 'login',
    button: 'Sign in again',
    forAdministrator: html`A rule matches this address, but the provider does not send
      <code>email_verified: true</code>. If it verifies addresses and sends no such claim, set
      <code>oidc.emailVerified: assumed</code>.`,
  },
  'groups-omitted': {
    title: 'Your groups are not known',
    but: '. You are in so many groups that the sign-in service does not tell them.',
    advice: 'Show this page to your administrator.',
    prompt: 'select_account',
    button: 'Use another account',
    forAdministrator: html`The token has a link (<code>_claim_names</code>) in place of the groups.
      At Microsoft Entra ID, send only the groups that are assigned to the application, or use
      application roles with <code>oidc.groupsClaim: roles</code>, or set
      <code>oidc.groupsFromGraph: true</code>.`,
  },
}

export function deniedPage(about: {
  readonly who: string
  readonly email?: string | undefined
  readonly requestId: string
  readonly returnTo: string
  /** The person has a session at the gateway that can be signed out. */
  readonly hasSession: boolean
  readonly reason: DeniedReason
}): Page {
  const { who, email, requestId, returnTo, hasSession } = about
  const { title, but, advice, prompt, button, forAdministrator } = MESSAGES[about.reason]
  const address =
    email === undefined || email === who ? undefined : html` (<bdi>${visible(email)}</bdi>)`
  const body = html`<p>You are signed in as ${person(who)}${address}${but}</p>
    <p>${advice}</p>
    ${steps(
      link(startPath(returnTo, prompt), button),
      ...(hasSession ? [quietLink('/oauth2/sign_out', 'Sign out')] : []),
    )}
    ${forAdministrator === undefined ? undefined : administratorNote([forAdministrator])}
    ${requestNote(requestId)}`
  return layOut({ status: 403, title, body })
}
