// The pages people see at the demo's provider: plain HTML without script, one column, light and dark.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const style = readFileSync(new URL('pages.css', import.meta.url), 'utf8')
const styleHash = createHash('sha256').update(style).digest('base64')

/** There is no `form-action`, because Chromium also applies it to the redirects from the login form back to the gateway. */
export const PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

export interface LoginForm {
  readonly username: string
  readonly refused: boolean
}

/** The form posts to the address it was served at. */
export function loginPage({ username, refused }: LoginForm): string {
  const marked = refused ? ' aria-invalid="true" aria-describedby="problem"' : ''
  // If the name is filled in, the password is what is missing or wrong.
  const [nameFocus, passwordFocus] = username === '' ? [' autofocus', ''] : ['', ' autofocus']
  return layout(
    'Sign in',
    `<h1>Sign in</h1>
    <p>The demo’s own OpenID Provider. Its people are listed where the demo runs.</p>
    ${refused ? '<p class="problem" id="problem" role="alert">That user name and password do not match. Try again.</p>' : ''}
    <form method="post">
      <label for="username">User name</label>
      <input id="username" name="username" value="${escapeHtml(username)}" autocomplete="username"
        autocapitalize="none" spellcheck="false" maxlength="100" required${marked}${nameFocus}>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password"
        maxlength="100" required${marked}${passwordFocus}>
      <button>Sign in</button>
    </form>`,
  )
}

/** `form` is the library's own hidden form with the id `op.logoutForm`. */
export function logoutPage(form: string): string {
  return layout(
    'Sign out',
    `<h1>Sign out here, too?</h1>
    <p>You are still signed in at this provider. Until you sign out here, the next visit needs no password.</p>
    ${form}
    <button form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
    <button form="op.logoutForm" class="quiet">Stay signed in</button>`,
  )
}

export function signedOutPage(): string {
  return layout('Signed out', `<h1>Signed out</h1><p>You can close this page.</p>`)
}

/** For a person who returns to a used form, with the back button or by a second click. */
export function finishedPage(application: string): string {
  return layout(
    'Signed in already',
    `<h1>Signed in already</h1>
    <p>This sign-in is finished. There is nothing left to do here.</p>
    <a class="button" href="${escapeHtml(application)}">Continue</a>`,
  )
}

export function errorPage(problem: string): string {
  return layout(
    'Something went wrong',
    `<h1>Something went wrong</h1>
    <p class="problem" role="alert">${escapeHtml(problem)}</p>
    <p>Go back to where you came from and start again.</p>`,
  )
}

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>${title} · Demo provider</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="icon" href="data:,">
  <style>${style}</style>
</head>
<body>
  <main>
    <div class="mark" aria-hidden="true"></div>
    ${body}
  </main>
</body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
