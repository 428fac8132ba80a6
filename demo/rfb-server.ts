// An RFB 3.8 server (RFC 6143) over WebSockets, for any number of viewers of one framebuffer: security None, Raw and Zlib.

import type { WebSocket } from 'ws'
import type { Rectangle } from './rfb/rectangle.ts'
import { createRfbViewer } from './rfb/viewer.ts'
import type { RfbSource, RfbViewer } from './rfb/viewer.ts'

export interface RfbServer {
  readonly viewers: number
  /** Speaks RFB with the viewer at the other end until it leaves. */
  add(socket: WebSocket): void
  /** The framebuffer has changed there. */
  damage(area: Rectangle): void
}

export function createRfbServer(source: RfbSource): RfbServer {
  const viewers = new Set<RfbViewer>()
  return {
    get viewers() {
      return viewers.size
    },
    add(socket) {
      const viewer = createRfbViewer(socket, source)
      viewers.add(viewer)
      socket.on('close', () => viewers.delete(viewer))
    },
    damage(area) {
      for (const viewer of viewers) viewer.damage(area)
    },
  }
}
