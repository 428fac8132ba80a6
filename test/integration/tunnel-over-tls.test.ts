// A tunnel with TLS to the browser that ends in the middle of a frame, where no Close can be sent.

import { once } from 'node:events'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { expect, it } from 'vitest'
import { RfbClientReader } from '../../src/desktop/rfb.ts'
import { ReusedReads } from '../../src/net/reused-reads.ts'
import { Tunnel } from '../../src/proxy/tunnel.ts'
import { TurnQueue } from '../../src/proxy/turn-queue.ts'
import { createCertificate } from '../support/certificate.ts'

it('a tunnel that ends in the middle of a frame disconnects its TLS browser, without a Close', async () => {
  const { key, cert } = createCertificate()
  const front = createTlsServer({ key, cert })
  const back = createServer()
  for (const server of [front, back]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  const portOf = (server: typeof back): number => (server.address() as AddressInfo).port
  const accepted = once(front, 'secureConnection') as Promise<[TLSSocket]>
  const browser = connect({ host: '127.0.0.1', port: portOf(front), ca: cert })
  const reached = once(back, 'connection') as Promise<[Socket]>
  const reads = new ReusedReads()
  const upstream = connectTcp({ port: portOf(back), host: '127.0.0.1', ...reads.connectOptions })
  reads.attach(upstream)
  const [[client], [desktop]] = await Promise.all([accepted, reached])
  const received: Buffer[] = []
  browser.on('data', (chunk: Buffer) => received.push(chunk))
  browser.on('error', () => {})

  const closed = Promise.withResolvers<string>()
  const tunnel = new Tunnel(
    {
      client,
      upstream,
      clientHead: Buffer.alloc(0),
      upstreamHead: Buffer.alloc(0),
      role: 'control',
      clipboardIn: 'allow',
      address: '127.0.0.1',
      requestId: 'r',
      server: { url: new URL('http://desktop:6901'), markGone: () => {} },
      reader: new RfbClientReader('kasmvnc'),
      longestFrame: 65_527,
    },
    new TurnQueue(),
    { onHumanInput: () => {}, onUnknown: () => {}, onClosed: closed.resolve },
  )
  tunnel.start(Buffer.alloc(0), Buffer.alloc(0))
  // The header of a frame of a hundred bytes, and only a part of its payload.
  desktop.write(Buffer.from([0x82, 100, 1, 2, 3]))
  await expect.poll(() => Buffer.concat(received).length).toBe(5)
  tunnel.close('idle')
  expect(await closed.promise).toBe('idle')
  await expect.poll(() => browser.destroyed || browser.readableEnded).toBe(true)
  expect(Buffer.concat(received).length).toBe(5)
  for (const socket of [browser, desktop]) socket.destroy()
  for (const server of [front, back]) server.close()
})
