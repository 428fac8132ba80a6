// The two listeners: limits before anything is believed, then one of three ways: the gateway's own endpoints, any other
// request, an upgrade.

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
import { codeOf } from './lib/errors.ts'
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
  // Longer than the 60 s that ingress controllers keep a connection: they close it, never we under their hands.
  keepAliveTimeout: 75_000,
}
/** Milliseconds without a byte either way, on anything but a tunnel. */
const SILENCE_TIMEOUT_MS = 120_000
/** Where a route may take uploads; its silence still ends a connection, and any other body has a deadline of its own. */
const UPLOAD_TIMEOUT_MS = 3_600_000
const CERTIFICATE_CHECK_MS = 5_000
/** Requests on one connection that wait for their answers. Browsers send one at a time, and so do proxies. */
const MAX_PIPELINED_REQUESTS = 16

export interface ServerParts {
  /** /oauth2/…, by Hono. */
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
  /** No new connection, no new request on an old one; resolves when the last answer is out. */
  drain(): Promise<void>
  /** Ends whatever is left. */
  close(): void
}

export async function startPublicServer(
  settings: Settings,
  parts: ServerParts,
): Promise<RunningServer> {
  const { handleOwn, handleWeb, handleUpgrade, refuse, clientOf, connections, log } = parts
  let isDraining = false

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    // A read can hold thousands of small requests, each of them many times its own size in memory.
    if (answers.countUnderWay(socket) > MAX_PIPELINED_REQUESTS) {
      if (!socket.destroyed) connections.refuse(socket, 'pipelining')
      return undefined
    }
    connections.noteRequest(socket)
    if (isDraining) response.setHeader('connection', 'close')
    if (!settleHost(request, settings.publicUrl)) {
      // What is left of a body must not be read as the next request.
      response.setHeader('connection', 'close')
      return refuse.failed(request, response, 'bad-request')
    }
    const url = request.url ?? ''
    if (isOwn(url)) return handleOwn(request, response)
    const target = canonicalTarget(url)
    if (target === undefined) return refuse.failed(request, response, 'bad-request')
    // Ours in another spelling: nobody's.
    if (isOwn(target.path)) return refuse.failed(request, response, 'not-found')
    handleWeb(request, response, target, clientOf(request)).catch((error: unknown) => {
      log.error({ err: error }, 'a request failed')
      response.destroy()
    })
  }

  const options = {
    ...LIMITS,
    ...(settings.desktop.routes.length === 0 ? {} : { requestTimeout: UPLOAD_TIMEOUT_MS }),
    // Anything else that asks to be upgraded (h2c, our own endpoints behind auth_request) is a plain request.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      request.headers.upgrade?.toLowerCase() === 'websocket' &&
      settleHost(request, settings.publicUrl) &&
      !isOwn(request.url ?? ''),
  }
  const server =
    settings.tls === undefined
      ? createHttpServer(options, onRequest)
      : createTlsServer(settings.tls, options, onRequest, log)
  const answers = followAnswers(server)
  admitConnections(server, connections)
  server.setTimeout(SILENCE_TIMEOUT_MS)
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Pipelined behind a request whose answer would end up in the tunnel.
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
  }
}

function isOwn(path: string): boolean {
  return path.startsWith('/oauth2/') || path === '/oauth2' || path.startsWith('/oauth2?')
}

function listen(server: Server | HttpsServer, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Without a host: every address, v4 and v6.
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Asks before Node spends anything on a connection: a parser, a TLS handshake. */
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
  /** Called now if no answer is under way, and whenever that is so again. */
  whenNone(then: () => void): void
}

/** Knows which connections wait for an answer, and answers those that cannot be understood. */
function followAnswers(server: Server | HttpsServer): Answers {
  const owed = new Map<Socket, Set<ServerResponse>>()
  let whenNone = (): void => {}
  // Ahead of whoever answers, so that the request is counted by then.
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
    // In the middle of an answer another one would be taken for a part of it.
    const isSpeaking = [...(owed.get(socket) ?? [])].some(({ headersSent }) => headersSent)
    if (!socket.writable || isSpeaking) socket.destroy()
    else answerBroken(error, socket)
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
    // A connection whose TLS handshake is under way is not among those that the server can close.
    server.on('secureConnection', (socket: Socket) => socket.destroy())
    // Browsers keep connections, and open some in advance: those are not worth waiting for.
    answers.whenNone(() => server.closeAllConnections())
  })
}

// What is no HTTP gets the shortest answer there is, and nothing of it is echoed.
function answerBroken(error: Error, socket: Socket): void {
  const status: Record<string, string> = {
    HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
    ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  }
  socket.on('error', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status[codeOf(error) ?? ''] ?? '400 Bad Request'}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  )
  setTimeout(() => socket.destroy(), 500).unref()
}

type TlsFiles = NonNullable<Settings['tls']>

function createTlsServer(
  files: TlsFiles,
  options: object,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  log: Log,
): HttpsServer {
  const read = (): { cert: Buffer; key: Buffer } => ({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  })
  // WebSockets need HTTP/1.1: offered alone, nobody chooses otherwise.
  const server = createHttpsServer(
    {
      ...options,
      ...read(),
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: LIMITS.headersTimeout,
    },
    onRequest,
  )
  const reload = (): void => {
    try {
      server.setSecureContext(read())
      log.info('TLS certificate reloaded')
    } catch (error) {
      // Mid-write, or the key of another certificate: the old pair goes on until both fit.
      log.warn({ err: error }, 'TLS certificate not reloaded')
    }
  }
  // By polling: Kubernetes swaps a link above the file, which no watch of the file itself sees.
  for (const file of [files.certFile, files.keyFile]) {
    watchFile(file, { interval: CERTIFICATE_CHECK_MS, persistent: false }, reload)
  }
  return server
}

function stopWatching(files: TlsFiles): void {
  unwatchFile(files.certFile)
  unwatchFile(files.keyFile)
}
