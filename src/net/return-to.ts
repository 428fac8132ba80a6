// Where a person goes after a sign-in: a path on this origin, or `/`. Everything else an open redirect tries is `/`.

const LONGEST = 1_024

/**
 * The path (with query) that `wanted` names on `origin`, or `/`. Never one of the gateway's own pages, which would
 * lead round in a circle.
 */
export function returnTo(wanted: string | undefined, origin: URL): string {
  if (wanted === undefined || wanted.length > LONGEST || !SAFE.test(wanted)) return '/'
  // Browsers read `/\host` and `//host` as another host, and so does the WHATWG parser: let it be the judge.
  const url = URL.parse(wanted, origin.href)
  if (url === null || url.origin !== origin.origin) return '/'
  if (url.pathname.startsWith('//') || /%(2f|5c)/i.test(url.pathname)) return '/'
  if (url.pathname === '/oauth2' || url.pathname.startsWith('/oauth2/')) return '/'
  return url.pathname + url.search
}

// One slash, then visible ASCII without a backslash: no host, no control character, no look-alike slash.
const SAFE = /^\/(?![/\\])[!-[\]-~]*$/
