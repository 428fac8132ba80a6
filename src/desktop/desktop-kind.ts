// What the gateway must know about each kind of desktop server.

import type { RfbDialect } from './rfb-messages.ts'

/** What a path of the desktop means. */
export type PathMeaning = 'client' | 'download' | 'owner-api'

export interface KindOfDesktop {
  /** The RFB dialect of its clients; undefined: not RFB, so frames are not parsed. */
  readonly dialect: RfbDialect | undefined
  /** The longest payload of a WebSocket frame that it accepts, in bytes. */
  readonly longestFrame: number
  /** The only WebSocket subprotocol that the gateway requests; undefined: those that the browser offers. */
  readonly subprotocol: 'binary' | undefined
  /** The client headers that are forwarded, in canonical case. No others are. */
  readonly forwardedHeaders: readonly string[]
  /** HEAD is sent as GET, and the body is dropped. */
  readonly headAsGet: boolean
  /** Methods besides GET and HEAD. Their bodies are streamed. */
  readonly bodyMethods: readonly string[]
  /** `Content-Security-Policy` of everything the desktop serves. */
  readonly csp: string
  meaningOf(path: string): PathMeaning
  /**
   * `Content-Type` of a file that its web client is made of, the same for everybody who may ask; undefined for anything
   * else.
   */
  clientFileType(path: string): string | undefined
  /** The path may lead to files on the desktop, or list them. `downloads: deny` refuses it. */
  showsFiles(path: string): boolean
  /** A GET of this path changes nothing, so a link on another site may lead there. */
  isReadOnly(path: string): boolean
}
