// How the gateway reaches the provider: through a forward proxy, by other addresses from inside, slowly.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { writeFileSync } from 'node:fs'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { loadSettings } from '../../src/config/load.ts'
import { createCertificate } from '../support/certificate.ts'
import {
  environmentFor,
  freePort,
  startTestGateway,
  type Environment,
  type Line,
} from '../support/gateway.ts'
import { startScriptedOp, type ScriptedOp } from '../support/scripted-op.ts'
import {
  signIn,
  startScriptedStack,
  type ScriptedStack,
  type ScriptedStackOptions,
} from '../support/scripted-stack.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function start(options: ScriptedStackOptions): Promise<ScriptedStack> {
  const stack = await startScriptedStack(options)
  closing.push(() => stack.stop())
  return stack
}

/** What the log says of the first failed discovery of a gateway with these settings. */
async function causeOfFailedDiscovery(environment: Environment): Promise<string> {
  const origin = `http://localhost:${await freePort()}`
  const gateway = await startTestGateway({
    ...environmentFor(origin, 'https://id.example.com', 'http://127.0.0.1:9'),
    ...environment,
  })
  closing.push(() => gateway.stop())
  const failed = (): Line | undefined =>
    gateway.lines.find(({ msg }) => msg === 'provider discovery failed')
  await until(() => failed() !== undefined)
  expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(503)
  return JSON.stringify(failed())
}

interface Proxy {
  readonly port: number
  /** Targets of the CONNECT requests. */
  readonly targets: string[]
  /** Requests that are no CONNECT. */
  readonly others: string[]
}

/** A forward proxy (RFC 9110 9.3.6). With `credentials` (`user:password`) it refuses requests without them. */
async function startProxy(credentials?: string): Promise<Proxy> {
  const targets: string[] = []
  const others: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((request, response) => {
    others.push(request.url ?? '')
    response.writeHead(502).end()
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.on('connect', ({ url = '', headers }, client: Socket) => {
    client.on('error', () => {})
    const expected = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`
    if (credentials !== undefined && headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      return
    }
    targets.push(url)
    const [host, port] = url.split(':')
    const upstream = connect(Number(port), host)
    sockets.add(upstream)
    upstream.on('error', () => client.destroy())
    upstream.on('connect', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, targets, others }
}

describe('a forward proxy', () => {
  it.each([undefined, 'anna:a p@ss'])(
    'carries everything to the provider, and sees no request (credentials: %s)',
    async (credentials) => {
      const proxy = await startProxy(credentials)
      const user =
        credentials === undefined
          ? ''
          : `${credentials.split(':').map(encodeURIComponent).join(':')}@`
      const stack = await start({
        environment: { GATEWAY_OIDC_PROXY: `http://${user}127.0.0.1:${proxy.port}` },
      })
      expect((await signIn(stack)).status).toBe(302)
      expect(new Set(proxy.targets)).toEqual(new Set([new URL(stack.op.issuer).host]))
      expect(proxy.others).toEqual([])
      expect(JSON.stringify(stack.gateway.lines)).not.toContain('p@ss')
    },
  )

  it('that refuses is named in the log, and the gateway goes on trying', async () => {
    const proxy = await startProxy('anna:secret')
    const op = await startScriptedOp()
    closing.push(() => op.stop())
    const cause = await causeOfFailedDiscovery({
      GATEWAY_OIDC_ISSUER: op.issuer,
      GATEWAY_OIDC_PROXY: `http://127.0.0.1:${proxy.port}`,
    })
    expect(cause).toContain('407')
    expect(op.requests).toEqual([])
  })

  const inEnvironment = (variables: Record<string, string>, issuer = 'https://id.example.com') => {
    const env = {
      ...environmentFor('http://localhost:8080', issuer, 'http://desktop:6901'),
      ...variables,
    }
    return loadSettings({ env, configFile: undefined })
  }
  const proxyOf = (variables: Record<string, string>, issuer?: string) => {
    const loaded = inEnvironment(variables, issuer)
    if (!loaded.ok) throw new Error(loaded.problems.join())
    return loaded.settings.providers[0]?.proxy
  }

  it('is the one of HTTPS_PROXY and NO_PROXY if no setting names another or none', () => {
    const variables = { HTTPS_PROXY: 'proxy.example.com:3128', NO_PROXY: '.internal,10.0.0.0/8' }
    const usual = { url: 'http://proxy.example.com:3128/', exceptions: '.internal,10.0.0.0/8' }
    expect(proxyOf(variables)).toEqual(usual)
    expect(proxyOf({ https_proxy: 'http://other:1', ...variables })?.url).toBe('http://other:1/')
    expect(proxyOf({ ...variables, GATEWAY_OIDC_PROXY: 'none' })).toBeUndefined()
    expect(proxyOf({ ...variables, GATEWAY_OIDC_PROXY: 'https://own:8443' })).toEqual({
      url: 'https://own:8443/',
      exceptions: '',
    })
    expect(proxyOf(variables, 'http://localhost:9000')).toBeUndefined()
    expect(proxyOf({})).toBeUndefined()
  })

  it.each(['socks5://proxy:1080', 'http://proxy/path', 'ht tp://x'])(
    'that cannot be used is a problem of the settings: %s',
    (value) => {
      for (const name of ['HTTPS_PROXY', 'GATEWAY_OIDC_PROXY']) {
        const loaded = inEnvironment({ [name]: value })
        expect(loaded).toMatchObject({
          ok: false,
          problems: [expect.stringContaining('must be the URL of a proxy')],
        })
        expect(JSON.stringify(loaded)).not.toContain(value)
      }
    },
  )

  it('goes to a provider with TLS and its own CA through a tunnel', async () => {
    const proxy = await startProxy()
    const certificate = createCertificate('127.0.0.1')
    const folder = makeTemporaryFolder('ghostwire')
    closing.push(async () => folder.remove())
    writeFileSync(`${folder.path}/ca.crt`, certificate.cert)
    // Ready means that the discovery document was read.
    const { op } = await start({
      op: { tls: certificate },
      environment: {
        GATEWAY_OIDC_CA_FILE: `${folder.path}/ca.crt`,
        GATEWAY_OIDC_PROXY: `http://127.0.0.1:${proxy.port}`,
      },
    })
    expect(proxy.targets).toEqual([new URL(op.issuer).host])
  })
})

