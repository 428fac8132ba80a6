// The files of the desktop's web client, fetched from the desktop once and served from memory. KasmVNC handles few requests at a
// time, hashes a password for each (websocket.c:2077), compresses nothing and supports no conditional requests. The files are the
// same for everybody, because KasmVNC checks the user for `/api/` only. The gate decides about each request, as for any other.

import { createHash } from 'node:crypto'
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { promisify } from 'node:util'
import { gzip as gzipWithCallback } from 'node:zlib'
import type { SettingsHolder } from '../config/config.ts'
import type { Desktop } from '../desktop/desktop.ts'
import { turnedAway } from '../desktop/upstream.ts'
import { GatewayError } from '../lib/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { requestHeaders, responseHeaders } from './headers.ts'
import { StaticCache, type Fetched } from './static-cache.ts'
import { ANSWER_TIMEOUT_MS, restrain } from './upstream-request.ts'

const gzip = promisify(gzipWithCallback)

/** No web client has a longer file. */
const MAX_FILE = 4_194_304
/** Maximum size of the desktop's answer for a missing file. A longer answer is not kept. */
const MAX_NOT_FOUND_BYTES = 2_048
/** Time from the first byte of the answer to the last. */
const BODY_TIMEOUT_MS = 60_000
/** The size of one packet. Compressing a smaller file makes it no faster. */
const MIN_COMPRESSED_BYTES = 1_024
const COMPRESSIBLE = /^(?:text\/|application\/(?:json|wasm|manifest)|image\/svg)/
/** `app.3f9c01ab.js`: hexadecimal, with a digit and a letter in it, so that neither a word nor a date passes for a hash. */
const CONTENT_HASH = /[.-](?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,64}\.\w+$/

interface StaticFile {
  readonly body: Buffer
  /** Undefined if compression does not make it shorter. */
  readonly zipped: Buffer | undefined
  /** Undefined: the file does not exist, and `body` is the desktop's answer. */
  readonly etag: string | undefined
  readonly headers: OutgoingHttpHeaders
}

export interface StaticFilesParts {
  readonly settings: SettingsHolder
  readonly desktop: Desktop
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
}

export interface Wanted {
  /** Canonical. */
  readonly path: string
  readonly type: string
  readonly authorization: string | undefined
  readonly clientAddress: string
  /** Who asks (session/person.ts): a fetch takes one of this person's places at the desktop. */
  readonly person: string
  /** Receives a function to call when the person no longer waits for a place. */
  readonly onWait: (giveUp: () => void) => void
}

export interface StaticFiles {
  /** Undefined: the file cannot be cached; forward the request like any other. Rejects when the desktop fails. */
  find(wanted: Wanted): Promise<StaticFile | undefined>
  flush(): void
}

