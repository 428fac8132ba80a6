// Answers requests that Node's parser refuses. The socket is all there is: no method, no path and no headers are known.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { codeOf } from '../lib/errors.ts'
import { tooManyCookiesPage, type Page } from '../pages/pages.ts'

/** Time in ms for the answer to leave. */
const ANSWER_TIMEOUT_MS = 500

/** By the code of Node's error. */
const ANSWERS: ReadonlyMap<string | undefined, string> = new Map([
  ['HPE_HEADER_OVERFLOW', serialize(tooManyCookiesPage())],
  ['ERR_HTTP_REQUEST_TIMEOUT', emptyAnswer(408)],
])
const INVALID = emptyAnswer(400)

/** `error` is that of the server's `clientError` event. The answer repeats nothing of the request. */
export function answerUnparsable(error: Error, socket: Socket): void {
  socket.on('error', () => socket.destroy())
  socket.end(ANSWERS.get(codeOf(error)) ?? INVALID)
  // What still arrives is read and dropped: a connection closed with unread bytes is reset, and a reset may overtake the answer.
  socket.resume()
  setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS).unref()
}

function emptyAnswer(status: number): string {
  return serialize({ status, headers: {}, html: '' })
}

function serialize({ status, headers, html }: Page): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(html)}`,
    'Connection: close',
  ]
  return `${lines.join('\r\n')}\r\n\r\n${html}`
}