describe('a provider that is reached by other addresses from inside', () => {
  /** What people see: tokens name it. Only browsers reach it. */
  const OUTSIDE = 'https://id.example.com'

  it('is discovered there, and its tokens are those of the address outside', async () => {
    const inside: ScriptedOp = await startScriptedOp({
      script: {
        discovery: ({ body }) => ({
          body: {
            ...Object.fromEntries(
              Object.entries(body).map(([name, value]) => [
                name,
                name.endsWith('_endpoint') || name === 'jwks_uri'
                  ? `${OUTSIDE}${new URL(String(value)).pathname}`
                  : value,
              ]),
            ),
            issuer: OUTSIDE,
            authorization_response_iss_parameter_supported: false,
          },
        }),
        authorization: (response) => response.delete('iss'),
        claims: { iss: OUTSIDE },
      },
    })
    closing.push(() => inside.stop())
    const at = (path: string): string => `${inside.issuer}${path}`
    const stack = await start({
      environment: { GATEWAY_OIDC_ISSUER: OUTSIDE },
      config: {
        oidc: {
          endpoints: {
            discovery: at('/.well-known/openid-configuration'),
            authorization: at('/authorize'),
            token: at('/token'),
            userinfo: at('/userinfo'),
            jwks: at('/jwks'),
          },
        },
      },
    })
    const answer = await signIn(stack)
    expect(answer.status).toBe(302)
    expect(stack.gateway.audit('login')).toHaveLength(1)
  })

  it('must still call itself by the issuer of the settings', async () => {
    const inside = await startScriptedOp()
    closing.push(() => inside.stop())
    const endpoints = { discovery: `${inside.issuer}/.well-known/openid-configuration` }
    const folder = makeTemporaryFolder('ghostwire')
    closing.push(async () => folder.remove())
    const file = `${folder.path}/gateway.yaml`
    writeFileSync(file, JSON.stringify({ oidc: { endpoints } }))
    const cause = await causeOfFailedDiscovery({
      GATEWAY_OIDC_ISSUER: OUTSIDE,
      GATEWAY_CONFIG: file,
    })
    expect(cause).toContain('issuer')
    expect(inside.asked('discovery').length).toBeGreaterThan(0)
  })
})

it(
  'a provider that takes twelve seconds for each answer can be used',
  { timeout: 120_000 },
  async () => {
    const slow = { afterMs: 12_000 }
    const stack = await start({
      op: {
        script: {
          discovery: () => slow,
          jwks: () => slow,
          token: () => slow,
        },
      },
    })
    expect((await signIn(stack)).status).toBe(302)
  },
)
