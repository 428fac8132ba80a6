// What went wrong, in words for the person in front of it: what happened, what to do next, and where only an
// administrator can help, where to look. All texts stand in this one table.

import { html } from 'hono/html'
import type { Markup } from './page-layout.ts'

export type FailureKind =
  | 'provider-declined'
  | 'provider-needs-you'
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
  | 'store-unavailable'
  | 'desktop-unreachable'
  | 'route-unreachable'
  | 'desktop-refused'
  | 'desktop-busy'
  | 'desktop-broken'
  | 'owner-only'
  | 'downloads-denied'
  | 'route-denied'
  | 'not-found'
  | 'method-not-allowed'
  | 'bad-request'
  | 'too-large'
  | 'cross-site'
  | 'internal'

/** Where the button leads: a new sign-in, one that asks for everything again, this very address, the desktop. */
export type NextStep = 'sign-in' | 'sign-in-afresh' | 'reload' | 'desktop'

export interface Failure {
  readonly status: number
  readonly title: string
  /** Paragraphs. */
  readonly text: readonly string[]
  /** What it can have been, likeliest first. */
  readonly causes?: readonly string[]
  /** For whoever runs the gateway. */
  readonly forAdministrator?: readonly Markup[]
  /**
   * Time alone may mend it: the page says when to try again, or does so by itself (only ever at its own address), at
   * intervals or as soon as the desktop is there.
   */
  readonly passes?: 'later' | 'by-itself' | 'with-the-desktop'
  readonly next: NextStep
  readonly button: string
}

