// The two listeners. The public one applies its limits first. Then it passes on the gateway's own endpoints, other requests, and
// upgrades, each to its handler.

import { X509Certificate } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { ListenAddress, Settings } from './config/config.ts'
import { answerUnparsable } from './http/unparsable-request.ts'
import type { Connections } from './net/connections.ts'
import type { Client } from './net/forwarded.ts'
import { settleHost } from './net/host.ts'
import { canonicalTarget } from './net/target.ts'
import type { Log } from './observability/log.ts'
import type { HandleUpgrade } from './proxy/upgrade.ts'
import type { HandleWeb } from './proxy/web.ts'
import type { Refuse } from './proxy/refuse.ts'

const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than the 60 s of ingress controllers, so that they close idle connections and not the gateway during a request.
  keepAliveTimeout: 75_000,
}
/** Time-out in ms without bytes in either direction. Does not apply to tunnels. */
const SILENCE_TIMEOUT_MS = 120_000
/** Time-out of a request when routes may take uploads. Silence still ends a connection, and other bodies have deadlines of their own. */
const UPLOAD_TIMEOUT_MS = 3_600_000
const CERTIFICATE_CHECK_MS = 5_000
/** Maximum number of unanswered requests on one connection. Browsers and proxies send one at a time. */
const MAX_PIPELINED_REQUESTS = 16

export interface ServerParts {
  /** Handles /oauth2/… with Hono. */
  readonly handleOwn: (request: IncomingMessage, response: ServerResponse) => void
  readonly handleWeb: HandleWeb
  readonly handleUpgrade: HandleUpgrade
  readonly refuse: Refuse
  readonly clientOf: (request: IncomingMessage) => Client
  readonly connections: Connections
  readonly log: Log
}

export interface RunningServer {
  readonly port: number
  /** Accepts no new connection and no new request on an old one. Resolves when the last answer is sent. */
  drain(): Promise<void>
  /** Closes all remaining connections. */
  close(): void
  /** When the certificate ends that the listener serves (ms since the epoch); undefined without TLS. */
  certificateEndsAt(): number | undefined
}

export async function startPublicServer(
  settings: Settings,
  parts: ServerParts,
): Promise<RunningServer> {
  const { handleOwn, handleWeb, handleUpgrade, refuse, clientOf, connections, log } = parts
  let isDraining = false

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    // One read can contain thousands of small requests, and each takes many times its size in memory.
    if (answers.countUnderWay(socket) > MAX_PIPELINED_REQUESTS) {
      if (!socket.destroyed) connections.refuse(socket, 'pipelining')
      return undefined
    }
    connections.noteRequest(socket)
    if (isDraining) response.setHeader('connection', 'close')
    if (!settleHost(request, settings.publicUrl)) {
      // The rest of a body must not be parsed as the next request.
      response.setHeader('connection', 'close')
      return refuse.failed(request, response, 'bad-request')
    }
    const url = request.url ?? ''
    if (isOwn(url)) return handleOwn(request, response)
    const target = canonicalTarget(url)
    if (target === undefined) return refuse.failed(request, response, 'bad-request')
    // Another spelling of the gateway's own paths is not found.
    if (isOwn(target.path)) return refuse.failed(request, response, 'not-found')
    handleWeb(request, response, target, clientOf(request)).catch((error: unknown) => {
      log.error({ err: error }, 'a request failed')
      response.destroy()
    })
  }

  const options = {
    ...LIMITS,
    ...(settings.desktop.routes.length === 0 ? {} : { requestTimeout: UPLOAD_TIMEOUT_MS }),
    // Other upgrades (h2c, the gateway's own endpoints behind auth_request) are handled as plain requests.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      request.headers.upgrade?.toLowerCase() === 'websocket' &&
      settleHost(request, settings.publicUrl) &&
      !isOwn(request.url ?? ''),
  }
  let certificateEndsAt: number | undefined
  const server =
    settings.tls === undefined
      ? createHttpServer(options, onRequest)
      : createTlsServer(settings.tls, options, onRequest, log, (cert) => {
          certificateEndsAt = new X509Certificate(cert).validToDate.getTime()
        })
  const answers = followAnswers(server)
  admitConnections(server, connections)
  server.setTimeout(SILENCE_TIMEOUT_MS)
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Pipelined behind another request: its answer would end up in the tunnel.
    if (answers.countUnderWay(socket) > 0) {
      socket.destroy()
      return
    }
    handleUpgrade(request, socket, head).catch((error: unknown) => {
      log.error({ err: error }, 'an upgrade failed')
      socket.destroy()
    })
  })
  const port = await listen(server, settings.listen)

  return {
    port,
    drain() {
      isDraining = true
      return drain(server, answers)
    },
    close() {
      server.closeAllConnections()
      if (settings.tls !== undefined) stopWatching(settings.tls)
    },
    certificateEndsAt: () => certificateEndsAt,
  }
}

