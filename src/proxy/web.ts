// Handles requests that are neither upgrades nor for the gateway's own endpoints. The gate decides, the request is built anew for
// the desktop, and the answer is cleaned. httpxy transports both; this file decides what they contain.

import { ServerResponse, type ClientRequest, type IncomingMessage } from 'node:http'
import { createProxyServer } from 'http-proxy'
import type { Role, SettingsHolder } from '../config/config.ts'
import type { Desktop, Place } from '../desktop/desktop.ts'
import type { PathMeaning } from '../desktop/desktop-kind.ts'
import { turnedAway } from '../desktop/upstream.ts'
import type { Authorize } from '../gate/authorize.ts'
import { GatewayError } from '../lib/errors.ts'
import type { Connections } from '../net/connections.ts'
import type { Client } from '../net/forwarded.ts'
import type { Target } from '../net/target.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { FailureKind } from '../pages/pages.ts'
import { personOf } from '../session/person.ts'
import type { PresenceBook } from '../session/presence.ts'
import type { Session } from '../session/session.ts'
import { requestHeaders, responseHeaders } from './headers.ts'
import { askForWholePage, insertPanel, wantsPanel } from './panel-injection.ts'
import type { Asked, Refuse } from './refuse.ts'
import { readBody } from '../net/request-body.ts'
import { bodyModeOf, methodsOf, unacceptable } from './request-rules.ts'
import { createStaticFiles, sendFile } from './static-files.ts'
import type { Tunnels } from './tunnels.ts'
import { ANSWER_TIMEOUT_MS, failureOf, restrain } from './upstream-request.ts'

/** KasmVNC accepts 16,383 bytes, including the header. */
const MAX_BODY_BYTES = 12_288

export interface WebParts {
  readonly settings: SettingsHolder
  readonly connections: Connections
  readonly authorize: Authorize
  readonly desktop: Desktop
  readonly presence: PresenceBook
  readonly tunnels: Pick<Tunnels, 'enterRequest'>
  readonly refuse: Refuse
  readonly metrics: Metrics
  readonly log: Log
  readonly now: () => number
}

/** Handles one request; `target` is the canonical form of its URL. Never rejects. */
export type HandleWeb = (
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  client: Client,
) => Promise<void>

/** What the code that handles the answer needs from the request. */
interface Exchange {
  readonly asked: Asked
  readonly place: Place
  readonly meaning: PathMeaning
  /** Set where the desktop's own content type is wrong. */
  readonly type: string | undefined
  readonly headOnly: boolean
  /** The whole body of a POST. */
  readonly body: Buffer | undefined
  readonly wantsPanel: boolean
  readonly stopTimer: () => void
}

