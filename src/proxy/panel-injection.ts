// Injects the panel into the desktop's page: decides which requests ask for that page, and changes their answers. All other
// answers of the desktop pass unchanged.

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Transform } from 'node:stream'
import type { SettingsHolder } from '../config/config.ts'
import { isDocumentRequest } from '../net/navigation.ts'
import { PANEL_TAG } from '../panel/panel-script.ts'
import { HeadInsertion } from './head-insertion.ts'

/** The paths of the desktop's page in KasmVNC and noVNC. The window of a second screen has another path. */
const PAGES = new Set(['/', '/index.html', '/vnc.html'])
const TAG = Buffer.from(PANEL_TAG)

/** Headers that describe the original bytes, not the changed ones. */
const OF_THE_DESKTOPS_BYTES = [
  'accept-ranges',
  'content-digest',
  'content-md5',
  'digest',
  'etag',
  'last-modified',
  'repr-digest',
]
/** With these headers the desktop could answer with a part of the page, an encoded page, or 304. */
const ASK_FOR_LESS = new Set([
  'accept-encoding',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'range',
])

/** Whether the answer to this request gets the panel if it is a page. */
export function wantsPanel(
  settings: SettingsHolder,
  request: Pick<IncomingMessage, 'method' | 'headers'>,
  path: string,
): boolean {
  return (
    settings.current.ui.panel &&
    PAGES.has(path) &&
    isDocumentRequest(request.method, request.headers)
  )
}

/** The client's headers, changed so that the desktop sends the whole page unencoded. */
export function askForWholePage(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !ASK_FOR_LESS.has(name))
  return { ...Object.fromEntries(kept), 'accept-encoding': 'identity' }
}

/**
 * Makes room in the header of an answer and gives the stream to send its body through, or undefined where the answer is
 * no page that could take the panel.
 */
export function insertPanel(
  status: number,
  headers: OutgoingHttpHeaders,
): { headers: OutgoingHttpHeaders; through: Transform } | undefined {
  if (status !== 200 || !isPlainHtml(headers)) return undefined
  const changed: OutgoingHttpHeaders = { ...headers }
  for (const name of OF_THE_DESKTOPS_BYTES) delete changed[name]
  const length = Number(headers['content-length'])
  if (headers['content-length'] !== undefined) {
    changed['content-length'] = String(length + TAG.length)
  }
  // The page must not be cached, since a newer version has another tag. Its forms must send `Origin`.
  changed['cache-control'] = 'private, no-cache'
  changed['referrer-policy'] = 'same-origin'
  return { headers: changed, through: insertTag() }
}

function isPlainHtml(headers: OutgoingHttpHeaders): boolean {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers
  // In UTF-16 the bytes of the tag would differ.
  return (
    /^text\/html\s*(?:;|$)/i.test(type) && !/utf-16/i.test(type) && /^identity$/i.test(encoding)
  )
}

function insertTag(): Transform {
  const insertion = new HeadInsertion(TAG)
  return new Transform({
    transform(chunk: Buffer, _, done) {
      for (const piece of insertion.push(chunk)) this.push(piece)
      done()
    },
    flush(done) {
      for (const piece of insertion.end()) this.push(piece)
      done()
    },
  })
}
