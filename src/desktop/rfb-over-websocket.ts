// Standard RFB over WebSocket: noVNC's pages from a plain file server, websockify beside it. No API, no downloads.

import type { KindOfDesktop } from './desktop-kind.ts'
import { kasmvnc } from './kasmvnc.ts'

export const rfbOverWebSocket: KindOfDesktop = {
  dialect: 'rfb',
  longestFrame: 1_048_576,
  subprotocol: 'binary',
  forwardedHeaders: ['Accept', 'Accept-Encoding', 'If-Modified-Since', 'If-None-Match', 'Range'],
  headAsGet: false,
  bodyMethods: [],
  csp: kasmvnc.csp,
  meaningOf: () => 'client',
  // Its server knows conditions and ranges itself, and what stands before it may tell people apart.
  clientFileType: () => undefined,
  showsFiles: () => false,
  isReadOnly: () => true,
}
