// A load balancer as far as TCP goes: WebSockets to one replica, everything else to another. A browser opens a connection
// of its own for each WebSocket, so that the first bytes tell.

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
  const server = createServer((socket) => {
    socket.once('data', (first) => {
      const isWebSocket = /^upgrade: websocket\r$/im.test(first.toString('latin1'))
      const replica = connect(isWebSocket ? to.webSockets : to.everythingElse, '127.0.0.1')
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
