// What a pod with a token finds: the files of its service account, and an API server with TLS.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCertificate, type Certificate } from '../../support/certificate.ts'

const PLACE = '/var/run/secrets/kubernetes.io/serviceaccount'

export interface Account {
  readonly certificate: Certificate
  /** An argument of node: the script finds the files where a pod has them. */
  readonly preload: string
  /** Instead of what the chart renders. */
  readonly replaced: Readonly<Record<string, string>>
  /** TLS in front of the API server of the tests. */
  startFront(url: string): Promise<Front>
  remove(): void
}

export interface Front {
  readonly port: number
  /** Of each request. */
  readonly authorizations: readonly (string | undefined)[]
  close(): void
}

export function createAccount(namespace: string): Account {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-account-'))
  const certificate = createCertificate()
  writeFileSync(join(folder, 'namespace'), namespace)
  writeFileSync(join(folder, 'token'), 'a token of the job\n')
  writeFileSync(join(folder, 'ca.crt'), certificate.cert)
  const moved = `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { readFileSync } = fs
    fs.readFileSync = (path, ...rest) =>
      readFileSync(typeof path === 'string' ? path.replace('${PLACE}', ${JSON.stringify(folder)}) : path, ...rest)
    syncBuiltinESMExports()`
  return {
    certificate,
    preload: `--import=data:text/javascript,${encodeURIComponent(moved)}`,
    replaced: { NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') },
    startFront: (url) => startFront(url, certificate),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

async function startFront(url: string, certificate: Certificate): Promise<Front> {
  const authorizations: (string | undefined)[] = []
  const server = createServer(certificate, (asked, response) => {
    authorizations.push(asked.headers.authorization)
    const passed = request(`${url}${asked.url}`, {
      method: asked.method ?? '',
      headers: asked.headers,
    })
    passed.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    asked.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    authorizations,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Variables that the kubelet sets. */
export function apiServerAt(port: number): Record<string, string> {
  return { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) }
}
