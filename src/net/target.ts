// Normalises the request target (RFC 9112 3.2.1). The same canonical form is checked by the gate and sent to the
// desktop, so two spellings of one path are always treated alike. A target that servers could read in two ways is refused.

export interface Target {
  /** Begins with one slash; only unreserved characters, sub-delimiters and `%XX` in upper case. */
  readonly path: string
  /** Including the `?`, or empty. */
  readonly query: string
}

/** KasmVNC copies the target into a buffer of 1,025 bytes, and without a bound before VNC-494 (WS.c). */
const MAX_LENGTH = 1_024

/** Returns the canonical target of `request.url`, or undefined when the target is refused. */
export function canonicalTarget(url: string): Target | undefined {
  if (url.length > MAX_LENGTH || !url.startsWith('/')) return undefined
  const mark = url.indexOf('?')
  const path = canonicalPath(mark === -1 ? url : url.slice(0, mark))
  if (path === undefined) return undefined
  const query = mark === -1 ? '' : `?${canonicalQuery(url.slice(mark + 1))}`
  return path.length + query.length > MAX_LENGTH ? undefined : { path, query }
}

function canonicalPath(raw: string): string | undefined {
  // Fast path for nearly all requests: nothing to decode, nothing to merge.
  if (PLAIN.test(raw) && !raw.includes('//') && !raw.includes('/.')) return raw
  if (!WELL_FORMED.test(raw)) return undefined
  const path = raw
    .replaceAll(/%[0-9a-f]{2}/gi, (escape) => {
      const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      return UNRESERVED.test(character) ? character : escape.toUpperCase()
    })
    .replaceAll(NOT_IN_A_PATH, escapeByte)
    .replaceAll(/\/{2,}/g, '/')
  // Some servers read an encoded slash or backslash as a separator, others as a character. Control characters have no
  // legitimate use. Browsers resolve dot segments before they send them, so one that arrives here is an attack.
  return /%(?:[01][0-9A-F]|2F|5C|7F)/.test(path) || DOT_SEGMENT.test(path) ? undefined : path
}

// KasmVNC searches the whole request text, query included, for `/api/` and `../`. So slashes in the query are escaped.
function canonicalQuery(raw: string): string {
  return raw.replaceAll(NOT_IN_A_QUERY, escapeByte)
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

const PLAIN = /^[\w\-.~!$&'()*+,;=:@/]*$/
// Node passes the target as bytes (latin1). A backslash or a stray percent sign has no defined meaning.
const WELL_FORMED = /^(?:[^%\\#]|%[0-9a-f]{2})*$/i
const UNRESERVED = /[\w\-.~]/
const NOT_IN_A_PATH = /[^\w\-.~!$&'()*+,;=:@/%]/g
const NOT_IN_A_QUERY = /[^\w\-.~!$&'()*+,;=:@?%]/g
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/
