// The admin listener answers only to its own names. Another name that DNS leads to it belongs to a web page (DNS rebinding).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environmentFor, startTestGateway } from '../support/gateway.ts'
import { rawRequest, type RawAnswer } from '../support/raw-client.ts'
import { startStack, type Stack } from '../support/stack.ts'

const ADMIN_TOKEN = 'an-admin-token-for-tests'

let stack: Stack
beforeAll(async () => {
  stack = await startStack({
    environment: {
      GATEWAY_ADMIN_HOSTS: 'ghostwire-gateway-admin, Ghostwire-Gateway-Admin.desk.svc',
      GATEWAY_ADMIN_TOKEN: ADMIN_TOKEN,
    },
  })
})
afterAll(() => stack.stop())

const ask = (path: string, ...lines: string[]): Promise<RawAnswer> =>
  rawRequest(
    stack.gateway.adminPort,
    [
      `GET ${path} HTTP/1.1`,
      ...lines,
      `Authorization: Bearer ${ADMIN_TOKEN}`,
      'Connection: close',
      '\r\n',
    ].join('\r\n'),
  )

const PATHS = ['/healthz', '/readyz', '/metrics', '/admin/sessions']

describe('the admin listener', () => {
  it.each([
    ['a pod by its address, as probes and Prometheus do', '10.244.1.7:9090'],
    ['a pod by its IPv6 address', '[fd00::1:7]:9090'],
    ['an address without a port', '127.0.0.1'],
    ['localhost, through a port-forward', 'localhost:9090'],
    ['a configured name', 'ghostwire-gateway-admin:9090'],
    ['another configured name, in other case', 'GHOSTWIRE-gateway-admin.desk.svc'],
  ])('answers a request for %s', async (_, host) => {
    for (const path of PATHS) {
      expect([path, (await ask(path, `Host: ${host}`)).status]).toEqual([path, 200])
    }
  })

  it.each([
    ['another name', 'rebound.evil.example:9090'],
    ['a name that begins like one', 'ghostwire-gateway-admin.evil.example'],
    ['a name that ends like one', 'x.ghostwire-gateway-admin'],
    ['a name that begins like localhost', 'localhost.evil.example'],
    ['a name that looks like an address', '127.0.0.1.evil.example'],
    ['a name of hexadecimal digits', '0x7f000001'],
  ])('refuses %s, and names the setting to change', async (_, host) => {
    for (const path of PATHS) {
      const { status, body } = await ask(path, `Host: ${host}`)
      expect([path, status]).toEqual([path, 421])
      expect(body).toContain('GATEWAY_ADMIN_HOSTS')
      expect(body).not.toContain('ghostwire_')
    }
  })

  it('refuses two Host headers, none, and an invalid one', async () => {
    for (const lines of [['Host: localhost', 'Host: evil.example'], ['Host: a b'], ['Host:'], []]) {
      expect((await ask('/metrics', ...lines)).status).toBe(400)
    }
  })

  it.each(['http://evil.example:9090', 'evil.example:9090', '*.desk.svc', 'a b'])(
    'does not accept %j as a host name',
    async (name) => {
      await expect(startTestGateway({ ...LEAST, GATEWAY_ADMIN_HOSTS: name })).rejects.toThrow(
        /GATEWAY_ADMIN_HOSTS \(adminHosts\): must be a host name/,
      )
    },
  )
})

describe('an admin token', () => {
  it.each(['x', 'fifteen-letters'])('is too short, and stops the start: %j', async (token) => {
    const start = startTestGateway({ ...LEAST, GATEWAY_ADMIN_TOKEN: token })
    await expect(start).rejects.toThrow(
      'GATEWAY_ADMIN_TOKEN (adminToken): must be at least 16 characters, such as openssl rand -base64 32 prints',
    )
    await expect(start).rejects.not.toThrow(token)
  })
})

const LEAST = environmentFor('http://localhost:1', 'http://localhost:2', 'http://localhost:3')