export async function startAdminServer(
  address: ListenAddress,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<RunningServer> {
  const server = createHttpServer(LIMITS, handle)
  const answers = followAnswers(server)
  const port = await listen(server, address)
  return {
    port,
    drain: () => drain(server, answers),
    close: () => server.closeAllConnections(),
    certificateEndsAt: () => undefined,
  }
}

function isOwn(path: string): boolean {
  return path.startsWith('/oauth2/') || path === '/oauth2' || path.startsWith('/oauth2?')
}

function listen(server: Server | HttpsServer, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Without a host: all addresses, IPv4 and IPv6.
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Decides about a connection before Node spends a parser or a TLS handshake on it. */
function admitConnections(server: Server | HttpsServer, connections: Connections): void {
  const listeners = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    if (!connections.admit(socket)) return
    for (const listener of listeners) listener.call(server, socket)
  })
}

interface Answers {
  countUnderWay(socket: Socket): number
  /** Calls `then` now if no answer is running, and each time when that is so again. */
  whenNone(then: () => void): void
}

/** Tracks which connections wait for an answer, and answers requests that cannot be parsed. */
function followAnswers(server: Server | HttpsServer): Answers {
  const owed = new Map<Socket, Set<ServerResponse>>()
  let whenNone = (): void => {}
  // Before the other listeners, so that the request is counted when they answer.
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const answers = owed.get(socket) ?? new Set()
    owed.set(socket, answers.add(response))
    response.once('close', () => {
      answers.delete(response)
      if (answers.size === 0) owed.delete(socket)
      if (owed.size === 0) whenNone()
    })
  })
  server.on('clientError', (error: Error, socket: Socket) => {
    // In the middle of an answer, another one would be taken for a part of it.
    const isSpeaking = [...(owed.get(socket) ?? [])].some(({ headersSent }) => headersSent)
    if (!socket.writable || isSpeaking) socket.destroy()
    else answerUnparsable(error, socket)
  })
  return {
    countUnderWay: (socket) => owed.get(socket)?.size ?? 0,
    whenNone(then) {
      whenNone = then
      if (owed.size === 0) then()
    },
  }
}

function drain(server: Server | HttpsServer, answers: Answers): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    // The server cannot close a connection during its TLS handshake.
    server.on('secureConnection', (socket: Socket) => socket.destroy())
    // Browsers keep connections open and open some in advance. Draining does not wait for those.
    answers.whenNone(() => server.closeAllConnections())
  })
}

type TlsFiles = NonNullable<Settings['tls']>

function createTlsServer(
  files: TlsFiles,
  options: object,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  log: Log,
  onServed: (cert: Buffer) => void,
): HttpsServer {
  const read = (): { cert: Buffer; key: Buffer } => ({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  })
  const pair = read()
  // WebSockets need HTTP/1.1, so ALPN offers nothing else.
  const server = createHttpsServer(
    {
      ...options,
      ...pair,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: LIMITS.headersTimeout,
    },
    onRequest,
  )
  onServed(pair.cert)
  const reload = (): void => {
    try {
      const renewed = read()
      server.setSecureContext(renewed)
      onServed(renewed.cert)
      log.info('TLS certificate reloaded')
    } catch (error) {
      // The files may be half written, or the key may belong to another certificate. Keep the old pair until both fit.
      log.warn({ err: error }, 'TLS certificate not reloaded')
    }
  }
  // By polling: Kubernetes swaps a symbolic link above the file, and a watch of the file does not notice that.
  for (const file of [files.certFile, files.keyFile]) {
    watchFile(file, { interval: CERTIFICATE_CHECK_MS, persistent: false }, reload)
  }
  return server
}

function stopWatching(files: TlsFiles): void {
  unwatchFile(files.certFile)
  unwatchFile(files.keyFile)
}
