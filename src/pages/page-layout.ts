// The document and the headers of every page of the gateway. The policy (CSP Level 3, https://www.w3.org/TR/CSP3/) allows
// no script except the page's own, by its hash. Other sites cannot frame or read the pages.

import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'
import { GROUND, STYLE } from './page-style.ts'

export interface Page {
  readonly status: number
  readonly html: string
  /** Header names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** HTML in which all values are escaped. */
export type Markup = ReturnType<typeof html>

export interface Layout {
  readonly status: number
  /** The heading and the title of the window. */
  readonly title: string
  readonly body: Markup
  /**
   * The page has a form whose answer redirects to the provider. Such a page has no `form-action` directive: browsers
   * apply it to all redirects that follow, and the gateway cannot know where a provider's sign-out redirects to. This is
   * safe, because all values are escaped and so nobody can add a form to the page.
   */
  readonly hasForm?: boolean
  /** The `Retry-After` header, in seconds. */
  readonly retryAfter?: number | undefined
  /** Seconds until the page reloads itself. */
  readonly reloadsAfter?: number | undefined
  /** A script that may send requests to this origin. Without scripting, the page may reload after the given seconds. */
  readonly script?: { readonly text: string; readonly withoutReloadsAfter?: number } | undefined
}

// One string: white space between the tags, such as a formatter adds, would change the hash.
const STYLE_ELEMENT = raw(`<style>${STYLE}</style>`)
const STYLE_HASH = hashOf(STYLE)

// The logo: an arch in the upper edge of the card.
const ARCH = 'M7 37a5 5 0 0 0 5-5V16a12 12 0 0 1 24 0v16a5 5 0 0 0 5 5'
const EYES = 'M19.5 15.5v2.5M28.5 15.5v2.5'
const MARK = html`<svg viewBox="0 0 48 38" width="48" height="38" aria-hidden="true">
  <path class="inside" d="${ARCH}v2H7z" />
  <path class="wire" d="${ARCH}" />
  <path class="wire eyes" d="${EYES}" />
</svg>`
// Without an icon the browser would request /favicon.ico, which belongs to the desktop.
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
          script?.withoutReloadsAfter === undefined
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
    // The address may contain a code or a state, which the desktop's page could read from `document.referrer`. A form
    // needs `same-origin`: with `no-referrer` its POST has `Origin: null` (Fetch, "append a request Origin header").
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

/** Hono's `html` returns a promise only when one of its values is a promise. */
function textOf(markup: Markup): string {
  if (markup instanceof Promise) throw new TypeError('a page must not contain a promise')
  return markup.toString()
}
