// The WebSocket handshake on the wire (RFC 6455 4.1 and 4.2): reads the browser's offer, checks the desktop's answer, and writes
// the gateway's answer.

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Offer {
  readonly key: string
  /** The subprotocols that the browser offers. An answer must name one of them or none. */
  readonly protocols: readonly string[]
}

/** A token (RFC 9110 5.6.2) of plausible length. */
const SUBPROTOCOL = /^[\w!#$%&'*+\-.^`|~]{1,128}$/
const MAX_SUBPROTOCOLS = 8

/** The client's offer; undefined if this is not a WebSocket handshake that the server can accept. */
export function readHandshake(
  { method, httpVersion, headers }: IncomingMessage,
  subprotocol: string | undefined,
): Offer | undefined {
  const key = headers['sec-websocket-key'] ?? ''
  const list = (headers['sec-websocket-protocol'] ?? '').trim()
  const protocols = list === '' ? [] : list.split(',').map((name) => name.trim())
  const isTaken =
    subprotocol === undefined
      ? protocols.length <= MAX_SUBPROTOCOLS && protocols.every((name) => SUBPROTOCOL.test(name))
      : protocols.length === 0 || protocols.includes(subprotocol)
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
  const isHandshake =
    method === 'GET' &&
    httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[A-Za-z0-9+/]{22}==$/.test(key) &&
    isTaken &&
    // The server would take a body for the first frames.
    length === '0' &&
    encoding === undefined
  return isHandshake ? { key, protocols } : undefined
}

export function isProperAnswer({ statusCode, headers }: IncomingMessage, key: string): boolean {
  const { upgrade, 'sec-websocket-accept': accept } = headers
  return (
    statusCode === 101 &&
    upgrade?.toLowerCase() === 'websocket' &&
    accept === acceptOf(key) &&
    headers['sec-websocket-extensions'] === undefined
  )
}

export function switchingProtocols({ key, protocols }: Offer, chosen: string | undefined): string {
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
    ...(chosen !== undefined && protocols.includes(chosen)
      ? [`Sec-WebSocket-Protocol: ${chosen}`]
      : []),
    '\r\n',
  ].join('\r\n')
}

/** RFC 6455 4.2.2 (5.4). */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
