// Messages for a request that the gateway itself cannot or does not answer.

import type { FailureMessage } from './failure-message.ts'

export type RequestFailure =
  | 'store-unavailable'
  | 'not-found'
  | 'method-not-allowed'
  | 'bad-request'
  | 'too-large'
  | 'cross-site'
  | 'internal'

export const REQUEST_FAILURES: Readonly<Record<RequestFailure, FailureMessage>> = {
  'store-unavailable': {
    status: 503,
    title: 'One moment, please',
    text: [
      'The gateway cannot look up your session at the moment. You are not signed out, and a desktop that is open stays open.',
    ],
    retry: 'reload',
    next: 'reload',
    button: 'Try now',
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
    title: 'This is not possible here',
    text: ['This address exists, but it cannot be used in this way. Nothing was changed.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'bad-request': {
    status: 400,
    title: 'The request could not be understood',
    text: ['The address, or the data sent with it, is damaged. Nothing was changed.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'too-large': {
    status: 413,
    title: 'The request is too large',
    text: ['The data sent to this address is larger than it accepts. Nothing was changed.'],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  'cross-site': {
    status: 403,
    title: 'This request came from another site',
    text: [
      'A page on another site tried to do something here in your name. For your safety, nothing was done.',
      'If you wanted this, go to the desktop and do it from there.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
  internal: {
    status: 500,
    title: 'Something went wrong',
    text: [
      'This is a fault in the gateway, not something you did.',
      'Go back to the desktop and try again. If it happens again, give your administrator the request ID below.',
    ],
    next: 'desktop',
    button: 'Go to the desktop',
  },
}
