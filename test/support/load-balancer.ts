// A TCP load balancer: WebSockets go to one replica, everything else to another. A browser opens a new connection for each
// WebSocket, so the first bytes decide.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface LoadBalancer {
  stop(): Promise<void>
}

/** Ports of 127.0.0.1, all three. */
export async function startLoadBalancer(
  port: number,
  to: { readonly webSockets: number; readonly everythingElse: number },
): Promise<LoadBalancer> {
  const sockets = new Set<Socket>()
  // Each side's FIN is passed on by itself: a socket closed at the first of them answers what still comes with a reset, and
  // a browser that writes into a reset does not read the Close that came before.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('data', (first) => {
      const isWebSocket = /^upgrade: websocket\r$/im.test(first.toString('latin1'))
      const port = isWebSocket ? to.webSockets : to.everythingElse
      const replica = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
      sockets.add(socket).add(replica)
      socket.on('error', () => replica.destroy()).on('close', () => replica.destroy())
      replica.on('error', () => socket.destroy()).on('close', () => socket.destroy())
      replica.write(first)
      socket.pipe(replica).pipe(socket)
    })
    socket.on('error', () => socket.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
