// What is said to a person whose session or connection ended: on the sign-in page, and over the desktop by the panel.

import type { EndReason } from '../session/session.ts'

export interface Words {
  readonly title: string
  readonly text: string
  readonly button: string
}

/** By the reason that a Close, a tombstone and `sign_in?reason=` carry. */
export const AFTER_SESSION: Readonly<Record<EndReason, Words>> = {
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
    text: 'The sign-in service was out of reach for too long to confirm your session. Sign in again to return to your desktop. If that does not work yet, wait a few minutes.',
    button: 'Sign in again',
  },
  'store-lost': {
    title: 'Your session has ended',
    text: 'A fault in the gateway lasted too long to keep your session open. Sign in again to return to your desktop.',
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

/** Where the provider has ended its own session with the sign-out. */
export const AFTER_SIGN_OUT_AT_BOTH: Words = {
  title: 'You are signed out',
  text: 'Your desktop is closed in this browser, and the sign-in service has signed you out too. You can close this page, or sign in again.',
  button: 'Sign in again',
}

/** For an end whose reason nobody knows any more. */
export const AFTER_UNKNOWN_END: Words = {
  title: 'Please sign in again',
  text: 'Your session is no longer known here. Sign in again to return to your desktop.',
  button: 'Sign in again',
}

/** For a page whose session ended while this browser has begun another one: a new sign-in would end that. */
export const AFTER_NEW_SIGN_IN: Words = {
  title: 'You have signed in anew',
  text: 'This page belonged to an earlier session of yours, which has ended. Your desktop is one click away.',
  button: 'Go to the desktop',
}

/** What became of the connection alone: the session goes on. The first four come back by themselves. */
export type ConnectionEnd =
  | 'draining'
  | 'lost'
  | 'desktop-gone'
  | 'desktop-refused'
  | 'protocol-error'
  | 'not-opened'

export const AFTER_CONNECTION: Readonly<Record<ConnectionEnd, Words>> = {
  draining: {
    title: 'One moment, please',
    text: 'The gateway is changing over. Your desktop goes on, and you are back in a moment.',
    button: 'Try now',
  },
  lost: {
    title: 'The connection was lost',
    text: 'Your desktop goes on without you. As soon as the gateway can be reached again, you are back; check that this device is online.',
    button: 'Try now',
  },
  'desktop-gone': {
    title: 'Your desktop has stopped',
    text: 'You are still signed in. The desktop may be restarting. As soon as it is there again, you are back.',
    button: 'Try now',
  },
  'desktop-refused': {
    title: 'The desktop turned the gateway away',
    text: 'You are still signed in, and your account is in order. But the desktop does not accept the password that the gateway uses, and an administrator must put that right.',
    button: 'Try now',
  },
  'protocol-error': {
    title: 'The connection was closed',
    text: 'Something that this page sent could not be understood, so the gateway closed the connection. Connect again. If the same happens, tell your administrator.',
    button: 'Connect again',
  },
  'not-opened': {
    title: 'Your desktop could not be opened',
    text: 'The page is there, but the connection to the desktop was refused. Try again. If the same happens, tell your administrator.',
    button: 'Try again',
  },
}
