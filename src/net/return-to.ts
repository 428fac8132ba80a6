// Validates the address that a person returns to after a sign-in. Prevents open redirects.

const MAX_LENGTH = 1_024

/**
 * Returns the path and query of `wanted` when it is on `origin`, or else `/`. Pages of the gateway itself also become
 * `/`, because they could lead back to the sign-in forever.
 */
export function returnTo(wanted: string | undefined, origin: URL): string {
  if (wanted === undefined || wanted.length > MAX_LENGTH || !SAFE.test(wanted)) return '/'
  // Browsers read `/\host` and `//host` as another host. The WHATWG parser does the same, so its result decides.
  const url = URL.parse(wanted, origin.href)
  if (url === null || url.origin !== origin.origin) return '/'
  if (url.pathname.startsWith('//') || /%(2f|5c)/i.test(url.pathname)) return '/'
  if (url.pathname === '/oauth2' || url.pathname.startsWith('/oauth2/')) return '/'
  return url.pathname + url.search
}

// One slash, then visible ASCII without a backslash: excludes hosts, control characters and look-alike slashes.
const SAFE = /^\/(?![/\\])[!-[\]-~]*$/
