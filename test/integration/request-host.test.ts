// The host of a request: exactly one, named once. A target in absolute form (RFC 9112 3.2.2) is handled like any other.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rawRequest } from '../support/raw-client.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

let stack: Stack
let visitor: SignedIn
beforeAll(async () => {
  stack = await startStack()
  visitor = await signIn(stack.gateway)
})
afterAll(() => stack.stop())

const host = (): string => new URL(stack.gateway.origin).host

async function targetsAfter(run: () => Promise<unknown>): Promise<string[]> {
  const before = stack.desktop.requests.length
  await run()
  return stack.desktop.requests.slice(before).map(({ raw }) => raw.split('\r\n', 1)[0] ?? '')
}

describe('a target in absolute form', () => {
  it.each([
    ['with a path', () => `http://${host()}/nowhere/a`, '/nowhere/a'],
    ['with a query', () => `http://${host()}/nowhere/b?c=d`, '/nowhere/b?c=d'],
    ['without a path', () => `http://${host()}`, '/'],
    ['without a path, with a query', () => `http://${host()}?c=d`, '/?c=d'],
    ['in other letters', () => `HTTP://${host().toUpperCase()}/nowhere/e`, '/nowhere/e'],
    ['by https, which a proxy in front ends', () => `https://${host()}/nowhere/f`, '/nowhere/f'],
    ['with a path in another spelling', () => `http://${host()}//nowhere/%61`, '/nowhere/a'],
  ])('(%s) is forwarded in origin form', async (_, target, forwarded) => {
    expect(await targetsAfter(() => visitor.ask(`GET ${target()}`))).toEqual([
      `GET ${forwarded} HTTP/1.1`,
    ])
  })

  it('takes precedence over the Host header, which is ignored', async () => {
    const text = visitor.text(`GET http://${host()}/vnc.html`)
    const answer = await visitor.send(text.replace(`Host: ${host()}`, 'Host: evil.example'))
    expect(answer.status).toBe(200)
    const navigation = await rawRequest(
      stack.gateway.publicPort,
      `GET http://${host()}/vnc.html HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
    )
    // It is not redirected to the public host first, because it names that host already.
    expect(navigation.headers.get('location')?.[0]).toContain(stack.provider.issuer)
  })

  it('reaches the gateway’s own endpoints, and does not go to the desktop', async () => {
    const answer = await visitor.ask(`GET http://${host()}/oauth2/userinfo`)
    expect(answer.status).toBe(200)
    const hidden = await visitor.ask(`GET http://${host()}/%6fauth2/userinfo`)
    expect(hidden.status).toBe(404)
  })

  it('opens a tunnel', async () => {
    const { status, socket } = await visitor.open({ path: `http://${host()}/websockify` })
    expect(status).toBe(101)
    socket.destroy()
  })

  it.each([
    ['another host', () => 'http://evil.example/vnc.html'],
    ['another port', () => `http://${host()}0/vnc.html`],
    ['the port of the other scheme', () => 'http://localhost:443/vnc.html'],
    ['no host', () => 'http:///vnc.html'],
    ['a user', () => `http://a:b@${host()}/vnc.html`],
    ['a fragment', () => `http://${host()}/vnc.html#a`],
    ['dot segments', () => `http://${host()}/a/../vnc.html`],
    ['a backslash for a slash', () => `http://${host()}\\vnc.html`],
    ['a scheme without slashes', () => `http:${host()}/vnc.html`],
    ['a stranger behind ours', () => `http://${host()}.evil.example/vnc.html`],
  ])('with %s is a bad request', async (_, target) => {
    let status = 0
    const targets = await targetsAfter(async () => {
      status = (await visitor.ask(`GET ${target()}`)).status
    })
    expect([status, targets]).toEqual([400, []])
  })

  it('for another host opens no tunnel', async () => {
    expect((await visitor.open({ path: 'http://evil.example/websockify' })).status).toBe(400)
  })
})

describe('the Host header', () => {
  it.each([
    ['twice', () => ['/vnc.html', 'Host: evil.example']],
    ['twice the same', () => ['/vnc.html', `Host: ${host()}`]],
    ['twice, in other letters', () => ['/vnc.html', `hOST: ${host()}`]],
    ['twice, one of them empty', () => ['/vnc.html', 'Host:']],
    ['twice, at an endpoint of the gateway', () => ['/oauth2/userinfo', 'Host: evil.example']],
    ['twice, with an absolute target', () => [`http://${host()}/vnc.html`, `Host: ${host()}`]],
  ])('%s is a bad request', async (_, request) => {
    const [target = '', line = ''] = request()
    let status = 0
    const targets = await targetsAfter(async () => {
      status = (await visitor.ask(`GET ${target}`, line)).status
    })
    expect([status, targets]).toEqual([400, []])
  })

  it('twice opens no tunnel', async () => {
    expect((await visitor.open({ headers: { Host: 'evil.example' } })).status).toBe(400)
  })

  it.each(['a b', 'a,b c', 'a@b', 'a/b', '[::1', 'a:b', 'a\\b', 'a"b'])(
    'is a bad request as %j',
    async (value) => {
      const text = visitor.text('GET /vnc.html').replace(`Host: ${host()}`, `Host: ${value}`)
      expect((await visitor.send(text)).status).toBe(400)
    },
  )

  it.each(['127.0.0.1', '[::1]:8080', 'gateway.desk.svc:8080', 'a_b', ''])(
    'may be %j, because a proxy may use other names for the gateway',
    async (value) => {
      const text = visitor.text('GET /vnc.html').replace(`Host: ${host()}`, `Host: ${value}`)
      expect((await visitor.send(text)).status).toBe(200)
    },
  )
})
