// A desktop like KasmVNC's, with one address for the page and its WebSocket: serves noVNC and our page by GET, and passes
// each WebSocket on /websockify to the RFB server behind it.

import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname } from 'node:path'
import { pipeline } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

const PAGE_ROOT = new URL('page/', import.meta.url)
const NOVNC_ROOT = new URL('../', import.meta.resolve('@novnc/novnc'))
const NOVNC_PREFIX = '/novnc/'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** No viewer sends more in one message; pasted text is the largest. */
const MESSAGE_LIMIT = 1024 * 1024

export interface Credentials {
  readonly username: string
  readonly password: string
}

export interface PageServerOptions {
  readonly onViewer: (socket: WebSocket) => void
  /** Asked as HTTP Basic of every request; without them anyone on this machine may look and type. */
  readonly credentials?: Credentials | undefined
}

export interface PageServer {
  readonly url: URL
  /** Ends every viewer, too. */
  stop(): Promise<void>
}

/** On a free port of 127.0.0.1. */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const expected = options.credentials && basicAuthorization(options.credentials)
  const isAllowed = (request: IncomingMessage): boolean =>
    expected === undefined || request.headers.authorization === expected

  const server = createServer((request, response) => {
    if (!isAllowed(request)) {
      refuse(response, 401, { 'www-authenticate': 'Basic realm="Demo desktop"' })
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(response, 405, { allow: 'GET, HEAD' })
    } else {
      serveFile(request, response).catch(() => refuse(response, 404))
    }
  })

  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_LIMIT,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const status = !isAllowed(request) ? '401 Unauthorized' : '404 Not Found'
    if (!isAllowed(request) || pathOf(request) !== '/websockify') {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (viewer) => {
      // ws closes the connection by itself after an error.
      viewer.on('error', () => {})
      options.onViewer(viewer)
    })
  })

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const viewer of sockets.clients) viewer.terminate()
      server.closeAllConnections()
      await closed
    },
  }
}

function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

async function serveFile(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = fileFor(pathOf(request))
  const file = await open(path)
  const { size } = await file.stat()
  response.writeHead(200, {
    'content-type': CONTENT_TYPES[extname(path)],
    'content-length': size,
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
  })
  if (request.method === 'HEAD') {
    await file.close()
    response.end()
    return
  }
  pipeline(createReadStream(path, { fd: file }), response, () => {})
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/'
}

/** Throws for a path that leaves its folder or names no file of a kind the page is made of. */
function fileFor(path: string): string {
  const [root, rest] = path.startsWith(NOVNC_PREFIX)
    ? [NOVNC_ROOT, path.slice(NOVNC_PREFIX.length)]
    : [PAGE_ROOT, path === '/' ? 'index.html' : path.slice(1)]
  // `URL` resolves dots, encoded ones too; `fileURLToPath` refuses an encoded slash.
  const file = fileURLToPath(new URL(`./${rest}`, root))
  if (!file.startsWith(fileURLToPath(root)) || !(extname(file) in CONTENT_TYPES)) {
    throw new Error(`not a file of the page: ${path}`)
  }
  return file
}

function refuse(
  response: ServerResponse,
  status: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { ...headers, 'content-type': 'text/plain' })
  response.end(`${status}\n`)
}
