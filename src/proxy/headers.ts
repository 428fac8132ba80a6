// The headers that pass between browser and desktop. Towards the desktop: only listed ones, in canonical case, `Authorization`
// first, because KasmVNC takes the first match anywhere in the request text (kasmvnc.ts). Towards the browser: the desktop shares
// the gateway's origin and is not trusted with it.

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { KindOfDesktop, PathMeaning } from '../desktop/desktop-kind.ts'

/** Maximum length of each field of a request to the desktop. The same limit holds for the target (net/target.ts). */
const MAX_FIELD = 1_024

export interface UpstreamIdentity {
  readonly authorization: string | undefined
  readonly clientAddress: string
  /** The desktop's host and port. */
  readonly host: string
}

/** The headers of a plain request, in the order in which they are sent. */
export function requestHeaders(
  kind: KindOfDesktop,
  client: IncomingHttpHeaders,
  upstream: UpstreamIdentity,
): Record<string, string> {
  const headers = leadingHeaders(upstream)
  for (const name of kind.forwardedHeaders) {
    const value = client[name.toLowerCase()]
    if (typeof value === 'string' && value.length <= MAX_FIELD) headers[name] = value
  }
  return headers
}

/** The headers of an upgrade. KasmVNC answers 404 without an Origin or a subprotocol. */
export function upgradeHeaders(
  upstream: UpstreamIdentity,
  origin: string,
  key: string,
  protocols: readonly string[],
): Record<string, string> {
  return {
    ...leadingHeaders(upstream),
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    Origin: origin,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
    ...(protocols.length === 0 ? {} : { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
  }
}

function leadingHeaders(upstream: UpstreamIdentity): Record<string, string> {
  const { authorization, clientAddress, host } = upstream
  return {
    ...(authorization === undefined ? {} : { Authorization: authorization }),
    'X-Forwarded-For': clientAddress,
    Host: host,
  }
}

/** The headers of the answer to the browser. */
export function responseHeaders(
  upstream: IncomingMessage,
  meaning: PathMeaning,
  csp: string,
  desktopUrl: URL,
  /** The prefix that was removed from the requested path. */
  prefix = '',
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  const named = connectionOptions(upstream.headers.connection)
  for (const [name, value] of Object.entries(upstream.headers)) {
    if (!NOT_FOR_THE_BROWSER.has(name) && !named.has(name)) headers[name] = value
  }
  const { location } = upstream.headers
  if (location !== undefined) headers['location'] = onOurOrigin(location, desktopUrl, prefix)
  headers['content-security-policy'] = meaning === 'client' ? csp : 'sandbox'
  // Cross-origin isolation: without it the client loses threads and lossless video.
  headers['cross-origin-opener-policy'] = 'same-origin'
  headers['cross-origin-embedder-policy'] = 'require-corp'
  headers['cross-origin-resource-policy'] = 'same-origin'
  headers['referrer-policy'] ??= 'same-origin'
  headers['cache-control'] ??= 'private, no-cache'
  // Files that somebody stored or named must not run as a page of this origin.
  if (meaning !== 'client') headers['x-content-type-options'] = 'nosniff'
  if (meaning === 'download') headers['content-disposition'] = 'attachment'
  // Screenshots and session lists must not be cached.
  if (meaning === 'owner-api') headers['cache-control'] = 'no-store'
  return headers
}

const NOT_FOR_THE_BROWSER = new Set([
  // Hop-by-hop (RFC 9110 7.6.1).
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Only the gateway sets these: a cookie or a policy of the desktop would apply to the gateway's origin.
  'set-cookie',
  'www-authenticate',
  'authentication-info',
  'content-security-policy',
  'content-security-policy-report-only',
  'clear-site-data',
  'service-worker-allowed',
  'strict-transport-security',
  'public-key-pins',
  'alt-svc',
  'nel',
  'report-to',
  'reporting-endpoints',
  'access-control-allow-origin',
  'access-control-allow-credentials',
])

function connectionOptions(connection: string | undefined): ReadonlySet<string> {
  return new Set(
    (connection ?? '')
      .toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  )
}

// A redirect to the desktop's own address leads to a host that only the gateway can reach. Without the host it works here too.
function onOurOrigin(location: string, desktopUrl: URL, prefix: string): string {
  const namesHost = /^(?:[a-z][a-z\d+.-]*:)?\/\//i.test(location)
  const url = namesHost ? URL.parse(location, desktopUrl.href) : null
  if (url?.origin === desktopUrl.origin) {
    return prefix + url.pathname.replace(/^\/+/, '/') + url.search + url.hash
  }
  return !namesHost && location.startsWith('/') ? prefix + location : location
}
