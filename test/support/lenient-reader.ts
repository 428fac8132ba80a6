// A reader of HTTP requests that forgives everything: LF for CRLF, `_` for `-`, a space before the colon, the first of
// several lengths, a length over `chunked`, and rubbish between requests. What it finds beyond one was smuggled.

export class LenientReader {
  #text = ''

  /** The requests that are whole by now, head and body as they came. */
  push(text: string): string[] {
    this.#text += text
    const requests: string[] = []
    for (let request = this.#shift(); request !== undefined; request = this.#shift()) {
      requests.push(request)
    }
    return requests
  }

  #shift(): string | undefined {
    const found = /(?<=^|\n)[A-Z]+ \S.*?\r?\n\r?\n/s.exec(this.#text)
    if (found === null) return undefined
    const [head] = found
    const bodyStart = found.index + head.length
    const end = bodyEnd(head, this.#text, bodyStart)
    if (end === undefined || end > this.#text.length) return undefined
    const request = this.#text.slice(found.index, end)
    this.#text = this.#text.slice(end)
    return request
  }
}

function bodyEnd(head: string, text: string, start: number): number | undefined {
  const length = /^content[-_]length[ \t]*:[ \t]*(\d+)/im.exec(head)?.[1]
  if (length !== undefined) return start + Number(length)
  return /^transfer[-_]encoding[ \t]*:.*chunked/im.test(head) ? chunksEnd(text, start) : start
}

function chunksEnd(text: string, start: number): number | undefined {
  const sizeLine = /\r?\n?([0-9a-f]+)[^\n]*\n/iy
  let at = start
  for (;;) {
    sizeLine.lastIndex = at
    const found = sizeLine.exec(text)
    if (found === null) return undefined
    const size = Number.parseInt(found[1] ?? '0', 16)
    at = sizeLine.lastIndex + size
    if (size > 0) continue
    const trailers = /(?:[^\r\n]+\r?\n)*\r?\n/y
    trailers.lastIndex = at
    return trailers.test(text) ? trailers.lastIndex : undefined
  }
}
