// The files that the desktop's web client is made of, fetched from the desktop once and given out from memory: KasmVNC takes
// few requests at a time, hashes a password for each (websocket.c:2077), compresses nothing and knows no conditions.
// They are the same for everybody: its server looks at the user for `/api/` alone. Who may have them the gate decides each
// time, as for anything else.

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
import { GatewayError } from '../lib/errors.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { requestHeaders, responseHeaders } from './headers.ts'
import { StaticCache, type Fetched } from './static-cache.ts'
import { ANSWER_TIMEOUT_MS, restrain, turnedAway } from './upstream-request.ts'

const gzip = promisify(gzipWithCallback)

/** A longer file is nobody's part of a client. */
const MAX_FILE = 4_194_304
/** The desktop's words for a file that it does not have; a longer answer is not kept. */
const MAX_NOT_FOUND_BYTES = 2_048
/** From the first byte of the answer to the last. */
const BODY_TIMEOUT_MS = 60_000
/** A packet: less does not get there any faster. */
const MIN_COMPRESSED_BYTES = 1_024
const COMPRESSIBLE = /^(?:text\/|application\/(?:json|wasm|manifest)|image\/svg)/
/** `app.3f9c01ab.js`: hexadecimal, with a digit and a letter in it, so that neither a word nor a date passes for a hash. */
const CONTENT_HASH = /[.-](?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,64}\.\w+$/

interface StaticFile {
  readonly body: Buffer
  /** Undefined where it would not be shorter. */
  readonly zipped: Buffer | undefined
  /** Undefined: there is no such file, and `body` says so. */
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
  /** Is given what to call when the person no longer waits for a place. */
  readonly onWait: (giveUp: () => void) => void
}

export interface StaticFiles {
  /** Undefined: it is no file to be kept, and is asked for like anything else. Rejects where the desktop fails. */
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
    // A fetch counts as under way only once it has its place: one that waits behind its own person's flood would have
    // everybody who asks for that file wait with it.
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
    // Without a length a file that was cut off could not be told from a whole one.
    const isFile = isGood && Number(headers['content-length']) <= MAX_FILE
    const isMissing = statusCode === 404
    if ((!isFile && !isMissing) || !isForEverybody(headers)) {
      answer.destroy()
      return { value: undefined, bytes: isGood ? 0 : undefined }
    }
    // KasmVNC gives a 404 no length.
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
        // Reported by whoever reads; one that nobody reads must not end the process.
        answer.on('error', () => {})
        const { statusCode = 0 } = answer
        if (statusCode !== 401 && statusCode >= 200) return resolve(answer)
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

/** Answers GET or HEAD with a file, or says that there is none, or that the browser has it already (RFC 9110 13.1.2). */
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
  // Strong: of these very bytes, so that compressed ones have another.
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

/** Nothing in the answer says that another person would get another one. */
function isForEverybody(headers: IncomingHttpHeaders): boolean {
  const { vary, 'set-cookie': cookies, 'content-encoding': encoding } = headers
  const isPrivate = /no-store|private/i.test(headers['cache-control'] ?? '')
  return vary === undefined && cookies === undefined && encoding === undefined && !isPrivate
}

/** Undefined where it is longer than `max` bytes. Rejects where it ends before its length does. */
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

/** RFC 9110 12.5.3; without the field a client may take anything, but a person's browser always sends it. */
function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  const offers = String(acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((offer) => offer.trim().split(/\s*;\s*q=/))
  const [, weight = '1'] = offers.find(([name]) => name === 'gzip') ??
    offers.find(([name]) => name === '*') ?? ['', '0']
  return Number(weight) > 0
}

/** By weak comparison: a proxy in between that compresses by itself makes a strong one weak. */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
