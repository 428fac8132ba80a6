import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { untrustedCertificate } from '../../../demo/untrusted-certificate.ts'
import { createCertificate } from '../../support/certificate.ts'

it('finds the self-signed certificate of a desktop', async () => {
  const certificate = createCertificate()
  const server = createServer(certificate)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const fingerprint = new X509Certificate(certificate.cert).fingerprint256
  const expected = fingerprint.replaceAll(':', '').toLowerCase()
  expect(await untrustedCertificate(new URL(`https://127.0.0.1:${port}`))).toBe(expected)
  expect(await untrustedCertificate(new URL(`https://localhost:${port}`))).toBe(expected)
  server.close()
})

it('explains why there is none', async () => {
  await expect(untrustedCertificate(new URL('https://127.0.0.1:1'))).rejects.toThrow('ECONNREFUSED')
})
