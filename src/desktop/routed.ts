// Further servers under paths of their own (`desktop.routes`): in Kasm's images sound, uploads, microphone and gamepad. Their
// protocols are not published, so the gateway does not interpret their paths and only counts the bytes of their streams.

import type { KindOfDesktop } from './desktop-kind.ts'
import { kasmvnc } from './kasmvnc.ts'

export const routed: KindOfDesktop = {
  dialect: undefined,
  longestFrame: Number.POSITIVE_INFINITY,
  subprotocol: undefined,
  forwardedHeaders: [
    'Accept',
    'Accept-Encoding',
    'Accept-Language',
    'Content-Type',
    'If-Modified-Since',
    'If-None-Match',
    'Range',
  ],
  headAsGet: false,
  bodyMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
  csp: kasmvnc.csp,
  meaningOf: () => 'client',
  clientFileType: () => undefined,
  showsFiles: () => false,
  isReadOnly: () => true,
}