export function createWeb(parts: WebParts): HandleWeb {
  const { settings, connections, authorize, desktop, presence, tunnels, refuse, metrics, log } =
    parts
  const exchanges = new WeakMap<ServerResponse, Exchange>()
  const staticFiles = createStaticFiles(parts)
  desktop.onGone(() => staticFiles.flush())
  const proxy = createProxyServer({
    selfHandleResponse: true,
    proxyTimeout: ANSWER_TIMEOUT_MS,
  })

  function fail(response: ServerResponse, error: Error): void {
    const exchange = exchanges.get(response)
    if (exchange === undefined || response.headersSent || response.destroyed) {
      response.destroy()
      return
    }
    failed(exchange.asked, exchange.place, response, error)
  }

  function failed(
    asked: Asked,
    { upstream, isRoute }: Place,
    response: ServerResponse,
    error: unknown,
  ): void {
    const kind = failureOf(error)
    const isGone = kind === 'desktop-unreachable'
    if (isGone) upstream.markGone()
    refuse.failed(asked, response, isGone && isRoute ? 'route-unreachable' : kind, {
      cause: error,
      retryAfter: upstream.pausedFor() ?? 5,
    })
  }

  proxy.on('proxyReq', (upstreamRequest: ClientRequest, _, response) => {
    const exchange = exchanges.get(response)
    if (exchange === undefined) return void upstreamRequest.destroy()
    restrain(upstreamRequest, exchange.place.upstream, (error) => fail(response, error))
    if (upstreamRequest.destroyed) return undefined
    // As text, because Node then sends it together with the header. KasmVNC answers 400 to a body that is not in the same read
    // (websocket.c:1137).
    const { body } = exchange
    if (body !== undefined) upstreamRequest.end(body.toString('latin1'), 'latin1')
    return undefined
  })

  proxy.on('proxyRes', (answer: IncomingMessage, _: IncomingMessage, response: ServerResponse) => {
    const exchange = exchanges.get(response)
    exchange?.stopTimer()
    if (response.destroyed || exchange === undefined) {
      answer.destroy()
      return
    }
    const { upstream, prefix } = exchange.place
    if (answer.statusCode === 401) {
      answer.destroy()
      if (exchange.meaning === 'owner-api' && lacksRights(answer)) {
        log.error(
          'the desktop does not take the gateway for its owner: GATEWAY_DESKTOP_OWNER_USERNAME must be an owner there, and Basic auth on',
        )
      } else {
        turnedAway(upstream, log)
      }
      refuse.failed(exchange.asked, response, 'desktop-refused', {
        retryAfter: upstream.pausedFor(),
      })
      return
    }
    const { statusCode = 0 } = answer
    if (statusCode < 200) {
      answer.destroy()
      fail(response, new GatewayError('desktop-broken', `the desktop's status was ${statusCode}`))
      return
    }
    if (statusCode < 500) upstream.markAccepted()
    const csp = settings.current.desktop.csp ?? upstream.kind.csp
    const headers = responseHeaders(answer, exchange.meaning, csp, upstream.url, prefix)
    if (statusCode === 200 && exchange.type !== undefined) headers['content-type'] = exchange.type
    const panel = exchange.wantsPanel ? insertPanel(statusCode, headers) : undefined
    response.writeHead(statusCode, panel?.headers ?? headers)
    if (exchange.headOnly) {
      // The request may have been sent as GET, for a server without HEAD. Its body is dropped.
      response.end()
      answer.destroy()
      return
    }
    // httpxy ends each side when the other one breaks, so an error here has already been handled.
    if (panel === undefined) answer.pipe(response)
    else answer.pipe(panel.through).pipe(response)
  })

  proxy.on('error', (error, _, response) => {
    if (response instanceof ServerResponse) fail(response, error)
  })

  /** False: forward the request like any other. */
  async function answerFromMemory(
    request: IncomingMessage,
    response: ServerResponse,
    place: Place,
    type: string,
    role: Role,
    session: Session,
    client: Client,
  ): Promise<boolean> {
    // If the browser left during the gate's decision, no 'close' event will release the place in the queue.
    if (response.destroyed) return true
    try {
      const file = await staticFiles.find({
        path: place.path,
        type,
        authorization: place.upstream.authorizationFor(role),
        clientAddress: client.address,
        person: personOf(session),
        onWait: (giveUp) => void response.once('close', giveUp),
      })
      if (file !== undefined) sendFile(request, response, file)
      return file !== undefined
    } catch (error) {
      if (!response.destroyed) failed(request, place, response, error)
      return true
    }
  }

  return async function handleWeb(request, response, target, client) {
    const authorization = await authorize(request.headers.cookie, target.path)
    if (authorization.outcome !== 'granted') {
      return refuse.unauthorized(request, response, authorization, client)
    }
    connections.keep(request.socket, authorization.session.identity)
    // A person navigated here, not a script or a reload by the page itself (Fetch Metadata, Sec-Fetch-User).
    if (request.headers['sec-fetch-user'] === '?1') presence.noteInput(authorization.session.id)
    const { place, role, session } = authorization
    const { upstream, path } = place
    const { kind } = upstream
    const { method = '' } = request
    const mode = bodyModeOf(method, kind, path)
    const stop = (problem: FailureKind): void => {
      // The rest of a body must not be parsed as the next request.
      response.setHeader('connection', 'close')
      refuse.failed(request, response, problem)
    }
    const problem = unacceptable(request, mode, kind, path, settings.current.publicUrl.origin)
    if (problem === 'method-not-allowed') response.setHeader('allow', methodsOf(kind, path))
    if (problem !== undefined) return stop(problem)
    const body = mode === 'whole' ? await readBody(request, MAX_BODY_BYTES) : undefined
    if (body === 'too-large') return stop(body)
    if (body === 'broken') return stop('bad-request')
    const paused = upstream.pausedFor()
    if (paused !== undefined) {
      return refuse.failed(request, response, 'desktop-refused', { retryAfter: paused })
    }
    const type = kind.clientFileType(path)
    if (type !== undefined && target.query === '' && request.headers.range === undefined) {
      if (await answerFromMemory(request, response, place, type, role, session, client)) {
        return undefined
      }
    }
    const { cookie } = authorization
    const leave = tunnels.enterRequest(session, cookie, authorization, () => response.destroy())
    // If the browser left during the gate's decision, no 'close' event will come.
    if (response.destroyed) return leave()
    response.once('close', leave)
    const person = personOf(session)
    const isAdmitted = await upstream.requests.acquire(
      person,
      (giveUp) => void response.once('close', giveUp),
    )
    if (!isAdmitted) {
      if (response.destroyed) return undefined
      return refuse.failed(request, response, 'desktop-busy', { retryAfter: 1 })
    }
    if (response.destroyed) return upstream.requests.release(person)
    response.once('close', () => upstream.requests.release(person))

    const { url, headers } = request
    const forPanel = !place.isRoute && wantsPanel(settings, request, path)
    exchanges.set(response, {
      asked: { method, url, headers },
      place,
      meaning: kind.meaningOf(path),
      type,
      headOnly: method === 'HEAD',
      body,
      wantsPanel: forPanel,
      stopTimer: metrics.desktopRequestDuration.startTimer(),
    })
    // From here on, the request contains only what the gate decided on and the headers on the list.
    if (kind.headAsGet && method === 'HEAD') request.method = 'GET'
    request.url = path + target.query
    request.headers = requestHeaders(kind, forPanel ? askForWholePage(headers) : headers, {
      authorization: upstream.authorizationFor(role),
      clientAddress: client.address,
      host: upstream.url.host,
    })
    if (body !== undefined) request.headers['Content-Length'] = String(body.length)
    // In lower case, as httpxy looks for it. Without either field, httpxy adds a length of 0 to a DELETE with a body.
    else if (mode === 'streamed' && headers['transfer-encoding'] !== undefined) {
      request.headers['transfer-encoding'] = 'chunked'
    } else if (mode === 'streamed') {
      // In canonical form, because some servers read leading zeros as octal.
      request.headers['content-length'] = String(Number(headers['content-length'] ?? 0))
    }
    await proxy
      .web(request, response, {
        target: { protocol: upstream.url.protocol, ...upstream.address },
        agent: upstream.requestAgent,
      })
      .catch((error: unknown) => {
        log.debug({ err: error }, 'answer to the browser broke off')
      })
    return undefined
  }
}

/** The credentials are valid, but their user lacks a right. Wrong credentials get `Forbidden`, or an answer with a challenge. */
function lacksRights({ statusMessage, headers }: IncomingMessage): boolean {
  return statusMessage === 'Unauthorized' && headers['www-authenticate'] === undefined
}
