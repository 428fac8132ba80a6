// The request target (RFC 9112 3.2.1) in the one form that is decided on and forwarded. Two spellings of one path must
// not be two things: whatever has no single plain reading is refused.

export interface Target {
  /** Begins with one slash; only unreserved characters, sub-delimiters and `%XX` in upper case. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
}

/** Longest target that any desktop server gets: KasmVNC copies it into 1,025 bytes (WS.c, before VNC-494 unbounded). */
const LONGEST = 1_024

/** The canonical target of `request.url`, or undefined when it has none. */
export function canonicalTarget(url: string): Target | undefined {
  if (url.length > LONGEST || !url.startsWith('/')) return undefined
  const mark = url.indexOf('?')
  const path = canonicalPath(mark === -1 ? url : url.slice(0, mark))
  if (path === undefined) return undefined
  const query = mark === -1 ? '' : `?${canonicalQuery(url.slice(mark + 1))}`
  return path.length + query.length > LONGEST ? undefined : { path, query }
}

function canonicalPath(raw: string): string | undefined {
  // Nearly every path: nothing to decode, nothing to fold.
  if (PLAIN.test(raw) && !raw.includes('//') && !raw.includes('/.')) return raw
  if (!WELL_FORMED.test(raw)) return undefined
  const path = raw
    .replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
      const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      return UNRESERVED.test(character) ? character : escape.toUpperCase()
    })
    .replaceAll(NOT_IN_A_PATH, escapeByte)
    .replaceAll(/\/{2,}/g, '/')
  // An encoded slash or backslash is a separator to some servers and a character to others; a control character is
  // never meant; and a dot segment that a browser would have resolved was put there to be resolved elsewhere.
  return /%(?:[01][0-9A-F]|2F|5C|7F)/.test(path) || DOT_SEGMENT.test(path) ? undefined : path
}

// KasmVNC searches the whole request text, query included, for `/api/` and `../`: a query has no use for a bare slash.
function canonicalQuery(raw: string): string {
  return raw.replaceAll(NOT_IN_A_QUERY, escapeByte)
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

const PLAIN = /^[\w\-.~!$&'()*+,;=:@/]*$/
// Node hands the target over as bytes (latin1); a backslash or a stray percent sign has no reading.
const WELL_FORMED = /^(?:[^%\\#]|%[0-9a-f]{2})*$/i
const UNRESERVED = /[\w\-.~]/
const NOT_IN_A_PATH = /[^\w\-.~!$&'()*+,;=:@/%]/g
const NOT_IN_A_QUERY = /[^\w\-.~!$&'()*+,;=:@?%]/g
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/
