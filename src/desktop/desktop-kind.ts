// What the gateway must know of a kind of desktop server before it lets a request through to it.

import type { RfbDialect } from './rfb-messages.ts'

/** What a path of the desktop's is for. */
export type PathMeaning = 'client' | 'download' | 'owner-api'

export interface KindOfDesktop {
  /** What its clients speak; undefined: no RFB, and nobody reads along. */
  readonly dialect: RfbDialect | undefined
  /** The longest payload, in bytes, that it takes in one WebSocket frame. */
  readonly longestFrame: number
  /** The one WebSocket subprotocol it is asked for; undefined: what the browser offers. */
  readonly subprotocol: 'binary' | undefined
  /** Client headers that may travel on, canonical spelling. Nothing else does. */
  readonly forwardedHeaders: readonly string[]
  /** HEAD is asked as GET, and the body dropped. */
  readonly headAsGet: boolean
  /** Methods beside GET and HEAD, whose bodies pass as they come. */
  readonly bodyMethods: readonly string[]
  /** `Content-Security-Policy` of everything the desktop serves. */
  readonly csp: string
  meaningOf(path: string): PathMeaning
  /**
   * `Content-Type` of a file that its web client is made of, the same for everybody who may ask; undefined for anything
   * else.
   */
  clientFileType(path: string): string | undefined
  /** The path may lead to files that somebody keeps on the desktop, or lists them: closed by `downloads: deny`. */
  showsFiles(path: string): boolean
  /** Asking for it by GET changes nothing, so that a page of another site may as well lead a person there. */
  isReadOnly(path: string): boolean
}
