// The gateway's own pages. Each one says what happened and what to do next, and has one main button. Hono's `html` escapes
// all values from outside. A path to return to appears only as a query parameter.

import { html } from 'hono/html'
import type { EndReason } from '../session/session.ts'
import { AFTER_SESSION, AFTER_SIGN_OUT_AT_BOTH, type Message } from '../messages/end-reasons.ts'
import type { FailureMessage, NextStep } from '../messages/failure-message.ts'
import { FAILURES, type FailureKind } from '../messages/failures.ts'
import { layOut, type Page } from './page-layout.ts'
import {
  administratorNote,
  inWords,
  link,
  list,
  person,
  quietLink,
  requestNote,
  startPath,
  steps,
  visible,
  type Prompt,
} from './page-parts.ts'
import { REMOVE_COOKIES_SCRIPT } from './remove-cookies-script.ts'
import { WAITING_SCRIPT } from './waiting-script.ts'

export type { FailureKind } from '../messages/failures.ts'
export type { Page } from './page-layout.ts'

const SIGN_IN: Message = {
  title: 'Sign in to your desktop',
  text: 'The sign-in page of your organisation comes next. From there you go straight to your desktop.',
  button: 'Sign in',
}

/** A provider on the sign-in page. */
export interface ProviderChoice {
  readonly name: string
  readonly label: string
  /** This browser used it last. */
  readonly isLast: boolean
}

export function signInPage(about: {
  readonly reason?: EndReason | undefined
  /** The sign-out ended the session at the provider too. */
  readonly isSignedOutAtProvider?: boolean
  readonly returnTo: string
  /** What to ask of the provider. */
  readonly prompt?: Prompt | undefined
  /** The providers to choose from; none if there is only one. */
  readonly providers?: readonly ProviderChoice[]
}): Page {
  const { returnTo, prompt, providers = [] } = about
  const { title, text, button } = messageFor(about.reason, about.isSignedOutAtProvider === true)
  if (providers.length === 0) {
    const body = html`<p>${text}</p>
      ${steps(link(startPath(returnTo, prompt), button))}`
    return layOut({ status: 200, title, body })
  }
  const body = html`<p>${about.reason === undefined ? CHOOSE : text}</p>
    <ul class="choices">
      ${providers.map(
        ({ name, label, isLast }) =>
          html`<li>
            <a class="button" href="${startPath(returnTo, prompt, name)}"
              >Sign in with <bdi>${visible(label)}</bdi></a
            >${isLast ? html`<span class="hint">You used this last time.</span>` : undefined}
          </li>`,
      )}
    </ul>`
  return layOut({ status: 200, title, body })
}

const CHOOSE = 'Choose the account that you use for this desktop. From there you go straight to it.'

/** Another tab of this browser has signed in meanwhile, or the address was a bookmark. */
export function alreadySignedInPage(to: string): Page {
  const body = html`<p>You have a session in this browser. There is no need to sign in again.</p>
    ${steps(link(to, 'Go to the desktop'))}`
  return layOut({ status: 200, title: 'You are already signed in', body })
}

/** Another site's link leads to a sign-in while a session is live. */
export function signInAgainPage(to: string): Page {
  const body = html`<p>
      Another site sent you here to sign in, but you are signed in already. A new sign-in ends your
      session and closes your desktop in every window of this browser.
    </p>
    ${steps(link(to, 'Go to the desktop'), quietLink(startPath(to), 'Sign in again'))}`
  return layOut({ status: 200, title: 'Sign in again?', body })
}

function messageFor(reason: EndReason | undefined, isSignedOutAtProvider: boolean): Message {
  if (reason === undefined) return SIGN_IN
  return reason === 'signed-out' && isSignedOutAtProvider
    ? AFTER_SIGN_OUT_AT_BOTH
    : AFTER_SESSION[reason]
}

export function signOutPage({ who }: { readonly who: string | undefined }): Page {
  const body = html`<p>
      ${who === undefined ? undefined : html`You are signed in as ${person(who)}. `}Signing out
      closes your desktop in every window of this browser.
    </p>
    <form method="post" action="/oauth2/sign_out">
      ${steps(html`<button class="button">Sign out</button>`, quietLink('/', 'Back to the desktop'))}
    </form>`
  return layOut({ status: 200, title: 'Sign out?', body, hasForm: true })
}

