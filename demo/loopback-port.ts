// Whether http://localhost:PORT would lead to us: `localhost` is 127.0.0.1 and ::1, and a browser asks either.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { codeOf } from '../src/lib/errors.ts'

/** The port, a free one for 0, that nobody listens on at either address; rejects when somebody does. */
export async function findLoopbackPort(wanted: number): Promise<number> {
  const port = await tryListening('127.0.0.1', wanted)
  try {
    await tryListening('::1', port)
  } catch (error) {
    // A machine without IPv6 has nobody there either.
    if (!['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error) ?? '')) throw error
  }
  return port
}

async function tryListening(host: string, port: number): Promise<number> {
  const server = createServer()
  server.listen(port, host)
  await once(server, 'listening')
  const { port: found } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return found
}
