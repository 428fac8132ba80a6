// All pages of the gateway by name, for tests that check the same rules on each page.

import { FAILURES, type FailureKind } from '../../src/messages/failures.ts'
import { deniedPage } from '../../src/pages/denied-page.ts'
import {
  failurePage,
  signedOutHerePage,
  signInPage,
  signOutPage,
  tooManyCookiesPage,
  type Page,
} from '../../src/pages/pages.ts'
import { END_REASONS } from '../../src/session/session.ts'

export const FAILURE_KINDS = Object.keys(FAILURES) as FailureKind[]

const requestId = '7f3kq9xw2m4t'
const returnTo = '/vnc.html?path=websockify&resize=remote'

/** Longer than any real name, and without a place to break the line. */
const LONG_NAME =
  'Bartholomew-Maximilian.von-und-zu-Hohenstaufen-Sigmaringen@a-rather-long-company-name.example'

export const EVERY_PAGE: ReadonlyMap<string, Page> = new Map([
  ['sign-in', signInPage({ returnTo })],
  ...END_REASONS.map((reason): [string, Page] => [
    `sign-in-${reason}`,
    signInPage({ reason, returnTo }),
  ]),
  [
    'sign-in-signed-out-at-both',
    signInPage({ reason: 'signed-out', isSignedOutAtProvider: true, returnTo }),
  ],
  ['sign-out', signOutPage({ who: 'Alice Example' })],
  ['sign-out-nameless', signOutPage({ who: undefined })],
  ['sign-out-long', signOutPage({ who: LONG_NAME })],
  ['signed-out-here', signedOutHerePage()],
  ['too-many-cookies', tooManyCookiesPage()],
  [
    'denied',
    deniedPage({
      who: 'Bob Example',
      email: 'bob@example.com',
      requestId,
      returnTo,
      hasSession: true,
      reason: 'no-rule-matches',
    }),
  ],
  [
    'denied-groups-omitted',
    deniedPage({
      who: 'Bob Example',
      email: 'bob@example.com',
      requestId,
      returnTo,
      hasSession: true,
      reason: 'groups-omitted',
    }),
  ],
  [
    'sign-in-choices',
    signInPage({
      returnTo,
      providers: [
        { name: 'staff', label: 'Example Corporation', isLast: true },
        { name: 'entra', label: 'Microsoft', isLast: false },
        { name: 'long', label: LONG_NAME, isLast: false },
      ],
    }),
  ],
  [
    'denied-unverified',
    deniedPage({
      who: 'Bob Example',
      email: 'bob@example.com',
      requestId,
      returnTo,
      hasSession: false,
      reason: 'email-not-verified',
    }),
  ],
  [
    'denied-long',
    deniedPage({
      who: LONG_NAME,
      email: LONG_NAME.toLowerCase(),
      requestId,
      returnTo,
      hasSession: true,
      reason: 'no-rule-matches',
    }),
  ],
  [
    'denied-hebrew',
    deniedPage({
      who: 'רות כהן',
      email: 'ruth@example.com',
      requestId,
      returnTo,
      hasSession: true,
      reason: 'no-rule-matches',
    }),
  ],
  ...FAILURE_KINDS.map((kind): [string, Page] => [
    `failure-${kind}`,
    failurePage({ kind, requestId, returnTo }),
  ]),
  [
    'failure-login-limit-wait',
    failurePage({ kind: 'login-limit', requestId, retryAfter: 42, returnTo }),
  ],
])
