// Messages for a sign-in that failed.

import { html } from 'hono/html'
import type { FailureMessage } from './failure-message.ts'

export type LoginFailure =
  | 'provider-declined'
  | 'provider-needs-you'
  | 'other-organisation'
  | 'step-up-failed'
  | 'provider-error'
  | 'provider-unreachable'
  | 'provider-misconfigured'
  | 'provider-starting'
  | 'clock'
  | 'login-cookie-missing'
  | 'login-expired'
  | 'login-used'
  | 'login-invalid'
  | 'login-loop'
  | 'login-limit'

export const LOGIN_FAILURES: Readonly<Record<LoginFailure, FailureMessage>> = {
  'provider-declined': {
    status: 403,
    title: 'The sign-in was declined',
    text: [
      'The sign-in service did not let you in. Perhaps the sign-in was cancelled, or your account is not allowed to use this service.',
      'Try again. If it happens again, ask your administrator.',
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-needs-you': {
    status: 403,
    title: 'One more step is needed',
    text: [
      'The sign-in service needs something from you first: your password, a choice of account or your consent.',
      'Continue there. You then return to this site.',
    ],
    next: 'reauthenticate',
    button: 'Continue',
  },
  'other-organisation': {
    status: 403,
    title: 'This account belongs to another organisation',
    text: [
      'Only accounts of one organisation may use this desktop, and the account that you chose is not one of them.',
      'Sign in with the account of your work or school.',
    ],
    forAdministrator: [
      html`The claim <code>hd</code> of the ID token is not the organisation in
        <code>oidc.authorizationParams.hd</code>.`,
    ],
    next: 'choose-account',
    button: 'Use another account',
  },
  'step-up-failed': {
    status: 403,
    title: 'A stronger sign-in is needed',
    text: [
      'This desktop needs a stronger or a newer sign-in than the sign-in service confirmed, such as one with a security key, or one from just now.',
      'Try again, and choose the stronger way if the sign-in service offers several. If it offers none, ask your administrator.',
    ],
    forAdministrator: [
      html`The ID token does not meet <code>require</code> of the rule: compare its claims
        <code>acr</code> and <code>auth_time</code> with the rule.`,
      html`The gateway asked with <code>acr_values</code> and <code>max_age</code>. The provider
        must know these values for this client.`,
    ],
    next: 'step-up',
    button: 'Try again',
  },
  'provider-error': {
    status: 502,
    title: 'The sign-in service has a problem',
    text: [
      'The sign-in service reported an internal error. Such errors often last only a few minutes.',
      'Try again. If it happens again, tell your administrator.',
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-unreachable': {
    status: 503,
    title: 'The sign-in service cannot be reached',
    text: [
      'The sign-in service did not answer in time. Nobody can sign in until it answers again.',
    ],
    retry: 'manual',
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-misconfigured': {
    status: 502,
    title: 'Signing in is not set up correctly',
    text: [
      'The sign-in service did not accept this gateway. Trying again does not help: an administrator must correct the configuration.',
      'Please give your administrator the request ID below.',
    ],
    forAdministrator: [
      html`Compare the client ID, the client secret, the redirect address and the scopes with the
      client’s registration at the provider. The log entry with this request ID has the provider’s
      error.`,
      html`If the error is <code>invalid_client</code> although identifier and secret are right, the
        provider may not decode HTTP Basic credentials: set <code>GATEWAY_OIDC_CLIENT_AUTH</code> to
        <code>client_secret_post</code>.`,
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-starting': {
    status: 503,
    title: 'Signing in is not ready yet',
    text: ['The gateway has just started and is still waiting for the sign-in service to answer.'],
    retry: 'manual',
    next: 'sign-in',
    button: 'Try again',
  },
  clock: {
    status: 502,
    title: 'The clocks of the servers differ',
    text: [
      'The clocks of the sign-in service and of this gateway differ too much, so the gateway cannot verify the sign-in.',
      'An administrator must correct the clocks. The clock of your own device does not matter.',
    ],
    forAdministrator: [
      html`Check that the machines of the provider and of the gateway synchronise their clocks
      (NTP). A difference of a minute is too much.`,
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'login-cookie-missing': {
    status: 400,
    title: 'The sign-in could not be finished',
    text: ['The cookie of this sign-in is missing. Possible causes:'],
    causes: [
      'Cookies are blocked. Allow them for this site.',
      'The sign-in started at another address, or in another browser. Start at the address that your administrator gave you.',
      'You use Safari at an address that begins with http:// instead of https://. Use another browser there.',
      'This page was already used, for example with the back button. Sign in again.',
    ],
    next: 'sign-in',
    button: 'Sign in again',
  },
  'login-expired': {
    status: 400,
    title: 'The sign-in took too long',
    text: [
      'For your safety, a sign-in must be completed within ten minutes, and this one started earlier. Perhaps its page was open for a while, or you came here with a bookmark.',
      'Please start again.',
    ],
    next: 'sign-in',
    button: 'Sign in again',
  },
  'login-used': {
    status: 400,
    title: 'This sign-in is already complete',
    text: [
      'Each sign-in works only once. You probably came back here with a bookmark, the back button or a second click.',
      'Go to the desktop. If you need to sign in again, you will be asked to.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'login-invalid': {
    status: 400,
    title: 'The sign-in could not be verified',
    text: [
      'The answer of the sign-in service did not match the request of this gateway, so you were not signed in.',
      'Please start again. If it happens again, tell your administrator.',
    ],
    next: 'sign-in',
    button: 'Sign in again',
  },
  'login-loop': {
    status: 500,
    title: 'The sign-in does not last',
    text: [
      'You signed in three times within a minute, and each time your browser came back without a session. The gateway stopped here, so that this does not repeat forever.',
      'Check that cookies are allowed for this site, then try once more. If that does not help, tell your administrator.',
    ],
    forAdministrator: [
      html`With the memory store, replicas do not know each other’s sessions. Use a shared store
      (<code>GATEWAY_SESSION_STORE</code>).`,
      html`Replicas with different session secrets cannot read each other’s sessions
      (<code>GATEWAY_SESSION_SECRET</code>).`,
      html`A proxy in front may remove the <code>Cookie</code> or <code>Set-Cookie</code> header.`,
      html`People may use another address than <code>GATEWAY_PUBLIC_URL</code>.`,
    ],
    next: 'sign-in',
    button: 'Try once more',
  },
  'login-limit': {
    status: 429,
    title: 'Too many sign-ins',
    text: [
      'Many sign-ins were started from your network in a short time, so new ones have to wait.',
    ],
    retry: 'manual',
    next: 'sign-in',
    button: 'Try again',
  },
}
