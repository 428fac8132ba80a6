// What websockify does: the bytes of a viewer's WebSocket to a VNC server's socket and back, a full side holding back
// the other one.

import { connect } from 'node:net'
import { pipeline } from 'node:stream'
import { createWebSocketStream } from 'ws'
import type { WebSocket } from 'ws'

/** `path` is the Unix socket a VNC server listens on. */
export function bridgeTo(path: string): (viewer: WebSocket) => void {
  return (viewer) => {
    const stream = createWebSocketStream(viewer)
    // Either side's end or failure destroys both.
    pipeline(stream, connect(path), stream, () => viewer.terminate())
  }
}
