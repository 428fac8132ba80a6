// Puts a few bytes first into the head of an HTML document that passes by, wherever it is cut into pieces. What stands
// before the head is read as browsers read it (HTML 13.2.5 and 13.2.6.4.1 to 13.2.6.4.4): white space, comments and a
// doctype, then perhaps <html>, then perhaps <head>. Anything else begins the head without saying so.

/** So much is waited for. Behind it a comment is still open, and the head begins before that comment. */
const MAX_HELD = 65_536

// A quote has a meaning behind `=` alone, and there it may hide a `>`.
const ATTRIBUTES = String.raw`(?:[^>=]|=[\t\n\f\r ]*(?:"[^"]*"|'[^']*'|(?=[^"'\t\n\f\r ])))*`
const startTag = (name: string): string => String.raw`<${name}(?=[\t\n\f\r />])${ATTRIBUTES}>`
const COMMENT = String.raw`<!--(?:-?>|[^]*?--!?>)`
/** A doctype, and what browsers take for a comment. */
const DECLARATION = String.raw`<(?:!(?!-)|!-(?!-)|\?)[^>]*>`
const BEFORE_HEAD = new RegExp(
  [String.raw`[\t\n\f\r ]+`, COMMENT, DECLARATION, startTag('html')].join('|'),
  'iy',
)
const HEAD = new RegExp(startTag('head'), 'iy')
/** One of the above may still come of it. */
const UNFINISHED = /^(?:<(?:[!?].*|h?|ht|htm|he|hea|(?:html|head)(?:[\t\n\f\r />].*)?))?$/is
const BYTE_ORDER_MARK = '\xef\xbb\xbf'

export class HeadInsertion {
  readonly #inserted: Buffer
  /** The beginning of the document, until it is known where the head begins. */
  #held: Buffer | undefined = Buffer.alloc(0)

  constructor(inserted: Buffer) {
    this.#inserted = inserted
  }

  /** What to send on, in place of the document's next piece. */
  push(chunk: Buffer): readonly Buffer[] {
    if (this.#held === undefined) return [chunk]
    this.#held = Buffer.concat([this.#held, chunk])
    const { at, isCertain } = findHead(this.#held.toString('latin1'))
    return isCertain || this.#held.length > MAX_HELD ? this.#insertAt(at) : []
  }

  /** What is left to send at the end of the document. */
  end(): readonly Buffer[] {
    if (this.#held === undefined) return []
    return this.#insertAt(findHead(this.#held.toString('latin1')).at)
  }

  #insertAt(at: number): readonly Buffer[] {
    const held = this.#held ?? Buffer.alloc(0)
    this.#held = undefined
    return [held.subarray(0, at), this.#inserted, held.subarray(at)]
  }
}

/** Where the head begins in a document that begins so. */
function findHead(text: string): { at: number; isCertain: boolean } {
  if (text.length < BYTE_ORDER_MARK.length && BYTE_ORDER_MARK.startsWith(text)) {
    return { at: text.length, isCertain: false }
  }
  let at = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
  for (;;) {
    HEAD.lastIndex = at
    if (HEAD.test(text)) return { at: HEAD.lastIndex, isCertain: true }
    BEFORE_HEAD.lastIndex = at
    if (!BEFORE_HEAD.test(text)) return { at, isCertain: !UNFINISHED.test(text.slice(at)) }
    at = BEFORE_HEAD.lastIndex
  }
}
