// Messages for a person whose session or connection ended. The sign-in page and the panel on the desktop show them.

import type { EndReason } from '../session/session.ts'

export interface Message {
  readonly title: string
  readonly text: string
  readonly button: string
}

/** By end reason, as in Close frames, tombstones and `sign_in?reason=`. */
export const AFTER_SESSION: Readonly<Record<EndReason, Message>> = {
  'signed-out': {
    title: 'You are signed out',
    text: 'Your desktop is closed in this browser. You can close this page, or sign in again.',
    button: 'Sign in again',
  },
  'provider-logout': {
    title: 'You are signed out',
    text: 'Your session at the sign-in service has ended, so your desktop was closed here too.',
    button: 'Sign in again',
  },
  revoked: {
    title: 'Your session was ended',
    text: 'An administrator ended it. You can sign in again; if that does not work, ask the administrator.',
    button: 'Sign in again',
  },
  expired: {
    title: 'Your session has ended',
    text: 'A session lasts for a limited time, and this one has reached its end. Sign in again to return to your desktop.',
    button: 'Sign in again',
  },
  idle: {
    title: 'Welcome back',
    text: 'There was no input for a while, so your session was ended to protect your desktop. Sign in again to return to it.',
    button: 'Sign in again',
  },
  'refresh-refused': {
    title: 'Please sign in again',
    text: 'The sign-in service no longer confirms your session. This can happen after a change to your account, such as a new password.',
    button: 'Sign in again',
  },
  'provider-lost': {
    title: 'Your session has ended',
    text: 'The sign-in service could not be reached for a long time, so your session could not be confirmed. Sign in again to return to your desktop. If that does not work yet, wait a few minutes.',
    button: 'Sign in again',
  },
  'store-lost': {
    title: 'Your session has ended',
    text: 'The gateway had a fault that lasted too long, so your session could not be kept open. Sign in again to return to your desktop.',
    button: 'Sign in again',
  },
  'access-withdrawn': {
    title: 'Your access has ended',
    text: 'Your account may no longer use this desktop, so it was closed. If you think this is a mistake, ask your administrator, then sign in again.',
    button: 'Sign in again',
  },
  superseded: {
    title: 'Your session was replaced',
    text: 'You have signed in at more places than are allowed at once, so your oldest session was ended. Sign in again to return to your desktop here. If you did not sign in elsewhere, tell your administrator.',
    button: 'Sign in again',
  },
}

/** After a sign-out that ended the session at the provider too. */
export const AFTER_SIGN_OUT_AT_BOTH: Message = {
  title: 'You are signed out',
  text: 'Your desktop is closed in this browser, and the sign-in service has signed you out too. You can close this page, or sign in again.',
  button: 'Sign in again',
}

/** After an end whose reason is unknown, for example because its tombstone has expired. */
export const AFTER_UNKNOWN_END: Message = {
  title: 'Please sign in again',
  text: 'Your session is no longer known here. Sign in again to return to your desktop.',
  button: 'Sign in again',
}

/** For a page of an ended session when the browser already has a new session. Another sign-in would end the new one. */
export const AFTER_NEW_SIGN_IN: Message = {
  title: 'You have signed in again',
  text: 'This page belongs to an earlier session, which has ended. Open the desktop in your new session.',
  button: 'Go to the desktop',
}

/** How a connection ended while the session continues. After the first four, the panel reconnects by itself. */
export type ConnectionEnd =
  | 'draining'
  | 'lost'
  | 'desktop-gone'
  | 'desktop-refused'
  | 'protocol-error'
  | 'not-opened'

export const AFTER_CONNECTION: Readonly<Record<ConnectionEnd, Message>> = {
  draining: {
    title: 'One moment, please',
    text: 'The gateway is being restarted or replaced. Your desktop keeps running, and you are reconnected in a moment.',
    button: 'Try now',
  },
  lost: {
    title: 'The connection was lost',
    text: 'Your desktop keeps running. You are reconnected as soon as the gateway can be reached again. Check that this device is online.',
    button: 'Try now',
  },
  'desktop-gone': {
    title: 'Your desktop has stopped',
    text: 'You are still signed in. The desktop may be restarting. You are reconnected as soon as it answers again.',
    button: 'Try now',
  },
  'desktop-refused': {
    title: 'The desktop does not accept the gateway',
    text: 'You are still signed in, and your account is in order. But the desktop does not accept the password that the gateway uses. An administrator must correct it.',
    button: 'Try now',
  },
  'protocol-error': {
    title: 'The connection was closed',
    text: 'The gateway could not understand something that this page sent, so it closed the connection. Connect again. If it happens again, tell your administrator.',
    button: 'Connect again',
  },
  'not-opened': {
    title: 'Your desktop could not be opened',
    text: 'The page was loaded, but the connection to the desktop was refused. Try again. If it happens again, tell your administrator.',
    button: 'Try again',
  },
}
