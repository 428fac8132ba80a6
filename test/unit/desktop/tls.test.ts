import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { DesktopTls } from '../../../src/config/config.ts'
import { createAgent } from '../../../src/desktop/tls.ts'
import { createCertificate } from '../../support/certificate.ts'

const certificate = createCertificate('desktop')
const fingerprint = new X509Certificate(certificate.cert).fingerprint256
  .replaceAll(':', '')
  .toLowerCase()
const folder = mkdtempSync(join(tmpdir(), 'ghostwire-'))
const caFile = join(folder, 'ca.pem')
writeFileSync(caFile, certificate.cert)

const heard: string[] = []
const server = createServer(certificate, (asked, answer) => {
  heard.push(asked.headers.authorization ?? '')
  answer.end('desktop')
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => {
  rmSync(folder, { recursive: true })
  server.closeAllConnections()
  return new Promise((resolve) => void server.close(resolve))
})

const none: DesktopTls = { caFile: undefined, fingerprint: undefined, insecure: false }

function ask(tls: DesktopTls): Promise<number | string> {
  const { port } = server.address() as AddressInfo
  const agent = createAgent(new URL('https://127.0.0.1'), tls, { keepAlive: false })
  const headers = { authorization: 'Basic secret' }
  return new Promise((resolve) => {
    request({ host: '127.0.0.1', port, agent, protocol: 'https:', headers })
      .on('response', (answer) => resolve(answer.resume().statusCode ?? 0))
      .on('error', (error) => resolve(error.message))
      .end()
  })
}

it.each<[string, Partial<DesktopTls>]>([
  ['its CA', { caFile }],
  ['its fingerprint', { fingerprint }],
  ['no check at all', { insecure: true }],
  ['its fingerprint alone, whatever CA is named', { fingerprint, caFile }],
])('sends a request to a desktop that is trusted by %s', async (_, tls) => {
  heard.length = 0
  expect(await ask({ ...none, ...tls })).toBe(200)
  expect(heard).toEqual(['Basic secret'])
})

it.each<[string, Partial<DesktopTls>, string]>([
  ['nobody knows', {}, 'self-signed'],
  ['has another fingerprint', { fingerprint: '0'.repeat(64) }, 'is not the pinned one'],
  [
    'has another fingerprint, unchecked or not',
    { fingerprint: '0'.repeat(64), insecure: true },
    'pinned',
  ],
])('sends no credentials to a desktop whose certificate %s', async (_, tls, words) => {
  heard.length = 0
  expect(await ask({ ...none, ...tls })).toContain(words)
  expect(heard).toEqual([])
})

it('names the certificate that the desktop has', async () => {
  expect(await ask({ ...none, fingerprint: 'f'.repeat(64) })).toContain(fingerprint)
})

it('uses no TLS for a desktop on http', () => {
  const agent = createAgent(new URL('http://127.0.0.1'), none, {})
  expect(agent).toHaveProperty('defaultPort', 80)
  expect(createAgent(new URL('https://127.0.0.1'), none, {})).toHaveProperty('defaultPort', 443)
})
