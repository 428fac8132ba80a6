// How KasmVNC handles requests. Its server searches the raw request text for substrings (websocket.c:1963-2109), so every header
// that it does not need could be an attack. It gets none of the client's headers.

import type { KindOfDesktop } from './desktop-kind.ts'
import { staticTypeOf } from './static-types.ts'

export const kasmvnc: KindOfDesktop = {
  dialect: 'kasmvnc',
  // Header and payload must fit 65,535 bytes; the header with its mask takes 8 (websocket.c:563).
  longestFrame: 65_527,
  subprotocol: 'binary',
  forwardedHeaders: [],
  // KasmVNC answers HEAD with 404 and a body (websocket.c knows only GET and POST).
  headAsGet: true,
  // Only the API takes a body, and only in one piece (websocket.c:1137).
  bodyMethods: [],
  // The client has inline scripts, handlers and styles, fetches `data:` to detect codecs, and runs blob workers and
  // wasm. `connect-src 'self'` stops `?host=elsewhere` from taking the session to another server.
  csp: [
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:",
    "connect-src 'self' data:",
    "worker-src 'self' blob:",
    "frame-ancestors 'self'",
    "base-uri 'none'",
    "object-src 'none'",
  ].join('; '),
  // Anywhere in the path, as the server itself searches (websocket.c:859, 2109), and in any letter case.
  meaningOf(path) {
    const lower = path.toLowerCase()
    if (lower.includes('/api/')) return 'owner-api'
    return lower.includes('downloads/') ? 'download' : 'client'
  },
  clientFileType: (path) => (kasmvnc.meaningOf(path) === 'client' ? staticTypeOf(path) : undefined),
  // The server lists every folder there is (websocket.c:903-963), under whatever name somebody linked one. Of `/` alone it
  // gives the page in it.
  showsFiles(path) {
    const isFolder = path.endsWith('/') && path !== '/'
    return isFolder || /downloads(?:\/|$)/i.test(path) || /\/api\/.*downloads/i.test(path)
  },
  // GET requests can create users and grant rights, like POST.
  isReadOnly: (path) =>
    kasmvnc.meaningOf(path) !== 'owner-api' ||
    /^\/api\/(?:get_\w+|downloads|system\/stats)$/.test(path),
}
