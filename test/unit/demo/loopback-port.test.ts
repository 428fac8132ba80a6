import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect, it } from 'vitest'
import { findLoopbackPort } from '../../../demo/loopback-port.ts'

it('finds a free port and does not keep it open', async () => {
  const port = await findLoopbackPort(0)
  expect(port).toBeGreaterThan(0)
  expect(await findLoopbackPort(port)).toBe(port)
})

/** Of this machine: not every one has ::1. */
const addresses = Object.values(networkInterfaces())
  .flatMap((interfaces) => interfaces ?? [])
  .map(({ address }) => address)
  .filter((address) => ['127.0.0.1', '::1'].includes(address))

it.each(addresses)('refuses a port that is in use at %s', async (host) => {
  const server = createServer()
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await expect(findLoopbackPort(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  server.close()
})