/** After a sign-out when the provider has no endpoint that would end its own session. */
export function signedOutHerePage(): Page {
  const body = html`<p>
      Your desktop is closed. But this gateway cannot sign you out of the sign-in service, so the
      next person who uses this browser may get in without a password.
    </p>
    <p>
      If others use this computer, sign out at the sign-in service too, or close all windows of this
      browser.
    </p>
    ${steps(link('/oauth2/start', 'Sign in again'))}`
  return layOut({ status: 200, title: 'You are signed out here', body })
}

export function failurePage(about: {
  readonly kind: FailureKind
  readonly requestId: string
  /** Seconds. */
  readonly retryAfter?: number | undefined
  readonly returnTo?: string | undefined
}): Page {
  const { kind, requestId, retryAfter, returnTo = '/' } = about
  const failure: FailureMessage = FAILURES[kind]
  const { status, title, text, causes, forAdministrator } = failure
  // At least 10 s, so that a screen reader can read the page to its end.
  const interval = Math.max(retryAfter ?? 0, 10)
  const reloadsAfter = failure.retry === 'reload' ? interval : undefined
  const script =
    failure.retry === 'when-desktop-up'
      ? { text: WAITING_SCRIPT, withoutReloadsAfter: interval }
      : undefined
  const body = html`${text.map((paragraph) => html`<p>${paragraph}</p>`)}
  ${causes === undefined ? undefined : list(causes)}
  ${reloadsAfter === undefined ? undefined : html`<p class="waits">This page tries again every ${inWords(reloadsAfter)}.</p>`}
  ${
    script === undefined
      ? undefined
      : html`<p class="waits">Your desktop opens here as soon as it answers.</p>`
  }
  ${failure.retry === 'manual' ? html`<p>Try again ${retryAfter === undefined ? 'in a moment' : `in ${inWords(retryAfter)}`}.</p>` : undefined}
  ${steps(link(pathOf(failure.next, returnTo), failure.button))}
  ${forAdministrator === undefined ? undefined : administratorNote(forAdministrator)}
  ${requestNote(requestId)}`
  return layOut({ status, title, body, retryAfter, reloadsAfter, script })
}

/**
 * For a browser that sends more in headers than the gateway reads. Nothing is known of such a request, so the page is the same
 * for everybody. Not `Clear-Site-Data: "cookies"`: it would remove the cookies of all hosts of the organisation's domain
 * (W3C Clear Site Data, "Clear cookies for origin"), and so anybody who fills the cookie jar could sign people out everywhere.
 */
export function tooManyCookiesPage(): Page {
  const body = html`<p>
      Your browser keeps more cookies for this address than the gateway reads. Other applications,
      or a page on the desktop, have set them.
    </p>
    <p>
      Remove them to continue. You stay signed in to the desktop, but other applications of your
      organisation may ask you to sign in again.
    </p>
    ${steps(html`<button class="button" type="button">Remove these cookies</button>`)}
    <p class="small">
      If this page stays, delete the cookies of this site in the settings of your browser.
    </p>
    ${administratorNote([
      html`The headers of the request are larger than 16 KiB. Give the desktop a host name for which
      other applications set no cookies.`,
    ])}`
  return layOut({
    status: 431,
    title: 'Too many cookies',
    body,
    script: { text: REMOVE_COOKIES_SCRIPT },
  })
}

function pathOf(next: NextStep, returnTo: string): string {
  switch (next) {
    case 'sign-in':
      return startPath(returnTo)
    case 'reauthenticate':
      return startPath(returnTo, 'login')
    case 'step-up':
      return `/oauth2/start?${new URLSearchParams({ step_up: '1', rd: returnTo }).toString()}`
    case 'choose-account':
      return startPath(returnTo, 'select_account')
    case 'reload':
      // An empty reference is the address of the current page.
      return ''
    case 'desktop':
      return '/'
  }
}
