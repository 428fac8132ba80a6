// Standard RFB over WebSocket: noVNC's pages from a plain file server, with websockify. It has no API and no downloads.

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
  // The file server handles conditional and range requests itself, and may answer different people differently.
  clientFileType: () => undefined,
  showsFiles: () => false,
  isReadOnly: () => true,
}
