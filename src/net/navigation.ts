// What a request is, as the browser says: a person going to a page, or a script, image or worker asking for something.

import type { IncomingHttpHeaders } from 'node:http'

/** A document navigation by GET: the only kind of request that a redirect to a sign-in page can help. */
export function isNavigation(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  // A page fetched in advance is looked at by nobody yet; a frame cannot show a provider's sign-in.
  const isAhead = String(headers['sec-purpose'] ?? '').startsWith('prefetch')
  return isDocumentRequest(method, headers) && !(isAhead && 'sec-fetch-mode' in headers)
}

/** A GET for the page of a window, also one that is fetched in advance; a frame's is not one. */
export function isDocumentRequest(
  method: string | undefined,
  headers: IncomingHttpHeaders,
): boolean {
  if (method !== 'GET') return false
  const mode = headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return headers.accept?.includes('text/html') ?? false
}

/** The request came from a page of `origin`. A browser that sends neither header is not believed. */
export function isSameOrigin(headers: IncomingHttpHeaders, origin: string): boolean {
  if (headers.origin !== undefined) return headers.origin === origin
  return headers['sec-fetch-site'] === 'same-origin'
}

/** `Host` names the public origin; the port may be written or left out where it is the scheme's own. */
export function isPublicHost(host: string | undefined, publicUrl: URL): boolean {
  return host !== undefined && URL.parse(`${publicUrl.protocol}//${host}`)?.host === publicUrl.host
}
