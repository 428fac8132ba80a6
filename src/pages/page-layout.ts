// The document around every page of ours, and the headers it goes out with: no script but the one that waits for the
// desktop, nothing that another site could frame or read (CSP Level 3, https://www.w3.org/TR/CSP3/).

import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'
import { GROUND, STYLE } from './page-style.ts'

export interface Page {
  readonly status: number
  readonly html: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** HTML in which every value was escaped. */
export type Markup = ReturnType<typeof html>

export interface Layout {
  readonly status: number
  /** The one heading, and the title of the window. */
  readonly title: string
  readonly body: Markup
  /**
   * The page has a form whose answer leads on to the provider. Its policy names no `form-action`: browsers apply that to
   * every redirect that follows, and where a provider's sign-out leads in the end nobody here knows. Nothing is lost:
   * no value gets into a page unescaped, so the only form on it is ours.
   */
  readonly hasForm?: boolean
  /** Seconds, for whoever asks again by machine. */
  readonly retryAfter?: number | undefined
  /** Seconds until the page loads itself again. */
  readonly reloadsAfter?: number | undefined
  /** The one script of the page, which may ask this origin; a browser without scripts loads the page again instead. */
  readonly script?: { readonly text: string; readonly withoutReloadsAfter: number } | undefined
}

// In one piece: a space more between the tags, such as a formatter adds, is another hash.
const STYLE_ELEMENT = raw(`<style>${STYLE}</style>`)
const STYLE_HASH = hashOf(STYLE)

// One wire: it draws the card's edge and, on its way, an arch that some take for a ghost.
const ARCH = 'M7 37a5 5 0 0 0 5-5V16a12 12 0 0 1 24 0v16a5 5 0 0 0 5 5'
const EYES = 'M19.5 15.5v2.5M28.5 15.5v2.5'
const MARK = html`<svg viewBox="0 0 48 38" width="48" height="38" aria-hidden="true">
  <path class="inside" d="${ARCH}v2H7z" />
  <path class="wire" d="${ARCH}" />
  <path class="wire eyes" d="${EYES}" />
</svg>`
// Without an icon of its own a page makes the browser ask for /favicon.ico, which is the desktop's.
const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="3 0 42 42" fill="none" stroke="#2391a0" stroke-width="4" stroke-linecap="round"><path d="${ARCH}${EYES}"/></svg>`,
)}`

export function layOut(layout: Layout): Page {
  const { script } = layout
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${layout.title} · Ghostwire Gateway</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="theme-color" content="${GROUND.light}" media="(prefers-color-scheme: light)" />
        <meta name="theme-color" content="${GROUND.dark}" media="(prefers-color-scheme: dark)" />
        <link rel="icon" href="${ICON}" />
        ${STYLE_ELEMENT}
        ${
          script === undefined
            ? undefined
            : html`<noscript
                ><meta http-equiv="refresh" content="${Math.ceil(script.withoutReloadsAfter)}"
              /></noscript>`
        }
      </head>
      <body>
        <header>${MARK}Ghostwire Gateway</header>
        <main>
          <h1>${layout.title}</h1>
          ${layout.body}
        </main>
        ${script === undefined ? undefined : raw(`<script>${script.text}</script>`)}
      </body>
    </html> `
  return { status: layout.status, html: textOf(document), headers: headersOf(layout) }
}

function headersOf(layout: Layout): Record<string, string> {
  const { hasForm = false, retryAfter, reloadsAfter, script } = layout
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    ...(script === undefined
      ? []
      : [`script-src 'sha256-${hashOf(script.text)}'`, "connect-src 'self'"]),
    'img-src data:',
    "base-uri 'none'",
    "frame-ancestors 'none'",
    ...(hasForm ? [] : ["form-action 'none'"]),
  ]
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    // An address of ours can hold a code or a state, and the desktop's page could read it from `document.referrer`. A form
    // needs the laxer word: under `no-referrer` its POST carries `Origin: null` (Fetch, "append a request Origin header").
    'referrer-policy': hasForm ? 'same-origin' : 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }),
    ...(reloadsAfter === undefined ? {} : { refresh: String(Math.ceil(reloadsAfter)) }),
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

/** hono's `html` is a promise only where a value in it is one; none of ours is. */
function textOf(markup: Markup): string {
  if (markup instanceof Promise) throw new TypeError('a page must not wait for a value')
  return markup.toString()
}
