// How KasmVNC reads a request: one buffer, searched by substring. It never parses a header, so the first hit anywhere
// in the text counts, be it in the URL, inside another header or in a body (WS.c is websocket.c).

import type { Duplex } from 'node:stream'

/** The buffer holds 16 KiB with one byte kept for the NUL (WS.c:1892). */
const MAX_BYTES = 16 * 1024 - 1
const MAX_READS = 10
const MAX_FIELD = 1_024
const MAX_CREDENTIAL = 256
const MAX_USER_NAME = 127

export interface Received {
  readonly outcome: 'complete' | 'too-large' | 'incomplete'
  readonly bytes: Buffer
  /** What arrived with it and did not fit: the first bytes the tunnel reads. */
  readonly rest: Buffer
}

export interface Upgrade {
  readonly key: string
  /** What the 101 answer names. */
  readonly protocol: string
}

export interface Account {
  readonly password: string
  readonly read: boolean
  readonly write: boolean
  readonly owner: boolean
}

export type Authentication =
  | { readonly outcome: 'known'; readonly user: string; readonly account: Account }
  | { readonly outcome: 'missingCredentials' | 'malformedCredentials' | 'wrongCredentials' }

/** Reads until the empty line, in at most ten reads of whatever has arrived (WS.c:1932). Leaves the socket paused. */
export function receiveRequest(socket: Duplex): Promise<Received> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    let reads = 0
    const finish = (outcome: Received['outcome'], rest: Buffer): void => {
      socket.off('data', read).off('end', giveUp).off('close', giveUp).pause()
      resolve({ outcome, bytes, rest })
    }
    const giveUp = (): void => finish('incomplete', Buffer.alloc(0))
    const read = (chunk: Buffer): void => {
      const room = MAX_BYTES - bytes.length
      bytes = Buffer.concat([bytes, chunk.subarray(0, room)])
      const rest = chunk.subarray(room)
      reads += 1
      if (cString(bytes).includes('\r\n\r\n')) finish('complete', rest)
      else if (bytes.length >= MAX_BYTES) finish('too-large', rest)
      else if (reads === MAX_READS) finish('incomplete', rest)
    }
    socket.on('data', read).on('end', giveUp).on('close', giveUp).resume()
  })
}

/** The text the server sees: C strings end at the first NUL. */
export function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end)
}

/** strcasestr() with what follows the hit, up to `end`; undefined without both. */
function after(text: string, needle: string, end: string): string | undefined {
  const at = text.toLowerCase().indexOf(needle.toLowerCase())
  if (at < 0) return undefined
  const start = at + needle.length
  const stop = text.indexOf(end, start)
  return stop < 0 ? undefined : text.slice(start, stop)
}

/** Whom the server takes the request to come from, and bans for it: anyone may say so (WS.c:1960-1981). */
export function clientAddress(text: string, peer: string): string {
  const first = after(text, 'X-Forwarded-For: ', '\r')?.split(',')[0]
  return first !== undefined && /^[0-9a-f.:]{0,63}$/i.test(first) ? first : peer
}

/** WS.c:2006-2091. The first hit is the credential, also inside `Proxy-Authorization: Basic …` or a `User-Agent`. */
export function authenticate(text: string, accounts: ReadonlyMap<string, Account>): Authentication {
  if (!text.toLowerCase().includes('authorization: basic '))
    return { outcome: 'missingCredentials' }
  const encoded = after(text, 'Authorization: Basic ', '\r')
  if (encoded === undefined || encoded.length > MAX_CREDENTIAL)
    return { outcome: 'malformedCredentials' }
  const [credential = ''] = decodeBase64(encoded).toString('latin1').split('\0')
  const colon = credential.indexOf(':')
  const user = credential.slice(0, colon)
  const password = credential.slice(colon + 1)
  const account = accounts.get(user)
  const fits = colon >= 0 && user.length <= MAX_USER_NAME && password !== ''
  if (!fits || account?.password !== password) return { outcome: 'wrongCredentials' }
  return { outcome: 'known', user, account }
}

/**
 * What makes a request an upgrade (WS.c:613-740), undefined for plain HTTP: also where only the Origin or the
 * subprotocol is missing or a field is too long. Neither the path nor the value of Origin is looked at.
 */
export function parseUpgrade(text: string): Upgrade | undefined {
  const isUpgrade = text.toLowerCase().includes('upgrade: websocket')
  if (!text.startsWith('GET ') || !isUpgrade) return undefined
  const field = (name: string): string | undefined => after(text, `\r\n${name}: `, '\r\n')
  const key = field('Sec-WebSocket-Key')
  const protocols = field('Sec-WebSocket-Protocol')
  const fields = [
    after(text, 'GET ', ' HTTP/1.1'),
    field('Host'),
    field('Origin') ?? field('Sec-WebSocket-Origin'),
    field('Sec-WebSocket-Version'),
    field('Connection'),
    key,
    protocols,
  ]
  if (!fields.every((value) => value !== undefined && value.length <= MAX_FIELD)) return undefined
  // strtok(): leading commas are skipped, and a space before a token stays.
  const protocol = protocols?.split(',').find((token) => token !== '') ?? 'null'
  return { key: key ?? '', protocol }
}

/** As OpenSSL decodes: the standard alphabet in whole groups of four, nothing at all for anything else. */
export function decodeBase64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return Buffer.alloc(0)
  return Buffer.from(text.slice(0, text.length - (text.length % 4)), 'base64')
}