export function createStaticFiles(parts: StaticFilesParts): StaticFiles {
  const { settings, desktop, metrics, log, now } = parts
  const cache = new StaticCache<StaticFile | undefined>(now)
  const send = desktop.url.protocol === 'https:' ? httpsRequest : httpRequest

  async function find(wanted: Wanted): Promise<StaticFile | undefined> {
    const { path, person, onWait } = wanted
    const known = cache.find(path)
    if (known !== undefined) return known
    // A fetch is shared only once it has its place. Otherwise everybody who asks for this file would wait behind the flood of the
    // person who asked first.
    const place = desktop.requests.acquire(person, onWait)
    if (place !== true && !(await place)) {
      throw new GatewayError('desktop-busy', 'too many wait for the desktop')
    }
    try {
      return await cache.get(path, () => fetch(wanted))
    } finally {
      desktop.requests.release(person)
    }
  }

  async function fetch(wanted: Wanted): Promise<Fetched<StaticFile | undefined>> {
    const answer = await ask(wanted)
    const { statusCode, headers } = answer
    const isGood = statusCode === 200
    // Without a length, a truncated file would look complete.
    const isFile = isGood && Number(headers['content-length']) <= MAX_FILE
    const isMissing = statusCode === 404
    if ((!isFile && !isMissing) || !isForEverybody(headers)) {
      answer.destroy()
      return { value: undefined, bytes: isGood ? 0 : undefined }
    }
    // KasmVNC sends no length with a 404.
    const body = await readWhole(answer, isMissing ? MAX_NOT_FOUND_BYTES : MAX_FILE)
    if (body === undefined) return { value: undefined, bytes: undefined }
    const file = isMissing ? notFound(answer, body) : await keepable(wanted, answer, body)
    return { value: file, bytes: file.body.length + (file.zipped?.length ?? 0), isMissing }
  }

  function ask({ path, authorization, clientAddress }: Wanted): Promise<IncomingMessage> {
    const stopTimer = metrics.desktopRequestDuration.startTimer()
    return new Promise((resolve, reject) => {
      const upstreamRequest = send({
        agent: desktop.requestAgent,
        ...desktop.address,
        path,
        headers: requestHeaders(
          desktop.kind,
          {},
          { authorization, clientAddress, host: desktop.url.host },
        ),
      })
      upstreamRequest.once('socket', () => restrain(upstreamRequest, desktop, reject))
      upstreamRequest.setTimeout(ANSWER_TIMEOUT_MS, () => upstreamRequest.destroy())
      upstreamRequest.on('error', reject)
      upstreamRequest.once('response', (answer: IncomingMessage) => {
        stopTimer()
        // The reader reports the error. Without a reader, it must not end the process.
        answer.on('error', () => {})
        const { statusCode = 0 } = answer
        if (statusCode !== 401 && statusCode >= 200) {
          if (statusCode < 500) desktop.markAccepted()
          return resolve(answer)
        }
        answer.destroy()
        if (statusCode !== 401) {
          return reject(
            new GatewayError('desktop-broken', `the desktop's status was ${statusCode}`),
          )
        }
        turnedAway(desktop, log)
        return reject(new GatewayError('desktop-refused', 'the desktop answered 401'))
      })
      upstreamRequest.end()
    })
  }

  async function keepable(
    { path, type }: Wanted,
    answer: IncomingMessage,
    body: Buffer,
  ): Promise<StaticFile> {
    const hash = createHash('sha256').update(body).digest('base64url')
    const isWorthIt = body.length >= MIN_COMPRESSED_BYTES && COMPRESSIBLE.test(type)
    const zipped = isWorthIt ? await gzip(body, { level: 9 }) : undefined
    const isShorter = zipped !== undefined && zipped.length < body.length
    return {
      body,
      zipped: isShorter ? zipped : undefined,
      etag: hash,
      headers: {
        ...headersOf(answer),
        'content-type': type,
        'x-content-type-options': 'nosniff',
        'cache-control': CONTENT_HASH.test(path)
          ? 'private, max-age=31536000, immutable'
          : 'private, no-cache',
        ...(isShorter ? { vary: 'Accept-Encoding' } : {}),
      },
    }
  }

  function notFound(answer: IncomingMessage, body: Buffer): StaticFile {
    return { body, zipped: undefined, etag: undefined, headers: headersOf(answer) }
  }

  function headersOf(answer: IncomingMessage): OutgoingHttpHeaders {
    const csp = settings.current.desktop.csp ?? desktop.kind.csp
    const headers = responseHeaders(answer, 'client', csp, desktop.url)
    for (const name of GATEWAY_OWNED_HEADERS) delete headers[name]
    return headers
  }

  return {
    find,
    flush: () => cache.flush(),
  }
}

/** Answers GET or HEAD with the file, with 404, or with 304 if the browser already has it (RFC 9110 13.1.2). */
export function sendFile(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  response: ServerResponse,
  file: StaticFile,
): void {
  if (file.etag === undefined) {
    response.writeHead(404, { ...file.headers, 'content-length': file.body.length })
    response.end(method === 'HEAD' ? undefined : file.body)
    return
  }
  const isZipped = file.zipped !== undefined && takesGzip(headers['accept-encoding'])
  const body = isZipped ? file.zipped : file.body
  // A strong tag identifies the exact bytes, so the compressed file has a different one.
  const etag = `"${file.etag}${isZipped ? '-gzip' : ''}"`
  const fields = { ...file.headers, etag }
  if (names(headers['if-none-match'], etag)) {
    response.writeHead(304, fields).end()
    return
  }
  response.writeHead(200, {
    ...fields,
    ...(isZipped ? { 'content-encoding': 'gzip' } : {}),
    'content-length': body.length,
  })
  response.end(method === 'HEAD' ? undefined : body)
}

const GATEWAY_OWNED_HEADERS = [
  'accept-ranges',
  'age',
  'content-length',
  'date',
  'etag',
  'expires',
  'last-modified',
]

/** Nothing in the answer suggests that it depends on the person. */
function isForEverybody(headers: IncomingHttpHeaders): boolean {
  const { vary, 'set-cookie': cookies, 'content-encoding': encoding } = headers
  const isPrivate = /no-store|private/i.test(headers['cache-control'] ?? '')
  return vary === undefined && cookies === undefined && encoding === undefined && !isPrivate
}

/** Undefined if it is longer than `max` bytes. Rejects if it ends before its length is reached. */
async function readWhole(answer: IncomingMessage, max: number): Promise<Buffer | undefined> {
  const deadline = setTimeout(() => answer.destroy(), BODY_TIMEOUT_MS)
  try {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of answer) {
      length += (chunk as Buffer).length
      if (length > max) return undefined
      chunks.push(chunk as Buffer)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw new GatewayError('desktop-unreachable', 'the desktop broke off', { cause: error })
  } finally {
    clearTimeout(deadline)
  }
}

/** RFC 9110 12.5.3. Without the field a client accepts any encoding, but browsers always send it. */
function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  const offers = String(acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((offer) => offer.trim().split(/\s*;\s*q=/))
  const [, weight = '1'] = offers.find(([name]) => name === 'gzip') ??
    offers.find(([name]) => name === '*') ?? ['', '0']
  return Number(weight) > 0
}

/** Weak comparison, because a proxy in between that compresses turns a strong tag into a weak one. */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
