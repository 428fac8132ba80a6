// Everything that is no upgrade and not the gateway's own: through the gate, cleaned, to the desktop, and its answer
// cleaned on the way back. The carrying is httpxy's; what is carried is decided here.

import { ServerResponse, type ClientRequest, type IncomingMessage } from 'node:http'
import { createProxyServer } from 'http-proxy'
import type { Role, SettingsHolder } from '../config/config.ts'
import type { Desktop, Place } from '../desktop/desktop.ts'
import type { PathMeaning } from '../desktop/desktop-kind.ts'
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
import { ANSWER_TIMEOUT_MS, failureOf, restrain, turnedAway } from './upstream-request.ts'

/** KasmVNC takes 16,383 bytes, the header included. */
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

/** What the answer's handling needs to know of its request. */
interface Exchange {
  readonly asked: Asked
  readonly place: Place
  readonly meaning: PathMeaning
  /** Where we know better than the desktop. */
  readonly type: string | undefined
  readonly headOnly: boolean
  /** Of a POST: taken in whole. */
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
    // As text Node joins it to the header: KasmVNC answers 400 to a body that is not in the same read (websocket.c:1137).
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
    const csp = settings.current.desktop.csp ?? upstream.kind.csp
    const headers = responseHeaders(answer, exchange.meaning, csp, upstream.url, prefix)
    if (statusCode === 200 && exchange.type !== undefined) headers['content-type'] = exchange.type
    const panel = exchange.wantsPanel ? insertPanel(statusCode, headers) : undefined
    response.writeHead(statusCode, panel?.headers ?? headers)
    if (exchange.headOnly) {
      // Perhaps asked as GET, for a server that knows no HEAD: its body is nobody's.
      response.end()
      answer.destroy()
      return
    }
    // httpxy ends each side when the other breaks off; an error here has been dealt with there.
    if (panel === undefined) answer.pipe(response)
    else answer.pipe(panel.through).pipe(response)
  })

  proxy.on('error', (error, _, response) => {
    if (response instanceof ServerResponse) fail(response, error)
  })

  /** False: it is to be asked for like anything else. */
  async function answerFromMemory(
    request: IncomingMessage,
    response: ServerResponse,
    place: Place,
    type: string,
    role: Role,
    session: Session,
    client: Client,
  ): Promise<boolean> {
    // Gone while the gate looked: no 'close' will come to give up its place in the queue.
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
    // A person went here by hand: not a script, not a reload by the page itself (Fetch Metadata, Sec-Fetch-User).
    if (request.headers['sec-fetch-user'] === '?1') presence.noteInput(authorization.session.id)
    const { place, role, session } = authorization
    const { upstream, path } = place
    const { kind } = upstream
    const { method = '' } = request
    const mode = bodyModeOf(method, kind, path)
    const stop = (problem: FailureKind): void => {
      // What is left of a body must not be read as the next request.
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
    const leave = tunnels.enterRequest(session, authorization.cookie, () => response.destroy())
    // Gone while the gate looked: no 'close' will come.
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
    // From here on the request is the one that was decided on: nothing of the client's but what is listed.
    if (kind.headAsGet && method === 'HEAD') request.method = 'GET'
    request.url = path + target.query
    request.headers = requestHeaders(kind, forPanel ? askForWholePage(headers) : headers, {
      authorization: upstream.authorizationFor(role),
      clientAddress: client.address,
      host: upstream.url.host,
    })
    if (body !== undefined) request.headers['Content-Length'] = String(body.length)
    // In lower case, as httpxy looks for it: to a DELETE in which it finds neither it gives a length of 0 beside the body.
    else if (mode === 'streamed' && headers['transfer-encoding'] !== undefined) {
      request.headers['transfer-encoding'] = 'chunked'
    } else if (mode === 'streamed') {
      // As one number is written: some read leading zeros as octal.
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

/** The credentials were right, and the rights behind them too few; wrong ones are `Forbidden` or come with a challenge. */
function lacksRights({ statusMessage, headers }: IncomingMessage): boolean {
  return statusMessage === 'Unauthorized' && headers['www-authenticate'] === undefined
}
