// The relay that the gateway is compared with, the simplest possible in Node: two sockets and two pipes. The upgrade
// passes like any other bytes.

import { connect, createServer, type AddressInfo } from 'node:net'

const upstreamPort = Number(process.env['BENCH_UPSTREAM_PORT'])

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true })
  client.on('error', () => upstream.destroy())
  upstream.on('error', () => client.destroy())
  client.on('close', () => upstream.destroy())
  upstream.on('close', () => client.destroy())
  client.pipe(upstream)
  upstream.pipe(client)
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'listening', port }))
})