export const FAILURES: Readonly<Record<FailureKind, Failure>> = {
  'provider-declined': {
    status: 403,
    title: 'The sign-in was declined',
    text: [
      'The sign-in service did not let you in. Perhaps the sign-in was cancelled, or your account is not allowed to use this service.',
      'Try again. If the same happens, ask your administrator.',
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-needs-you': {
    status: 403,
    title: 'One more step is needed',
    text: [
      'The sign-in service wants to ask you something first: for your password, an account or your consent.',
      'Continue there, and you come back here.',
    ],
    next: 'sign-in-afresh',
    button: 'Continue',
  },
  'provider-error': {
    status: 502,
    title: 'The sign-in service has a problem',
    text: [
      'It reported an error of its own. This often passes within minutes.',
      'Try again. If it goes on, tell your administrator.',
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-unreachable': {
    status: 503,
    title: 'The sign-in service cannot be reached',
    text: ['It did not answer in time. Nobody can sign in until it does.'],
    passes: 'later',
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-misconfigured': {
    status: 502,
    title: 'Signing in is not set up correctly',
    text: [
      'The sign-in service did not accept this gateway. Trying again will not help: an administrator must put it right.',
      'Please pass on the request ID below.',
    ],
    forAdministrator: [
      html`Compare the client ID, the client secret, the redirect address and the scopes with what
      the provider has on record. The log entry with this request ID names the provider’s error.`,
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'provider-starting': {
    status: 503,
    title: 'Signing in is not ready yet',
    text: ['The gateway has just started and is still waiting for the sign-in service to answer.'],
    passes: 'later',
    next: 'sign-in',
    button: 'Try again',
  },
  clock: {
    status: 502,
    title: 'Two clocks disagree',
    text: [
      'The clocks of the sign-in service and of this gateway are too far apart, so the sign-in could not be trusted.',
      'An administrator must put it right. Your own clock does not matter.',
    ],
    forAdministrator: [
      html`Check that the machines of the provider and of the gateway keep time (NTP). A minute
      apart is too much.`,
    ],
    next: 'sign-in',
    button: 'Try again',
  },
  'login-cookie-missing': {
    status: 400,
    title: 'The sign-in could not be finished',
    text: ['The cookie that this sign-in began with is missing. That happens when:'],
    causes: [
      'Cookies are blocked. Allow them for this site.',
      'The sign-in began at another address, or in another browser. Start at the address your administrator gave you.',
      'You use Safari at an address that begins with http:// instead of https://. Use another browser there.',
      'This page was used before, for example by the back button. Just sign in again.',
    ],
    next: 'sign-in',
    button: 'Sign in again',
  },
  'login-expired': {
    status: 400,
    title: 'The sign-in took too long',
    text: [
      'For your safety a sign-in must be finished within ten minutes, and this one began longer ago. Perhaps its page was left open for a while, or you came here by a bookmark.',
      'Please start it again.',
    ],
    next: 'sign-in',
    button: 'Sign in again',
  },
  'login-used': {
    status: 400,
    title: 'This sign-in is already complete',
    text: [
      'Each sign-in works once. You probably came back here by a bookmark, the back button or a second click.',
      'Go to the desktop. If you need to sign in again, you will be asked to.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'login-invalid': {
    status: 400,
    title: 'The sign-in could not be verified',
    text: [
      'What came back from the sign-in service did not match what this gateway had asked for, so nobody was signed in.',
      'Please start again. If the same happens, tell your administrator.',
    ],
    next: 'sign-in',
    button: 'Sign in again',
  },
  'login-loop': {
    status: 500,
    title: 'The sign-in does not last',
    text: [
      'You signed in three times within a minute, and each time your browser came back without a session. We stopped here, so that it does not go on forever.',
      'Check that cookies are allowed for this site, then try once more. If that does not help, an administrator must look at it.',
    ],
    forAdministrator: [
      html`Several replicas with the memory store do not know each other’s sessions. Give them a
      store they share (<code>GATEWAY_SESSION_STORE</code>).`,
      html`Replicas with different session secrets cannot read each other’s sessions
      (<code>GATEWAY_SESSION_SECRET</code>).`,
      html`A proxy in front may remove the <code>Cookie</code> or <code>Set-Cookie</code> header.`,
      html`The address people use may not be <code>GATEWAY_PUBLIC_URL</code>.`,
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
    passes: 'later',
    next: 'sign-in',
    button: 'Try again',
  },
  'store-unavailable': {
    status: 503,
    title: 'One moment, please',
    text: [
      'The gateway cannot look up your session just now. You are not signed out, and a desktop that is open stays open.',
    ],
    passes: 'by-itself',
    next: 'reload',
    button: 'Try now',
  },
  'desktop-unreachable': {
    status: 503,
    title: 'Your desktop is not answering yet',
    text: [
      'You are signed in. The desktop may still be starting. If it is not there after a few minutes, tell your administrator.',
    ],
    passes: 'with-the-desktop',
    next: 'reload',
    button: 'Try now',
  },
  'route-unreachable': {
    status: 503,
    title: 'This part of the desktop is not answering',
    text: ['You are signed in, and the desktop itself may well be there.'],
    passes: 'by-itself',
    next: 'reload',
    button: 'Try now',
  },
  'desktop-refused': {
    status: 502,
    title: 'The desktop turned the gateway away',
    text: [
      'You are signed in, and your account is in order. But the desktop does not accept the password that the gateway uses, and an administrator must put that right.',
    ],
    forAdministrator: [
      html`Compare <code>GATEWAY_DESKTOP_USERNAME</code> and
        <code>GATEWAY_DESKTOP_PASSWORD</code> with the desktop’s own user and password. People who
        may only watch, and owners, have a pair of settings each.`,
    ],
    next: 'reload',
    button: 'Try again',
  },
  'desktop-busy': {
    status: 503,
    title: 'Your desktop is busy',
    text: [
      'You are signed in. More requests are waiting for the desktop than it can take at once.',
    ],
    passes: 'by-itself',
    next: 'reload',
    button: 'Try now',
  },
  'desktop-broken': {
    status: 502,
    title: 'The desktop gave a strange answer',
    text: [
      'You are signed in, but what the desktop sent could not be understood.',
      'Try again. If the same happens, tell your administrator.',
    ],
    forAdministrator: [
      html`Check that <code>GATEWAY_DESKTOP_URL</code> leads to the desktop (http or https, host and
        port) and that <code>GATEWAY_DESKTOP_KIND</code> names what runs there.`,
    ],
    next: 'reload',
    button: 'Try again',
  },
  'owner-only': {
    status: 403,
    title: 'That is for the owner of this desktop',
    text: [
      'You may use the desktop, but not what it offers to programs: only a person with the role of owner may.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'downloads-denied': {
    status: 403,
    title: 'Files of this desktop are closed to you',
    text: [
      'You may use the desktop, but not take files from it. If you need one, ask your administrator.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'route-denied': {
    status: 403,
    title: 'This part of the desktop is closed to you',
    text: [
      'You may use the desktop, but not what is at this address. If you need it, ask your administrator.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'not-found': {
    status: 404,
    title: 'There is no such page',
    text: ['The address may be mistyped or out of date.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'method-not-allowed': {
    status: 405,
    title: 'That does not work here',
    text: ['This address exists, but it cannot be used in this way. Nothing was changed.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'bad-request': {
    status: 400,
    title: 'The request could not be understood',
    text: ['The address or what was sent with it is damaged. Nothing was changed.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'too-large': {
    status: 413,
    title: 'That is too much at once',
    text: ['What was sent is larger than this address takes. Nothing was changed.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'cross-site': {
    status: 403,
    title: 'This came from another site',
    text: [
      'A page elsewhere tried to do something here in your name. For your safety, nothing was done.',
      'If it was you who wanted it, go to the desktop and do it from there.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  internal: {
    status: 500,
    title: 'Something went wrong',
    text: [
      'This is a fault in the gateway, not something you did.',
      'Go back to the desktop and try again. If the same happens, pass the request ID below on to your administrator.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
}
