// The parts that pages are made of. Hono's `html` escapes all values from outside.

import { html } from 'hono/html'
import type { Markup } from './page-layout.ts'

/** Values of `prompt` (OpenID Connect Core 3.1.2.1) in links of the pages. */
export type Prompt = 'login' | 'select_account'

/** The address where a sign-in begins. A path to return to appears only as a query parameter. */
export function startPath(returnTo: string, prompt?: Prompt, provider?: string): string {
  const query = new URLSearchParams({
    ...(provider === undefined ? {} : { provider }),
    ...(prompt === undefined ? {} : { prompt }),
    rd: returnTo,
  })
  return `/oauth2/start?${query.toString()}`
}

export function steps(...markup: readonly Markup[]): Markup {
  return html`<div class="steps">${markup}</div>`
}

export function link(path: string, text: string): Markup {
  return html`<a class="button" href="${path}">${text}</a>`
}

export function quietLink(path: string, text: string): Markup {
  return html`<a class="link" href="${path}">${text}</a>`
}

export function list(items: readonly (string | Markup)[]): Markup {
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`
}

export function administratorNote(notes: readonly Markup[]): Markup {
  const text = notes.length === 1 ? html`<p>${notes[0]}</p>` : list(notes)
  return html`<section class="small">
    <h2>For the administrator</h2>
    ${text}
  </section>`
}

export function requestNote(requestId: string): Markup {
  return html`<p class="small request">Request ID <code>${visible(requestId)}</code></p>`
}

/** A name in any script. `bdi` keeps a right-to-left name from reordering the text around it. */
export function person(name: string): Markup {
  return html`<strong><bdi>${visible(name)}</bdi></strong>`
}

/** Removes control characters and bidirectional controls, and limits the length. */
export function visible(text: string): string {
  const cleaned = text.toWellFormed().replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '')
  const characters = Array.from(cleaned)
  return characters.length <= MAX_NAME_LENGTH
    ? cleaned
    : `${characters.slice(0, MAX_NAME_LENGTH).join('')}…`
}

/** In characters. */
const MAX_NAME_LENGTH = 120

export function inWords(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds))
  if (whole === 1) return '1 second'
  return whole <= 90 ? `${whole} seconds` : `${Math.ceil(whole / 60)} minutes`
}
