// What a tunnel connects: the sockets after both handshakes, and who is at each end.

import type { Socket } from 'node:net'
import type { Permission, Role } from '../config/config.ts'
import type { RfbClientReader } from '../desktop/rfb.ts'
import type { Upstream } from '../desktop/upstream.ts'

export interface Link {
  readonly client: Socket
  /** The server at the other end of the tunnel. */
  readonly server: Pick<Upstream, 'url' | 'markGone'>
  /** Created by an agent that reuses its read buffers. */
  readonly upstream: Socket
  /** Bytes that each side sent directly after its handshake. */
  readonly clientHead: Buffer
  readonly upstreamHead: Buffer
  readonly role: Role
  readonly clipboardIn: Permission
  readonly address: string
  readonly requestId: string
  /** Parses what the browser sends; undefined: the server does not speak RFB, and frames are only tracked. */
  readonly reader: RfbClientReader | undefined
  /** The longest payload that the desktop accepts in one frame. */
  readonly longestFrame: number
}
