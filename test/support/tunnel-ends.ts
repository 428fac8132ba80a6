// A single tunnel between two real connections, with both far ends under the test's control.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Restrictions } from '../../src/desktop/restrictions.ts'
import { RfbClientReader } from '../../src/desktop/rfb.ts'
import type { RfbDialect } from '../../src/desktop/rfb-messages.ts'
import { ReusedReads } from '../../src/net/reused-reads.ts'
import type { CloseReason } from '../../src/proxy/close-reasons.ts'
import { Tunnel } from '../../src/proxy/tunnel.ts'
import { TurnQueue } from '../../src/proxy/turn-queue.ts'

export interface TunnelEnds {
  readonly tunnel: Tunnel
  /** The far ends. */
  readonly browser: Socket
  readonly desktop: Socket
  /** The gateway's own socket towards the browser. */
  readonly client: Socket
  readonly closed: Promise<CloseReason>
}

export interface TunnelEndsOptions {
  /** Undefined: something else than RFB. */
  readonly dialect?: RfbDialect | undefined
  readonly restrictions?: Restrictions
  readonly turns?: TurnQueue
  /** Runs with the gateway's own sockets during the handshake. */
  readonly beforeStart?: (near: { client: Socket; upstream: Socket }) => Promise<void>
}

const none = Buffer.alloc(0)

export async function openTunnelEnds(options: TunnelEndsOptions = {}): Promise<TunnelEnds> {
  const { dialect, restrictions, turns = new TurnQueue() } = options
  const [front, back] = [await listen(), await listen()]
  const arrived = once(front, 'connection') as Promise<[Socket]>
  const reached = once(back, 'connection') as Promise<[Socket]>
  const browser = connect({ host: '127.0.0.1', port: portOf(front), noDelay: true })
  const reads = new ReusedReads()
  const upstream = connect({ host: '127.0.0.1', port: portOf(back), ...reads.connectOptions })
  reads.attach(upstream)
  const [[client], [desktop]] = await Promise.all([arrived, reached])
  for (const socket of [browser, desktop, client, upstream]) socket.on('error', () => {})
  for (const server of [front, back]) server.close()
  const closed = Promise.withResolvers<CloseReason>()
  const tunnel = new Tunnel(
    {
      client,
      upstream,
      clientHead: none,
      upstreamHead: none,
      role: 'control',
      clipboardIn: 'allow',
      address: '127.0.0.1',
      requestId: 'r',
      server: { url: new URL('http://desktop:6901'), markGone: () => {} },
      reader: dialect === undefined ? undefined : new RfbClientReader(dialect, restrictions),
      longestFrame: 65_527,
    },
    turns,
    { onHumanInput: () => {}, onUnknown: () => {}, onClosed: closed.resolve },
  )
  // The same timeout as the server sets for requests.
  client.setTimeout(60_000)
  await options.beforeStart?.({ client, upstream })
  tunnel.start(none, none)
  return { tunnel, browser, desktop, client, closed: closed.promise }
}

async function listen(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
