// The scripts of the chart's short-lived pods: the rendered command runs with the rendered environment, in which only the
// addresses are replaced by those of this machine.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { createCertificate } from '../support/certificate.ts'
import { freePort } from '../support/gateway.ts'
import { startStack } from '../support/stack.ts'
import { startApiServer } from './support/api-server/server.ts'
import { podOwners } from './support/objects.ts'
import { renderedObjects } from './support/renders.ts'

type Variables = Readonly<Record<string, string>>

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

interface Script {
  readonly command: readonly string[]
  readonly environment: Variables
}

/** Command and environment of the only container of that pod or job. */
function scriptOf(values: string, name: string): Script {
  const owner = podOwners(renderedObjects(values)).find((one) => one.name === name)
  const [container] = owner?.template.spec.containers ?? []
  if (container === undefined) throw new Error(`${values} renders no ${name}`)
  const { command = [], args = [], env = [] } = container
  return {
    command: [...command, ...args],
    environment: Object.fromEntries(env.map((one) => [one.name, one.value ?? ''])),
  }
}

const SIGN_IN = scriptOf('chart/ci/tests-values.yaml', 'Pod/desk-ghostwire-test-sign-in')
const ISOLATION = scriptOf('chart/ci/tests-values.yaml', 'Pod/desk-ghostwire-test-isolation')
const LABELS = scriptOf(
  'chart/ci/namespace-labels-values.yaml',
  'Job/desk-ghostwire-namespace-labels',
)

interface Running {
  readonly ended: Promise<{ code: number | null; said: string }>
  /** Resolves with the output once it contains `words`. */
  says(words: string): Promise<void>
}

/** `replaced` must exist already, because an unknown variable would have no effect. */
function run({ command, environment }: Script, replaced: Variables, more: Variables = {}): Running {
  for (const name of Object.keys(replaced)) expect(Object.keys(environment)).toContain(name)
  const [program, ...words] = command
  expect(program).toBe('node')
  const child = spawn(process.execPath, words, { env: { ...environment, ...replaced, ...more } })
  endings.push(() => child.kill('SIGKILL'))
  let said = ''
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      said += piece
      for (const listener of listeners) listener()
    })
  }
  const closed = once(child, 'close') as Promise<[number | null]>
  return {
    ended: closed.then(([code]) => ({ code, said })),
    says: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => void (said.includes(words) && resolve())
        listeners.add(look)
        look()
        void closed.then(() => reject(new Error(said)))
      }),
  }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  endings.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const answering = (listener: RequestListener): Promise<number> =>
  listening(createServer({ keepAlive: false }, listener))

describe('the helm test of a request without a session', () => {
  it('passes at a gateway', async () => {
    const stack = await startStack()
    endings.push(() => stack.stop())
    const { origin } = stack.gateway
    const { ended } = run(SIGN_IN, { GATEWAY: origin, PUBLIC_URL: origin })
    expect(await ended).toEqual({
      code: 0,
      said: 'a stranger is sent to the provider, and gets no stream\n',
    })
  })

  it.each<[string, RequestListener, string]>([
    [
      'lets anybody in',
      (_, response) => response.end('a desktop'),
      'GET / answers 200 instead of a redirect',
    ],
    [
      'redirects to its own sign-in page',
      (_, response) => response.writeHead(302, { location: '/oauth2/sign_in' }).end(),
      'GET / leads to /oauth2/sign_in and not to the provider',
    ],
    [
      'refuses a page but not a stream',
      (asked, response) =>
        asked.url === '/'
          ? response.writeHead(302, { location: 'https://login.example.com/' }).end()
          : response.end(),
      'a stream without a session answers 200',
    ],
  ])('fails if the server %s', async (_, listener, words) => {
    const port = await answering(listener)
    await run(SIGN_IN, { GATEWAY: `http://127.0.0.1:${port}` }).says(words)
  })

  it('fails if a stream opens without a session', async () => {
    const server = createServer((_, response) =>
      response.writeHead(302, { location: 'https://login.example.com/' }).end(),
    )
    server.on('upgrade', (_, socket) =>
      socket.end(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      ),
    )
    const port = await listening(server)
    await run(SIGN_IN, { GATEWAY: `http://127.0.0.1:${port}` }).says(
      'a stream without a session answers 101',
    )
  })
})

