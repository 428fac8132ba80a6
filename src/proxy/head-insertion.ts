// Inserts bytes at the start of the head of an HTML document, however it is split into chunks. It reads what precedes the head as
// browsers do (HTML 13.2.5 and 13.2.6.4.1 to 13.2.6.4.4): white space, comments and a doctype, then optionally <html>, then
// optionally <head>. Anything else starts the head implicitly.

/** How many bytes to wait for. If a comment is still open then, the head starts before that comment. */
const MAX_HELD = 65_536

// A quote has a meaning only after `=`, where it may hide a `>`.
const ATTRIBUTES = String.raw`(?:[^>=]|=[\t\n\f\r ]*(?:"[^"]*"|'[^']*'|(?=[^"'\t\n\f\r ])))*`
const startTag = (name: string): string => String.raw`<${name}(?=[\t\n\f\r />])${ATTRIBUTES}>`
const COMMENT = String.raw`<!--(?:-?>|[^]*?--!?>)`
/** A doctype, or anything that browsers treat as a comment. */
const DECLARATION = String.raw`<(?:!(?!-)|!-(?!-)|\?)[^>]*>`
const BEFORE_HEAD = new RegExp(
  [String.raw`[\t\n\f\r ]+`, COMMENT, DECLARATION, startTag('html')].join('|'),
  'iy',
)
const HEAD = new RegExp(startTag('head'), 'iy')
/** This text may still become one of the above. */
const UNFINISHED = /^(?:<(?:[!?].*|h?|ht|htm|he|hea|(?:html|head)(?:[\t\n\f\r />].*)?))?$/is
const BYTE_ORDER_MARK = '\xef\xbb\xbf'

export class HeadInsertion {
  readonly #inserted: Buffer
  /** The start of the document, until the start of the head is known. */
  #held: Buffer | undefined = Buffer.alloc(0)

  constructor(inserted: Buffer) {
    this.#inserted = inserted
  }

  /** Returns what to forward instead of the next chunk of the document. */
  push(chunk: Buffer): readonly Buffer[] {
    if (this.#held === undefined) return [chunk]
    this.#held = Buffer.concat([this.#held, chunk])
    const { at, isCertain } = findHead(this.#held.toString('latin1'))
    return isCertain || this.#held.length > MAX_HELD ? this.#insertAt(at) : []
  }

  /** Returns what is left to forward at the end of the document. */
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

/** Where the head starts in a document that starts like this. */
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
