// Tells from the headers whether a person navigates to a page, or a script, image or worker requests something.

import type { IncomingHttpHeaders } from 'node:http'

/** A document navigation by GET: the only request for which a redirect to a sign-in page is useful. */
export function isNavigation(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  // Nobody looks at a prefetched page yet, so it must not start a sign-in.
  const isPrefetch = String(headers['sec-purpose'] ?? '').startsWith('prefetch')
  return isDocumentRequest(method, headers) && !(isPrefetch && 'sec-fetch-mode' in headers)
}

/** A GET for the document of a window, prefetch included. A frame does not count: it cannot show a provider's sign-in. */
export function isDocumentRequest(
  method: string | undefined,
  headers: IncomingHttpHeaders,
): boolean {
  if (method !== 'GET') return false
  const mode = headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return headers.accept?.includes('text/html') ?? false
}

/** The request comes from a page of `origin`. Without `Origin` and `Sec-Fetch-Site` the answer is false. */
export function isSameOrigin(headers: IncomingHttpHeaders, origin: string): boolean {
  if (headers.origin !== undefined) return headers.origin === origin
  return headers['sec-fetch-site'] === 'same-origin'
}

/** `Host` names the public origin. The default port of the scheme may be present or not. */
export function isPublicHost(host: string | undefined, publicUrl: URL): boolean {
  return host !== undefined && URL.parse(`${publicUrl.protocol}//${host}`)?.host === publicUrl.host
}
