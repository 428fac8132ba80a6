// Does what websockify does: copies bytes between a viewer's WebSocket and a VNC server's socket, with back pressure in
// both directions.

import { connect } from 'node:net'
import { pipeline } from 'node:stream'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from 'ws'

/** `path` is the Unix socket on which a VNC server listens. */
export function bridgeTo(path: string): (viewer: WebSocket) => void {
  return (viewer) => {
    const stream = createWebSocketStream(viewer)
    // Either side's end or failure destroys both.
    pipeline(stream, connect(path), stream, () => viewer.terminate())
  }
}
