// The parts of an error page's message.

import type { html } from 'hono/html'

/**
 * Where the button leads: to a new sign-in, to one that asks for the password again or for another account, to one that meets the rules, to the same
 * address, or to the desktop.
 */
export type NextStep =
  | 'sign-in'
  | 'reauthenticate'
  | 'choose-account'
  | 'step-up'
  | 'reload'
  | 'desktop'

/**
 * How the page retries when time alone may help. `manual`: it tells when to try again. `reload`: it reloads itself at
 * intervals. `when-desktop-up`: a script reloads it as soon as the desktop answers.
 */
export type Retry = 'manual' | 'reload' | 'when-desktop-up'

export interface FailureMessage {
  readonly status: number
  readonly title: string
  /** Paragraphs: what happened, and what to do next. */
  readonly text: readonly string[]
  /** Possible causes, most likely first. */
  readonly causes?: readonly string[]
  /** Where an administrator should look. Shown to everybody, so it contains no secrets. */
  readonly forAdministrator?: readonly ReturnType<typeof html>[]
  /** Undefined: waiting does not help. */
  readonly retry?: Retry
  readonly next: NextStep
  readonly button: string
}
