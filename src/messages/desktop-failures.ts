// Messages for a person who is signed in, but who cannot reach the desktop or a part of it.

import { html } from 'hono/html'
import type { FailureMessage } from './failure-message.ts'

export type DesktopFailure =
  | 'desktop-unreachable'
  | 'route-unreachable'
  | 'desktop-refused'
  | 'desktop-busy'
  | 'desktop-broken'
  | 'owner-only'
  | 'downloads-denied'
  | 'route-denied'

export const DESKTOP_FAILURES: Readonly<Record<DesktopFailure, FailureMessage>> = {
  'desktop-unreachable': {
    status: 503,
    title: 'Your desktop is not answering yet',
    text: [
      'You are signed in. The desktop may still be starting. If it does not open within a few minutes, tell your administrator.',
    ],
    retry: 'when-desktop-up',
    next: 'reload',
    button: 'Try now',
  },
  'route-unreachable': {
    status: 503,
    title: 'This part of the desktop is not answering',
    text: ['You are signed in, and the desktop itself may still work.'],
    retry: 'reload',
    next: 'reload',
    button: 'Try now',
  },
  'desktop-refused': {
    status: 502,
    title: 'The desktop does not accept the gateway',
    text: [
      'You are signed in, and your account is in order. But the desktop does not accept the password that the gateway uses. An administrator must correct it.',
    ],
    forAdministrator: [
      html`Compare <code>GATEWAY_DESKTOP_USERNAME</code> and
        <code>GATEWAY_DESKTOP_PASSWORD</code> with the desktop’s own user and password. The settings
        for the roles view and owner begin with <code>GATEWAY_DESKTOP_VIEWER_</code> and
        <code>GATEWAY_DESKTOP_OWNER_</code>.`,
    ],
    next: 'reload',
    button: 'Try again',
  },
  'desktop-busy': {
    status: 503,
    title: 'Your desktop is busy',
    text: ['You are signed in. Too many requests are waiting for the desktop at the moment.'],
    retry: 'reload',
    next: 'reload',
    button: 'Try now',
  },
  'desktop-broken': {
    status: 502,
    title: 'The desktop sent an invalid answer',
    text: [
      'You are signed in, but the gateway could not understand the desktop’s answer.',
      'Try again. If it happens again, tell your administrator.',
    ],
    forAdministrator: [
      html`Check that <code>GATEWAY_DESKTOP_URL</code> is the address of the desktop (http or https,
        host and port) and that <code>GATEWAY_DESKTOP_KIND</code> names the kind of server that runs
        there.`,
    ],
    next: 'reload',
    button: 'Try again',
  },
  'owner-only': {
    status: 403,
    title: 'Only the owner of this desktop may do this',
    text: [
      'You may use the desktop, but not its interface for programs (API). That needs the role of owner.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'downloads-denied': {
    status: 403,
    title: 'You may not download files',
    text: [
      'You may use the desktop, but not download files from it. If you need a file, ask your administrator.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'route-denied': {
    status: 403,
    title: 'You may not use this part of the desktop',
    text: [
      'You may use the desktop, but not what is at this address. If you need it, ask your administrator.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
}
