// The `-httpd` folder: GET only, no validators, no ranges, directory listings (WS.c:851-1083).

import type { Answers } from './answer.ts'

export interface StaticFile {
  readonly body: string | Buffer
  /** In place of the type that the extension gives. */
  readonly type?: string
}

/** By absolute path; a folder is there when a file is in it. */
export type StaticFiles = ReadonlyMap<string, StaticFile>

const MAX_URL = 1_024

/** In this order, by prefix: `.json` counts as a script; `.mjs`, `.wasm` and `.woff` have no type (WS.c:851). */
const TYPES: readonly (readonly [prefix: string, type: string])[] = [
  ['htm', 'text/html'],
  ['txt', 'text/plain'],
  ['css', 'text/css'],
  ['js', 'application/javascript'],
  ['gif', 'image/gif'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['png', 'image/png'],
  ['svg', 'image/svg+xml'],
]

/** The answer to a request text that is neither an upgrade nor an API call. */
export function answerStatic(text: string, files: StaticFiles, answers: Answers): Buffer {
  // HEAD and every other method: 404, with a body (WS.c:974).
  if (!text.startsWith('GET ')) return answers.notFound()
  const urlLength = text.indexOf(' ', 4) - 4
  // The dots are searched in all that follows, so a Cookie or a Referer with `../` hides every file (WS.c:979).
  if (urlLength < 1 || urlLength > MAX_URL || text.includes('../', 4)) return answers.notFound()
  const [asked = ''] = text.slice(4, 4 + urlLength).split('?')
  const encoded = asked === '/' ? '/index.html' : asked
  const path = decodePercent(encoded)
  if (path.includes('../')) return answers.notFound()

  const file = path.endsWith('/') ? undefined : files.get(onDisk(path))
  if (file !== undefined) return answers.ok(file.type ?? typeOf(encoded), file.body)
  const entries = entriesOf(onDisk(path), files)
  if (entries.length === 0) return answers.notFound()
  return path.endsWith('/') ? listing(path, entries, answers) : answers.moved(path)
}

/** Decided by the requested path, before decoding. */
function typeOf(path: string): string {
  const extension = path.slice(path.lastIndexOf('.') + 1)
  // WS.c:859: what people saved must not run as a page of this origin.
  if (!path.includes('.') || path.toLowerCase().includes('downloads/'))
    return 'application/octet-stream'
  return TYPES.find(([prefix]) => extension.startsWith(prefix))?.[1] ?? 'application/octet-stream'
}

/** percent_decode(): `%2F` becomes `_`, `%00` ends the path, a cut-off escape ends it too (WS.c:159). */
function decodePercent(path: string): string {
  const decoded = path.replaceAll(/%(.{0,2})/gs, (_, digits: string) => {
    if (digits.length < 2) return '\0'
    const character = String.fromCharCode(Number.parseInt(digits, 16) & 0xff)
    return character === '/' ? '_' : character
  })
  return decoded.split('\0')[0] ?? ''
}

/** As a file system reads it: empty segments and `.` are ignored. */
function onDisk(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.')
  return `/${segments.join('/')}`
}

function entriesOf(folder: string, files: StaticFiles): string[] {
  const prefix = folder === '/' ? '/' : `${folder}/`
  const names = [...files.keys()]
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length).replace(/\/.*/s, '/'))
  return [...new Set(names)].sort()
}

/** Names go into the page as they are: a file name is markup here (WS.c:946). */
function listing(path: string, entries: readonly string[], answers: Answers): Buffer {
  const items = entries.map((name) => {
    const isFolder = name.endsWith('/')
    const bare = isFolder ? name.slice(0, -1) : name
    const encoded = bare.replaceAll(
      /[^a-zA-Z0-9.,]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    return `<li><a href="${encoded}${isFolder ? '/' : ''}">${name}</a></li>`
  })
  const title = `<html><title>Directory Listing</title><body><h2>${path}</h2><hr><ul>`
  return answers.withoutLength(
    '200 OK',
    'text/html',
    `${title}${items.join('')}</ul></body></html>`,
  )
}