describe('the helm test of isolation', () => {
  it('fails if a pod other than the gateway can reach the desktop', async () => {
    const port = await answering((_, response) => response.end())
    const { ended } = run(ISOLATION, { DESKTOP_HOST: 'localhost', DESKTOP_PORT: String(port) })
    expect(await ended).toEqual({
      code: 1,
      said: expect.stringContaining('This pod reached the desktop.') as string,
    })
  })

  it('passes if it cannot', async () => {
    const port = await freePort()
    const { ended } = run(ISOLATION, { DESKTOP_HOST: 'localhost', DESKTOP_PORT: String(port) })
    expect(await ended).toEqual({
      code: 0,
      said: expect.stringContaining('ECONNREFUSED') as string,
    })
  })

  it('fails if the desktop is missing, because that does not show isolation', async () => {
    const { ended } = run(ISOLATION, { DESKTOP_HOST: 'desktop.invalid' })
    expect(await ended).toEqual({
      code: 1,
      said: expect.stringContaining('does not resolve') as string,
    })
  })
})

describe('the job that labels the namespace', () => {
  const account = mkdtempSync(join(tmpdir(), 'ghostwire-account-'))
  afterAll(() => rmSync(account, { recursive: true }))
  const certificate = createCertificate()
  writeFileSync(join(account, 'namespace'), 'default')
  writeFileSync(join(account, 'token'), 'a token of the job\n')
  writeFileSync(join(account, 'ca.crt'), certificate.cert)
  /** Where a pod has its service account, this machine has nothing. */
  const moved = `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { readFileSync } = fs
    fs.readFileSync = (path, ...rest) =>
      readFileSync(path.replace('/var/run/secrets/kubernetes.io/serviceaccount', ${JSON.stringify(account)}), ...rest)
    syncBuiltinESMExports()`

  const start = (port: number): Running => {
    const { command, environment } = LABELS
    expect(environment['NODE_EXTRA_CA_CERTS']).toBe(
      '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    )
    const [node = '', ...words] = command
    const preload = `--import=data:text/javascript,${encodeURIComponent(moved)}`
    return run(
      { command: [node, preload, ...words], environment },
      { NODE_EXTRA_CA_CERTS: join(account, 'ca.crt') },
      { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
    )
  }

  it('adds its labels to the existing ones', async () => {
    const api = await startApiServer()
    endings.push(() => api.close())
    await api.patch(
      { kind: 'Namespace', namespace: '', name: 'default' },
      { metadata: { labels: { team: 'staff' } } },
      'somebody',
    )
    const authorizations: (string | undefined)[] = []
    // A real API server uses TLS and checks the token.
    const port = await listening(
      createTlsServer(certificate, (asked, response) => {
        authorizations.push(asked.headers.authorization)
        const passed = request(`${api.url}${asked.url}`, {
          method: asked.method ?? '',
          headers: asked.headers,
        })
        passed.on('response', (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
        })
        asked.pipe(passed)
      }),
    )
    expect(await start(port).ended).toEqual({ code: 0, said: 'labelled default\n' })
    expect(authorizations).toEqual(['Bearer a token of the job'])
    expect(api.get('Namespace', '', 'default')?.metadata.labels).toEqual({
      team: 'staff',
      ...(JSON.parse(LABELS.environment['LABELS'] ?? '') as object),
    })
  })

  it('fails with the API server’s message', async () => {
    const port = await listening(
      createTlsServer(certificate, (asked, response) => {
        asked.resume()
        response.writeHead(403)
        response.end(JSON.stringify({ message: 'namespaces "default" is forbidden' }))
      }),
    )
    expect(await start(port).ended).toEqual({
      code: 1,
      said: '403: namespaces "default" is forbidden\n',
    })
  })
})
