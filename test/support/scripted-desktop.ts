// A desktop of kind rfb whose page does nothing unless a test says so, and whose streams end as a test says: for what a
// browser does with a Close. The page records what reaches it, in `window.desktop`.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

// Like a difficult client: it listens for every key on the window, takes the focus back at every click, and fills the window.
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>A desktop</title>
    <link rel="icon" href="data:,">
    <style>
      html, body { margin: 0; height: 100% }
      div { position: fixed; inset: 0; z-index: 2147483647; outline: none; background: #35506b }
      body > :last-child { color: red }
    </style>
  </head>
  <body>
    <main><div id="screen" tabindex="0" aria-label="Screen"></div></main>
    <script>
      const screen = document.getElementById('screen')
      window.desktop = { keys: [], clicks: 0, closed: [], prevented: [], sockets: [] }
      for (const type of ['keydown', 'keyup']) {
        addEventListener(type, (event) => {
          desktop.keys.push(type + ' ' + event.key)
          desktop.prevented.push(event.defaultPrevented)
        })
      }
      document.addEventListener('mousedown', () => { desktop.clicks += 1; screen.focus() })
      screen.addEventListener('dblclick', () => screen.requestFullscreen())
      desktop.connect = (path = '/websockify') => {
        const socket = new WebSocket(location.origin.replace('http', 'ws') + path, 'binary')
        desktop.sockets.push(socket)
        socket.onclose = ({ code, reason }) => desktop.closed.push(code + ' ' + reason)
        socket.onopen = () => { document.documentElement.dataset.desktop = 'connected' }
      }
      if (!location.hash.includes('unconnected')) desktop.connect()
      screen.focus()
    </script>
  </body>
</html>
`

export interface ScriptedDesktop {
  readonly url: URL
  readonly streams: readonly WebSocket[]
  /** How often its page was asked for. */
  readonly visits: number
  /** Ends each open stream and every later one in this way; undefined stops this for later ones. */
  endWith(code: number | undefined, reason?: string): void
  /** Refuses further streams with 403. */
  refuseStreams(refuses: boolean): void
  /** Closes every connection and stops listening. */
  stop(): Promise<void>
  /** Listens again at the same address. */
  start(): Promise<void>
}

export async function startScriptedDesktop(): Promise<ScriptedDesktop> {
  let visits = 0
  let port = 0
  let refuses = false
  let end: ((stream: WebSocket) => void) | undefined
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'binary' })
  const server = createServer(({ url = '/' }, response) => {
    if (!['/', '/vnc.html', '/other.html'].includes(url.split('?')[0] ?? '')) {
      response.writeHead(404).end()
      return
    }
    visits += 1
    response.setHeader('content-type', 'text/html; charset=utf-8').end(PAGE)
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (refuses) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, (stream) => {
      stream.on('error', () => {})
      end?.(stream)
    })
  })
  const start = async (): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    ;({ port } = server.address() as AddressInfo)
  }
  await start()
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    get streams() {
      return [...sockets.clients]
    },
    get visits() {
      return visits
    },
    endWith(code, reason = '') {
      end = code === undefined ? undefined : (stream) => stream.close(code, reason)
      for (const stream of sockets.clients) end?.(stream)
    },
    refuseStreams(isRefusing) {
      refuses = isRefusing
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const stream of sockets.clients) stream.terminate()
      server.closeAllConnections()
      await closed
    },
    start,
  }
}
