// KasmVNC's own API through the gateway, used by a person to whom a rule gives the role `owner`.

import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { alice, mallory } from '../../demo/people.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

const olga = { ...alice, username: 'olga', password: 'olga', groups: ['owners'] }
const victor = { ...alice, username: 'victor', password: 'victor', groups: ['watchers'] }
const ENVIRONMENT = {
  GATEWAY_LOGIN_LIMIT: 'off',
  GATEWAY_VIEW_GROUPS: 'watchers',
  GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
  GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
  GATEWAY_DESKTOP_OWNER_USERNAME: 'the-owner',
  GATEWAY_DESKTOP_OWNER_PASSWORD: 'owner-password',
}
const OWNER = `Basic ${Buffer.from('the-owner:owner-password').toString('base64')}`
const USERS = [
  { name: 'the-owner', password: 'owner-password', permissions: 'wo' },
  { name: 'kasm_user', password: 'kasm-password', permissions: 'w' },
  { name: 'kasm_viewer', password: 'kasm-password', permissions: 'r' },
]

/** The role `owner` cannot be set in the environment, so this adds a rule as in the YAML file. */
function startWithOwner(users = USERS): Promise<Stack> {
  return startStack({
    environment: ENVIRONMENT,
    provider: { people: [alice, mallory, victor, olga] },
    desktop: { backlog: 64, users },
    gateway: {
      settings: (loaded) => ({
        ...loaded,
        access: [
          ...loaded.access,
          {
            id: 'access[0]',
            match: { provider: [], groups: ['owners'], emails: [], emailDomains: [], claims: {} },
            role: 'owner',
            require: undefined,
            clipboardIn: 'allow',
            downloads: 'allow',
          },
        ],
      }),
    },
  })
}

let stack: Stack
let owner: SignedIn
let origin: string
let ours: string
beforeAll(async () => {
  stack = await startWithOwner()
  owner = await signIn(stack.gateway, 'olga')
  origin = stack.gateway.origin
  ours = `Origin: ${origin}`
})
afterEach(() => vi.useRealTimers())
afterAll(() => stack.stop())

async function seen<T>(run: () => Promise<T>): Promise<{ result: T; requests: string[] }> {
  const before = stack.desktop.requests.length
  const result = await run()
  return { result, requests: stack.desktop.requests.slice(before).map(({ raw }) => raw) }
}

/** The whole request that the desktop should receive, byte for byte. */
function clean(start: string, body?: string): string {
  return [
    `${start} HTTP/1.1`,
    `Authorization: ${OWNER}`,
    'X-Forwarded-For: 127.0.0.1',
    `Host: ${stack.desktop.url.host}`,
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
    'Connection: close',
    `\r\n${body ?? ''}`,
  ].join('\r\n')
}

const user = (name: string): string =>
  JSON.stringify([{ user: name, password: 'secret-1', read: true, write: false, owner: false }])

describe('the owner', () => {
  it.each([
    ['/api/get_users', '/api/get_users'],
    ['//api//get_users', '/api/get_users'],
    ['/%61%70%69/get_users', '/api/get_users'],
  ])('reads the API with the path %s', async (written, sent) => {
    const { result, requests } = await seen(() => owner.ask(`GET ${written}`))
    expect(result.status).toBe(200)
    expect(result.body).toContain('"user": "the-owner"')
    expect(result.headers.get('cache-control')).toEqual(['no-store'])
    expect(result.headers.get('content-security-policy')).toEqual(['sandbox'])
    expect(result.headers.get('x-content-type-options')).toEqual(['nosniff'])
    expect(requests).toEqual([clean(`GET ${sent}`)])
  })

  it.each([
    ['in one piece', (body: string) => [`Content-Length: ${body.length}\r\n\r\n${body}`]],
    [
      'byte by byte',
      (body: string) => [
        `Content-Length: ${body.length}\r\n\r\n`,
        ...body.slice(0, 10).split(''),
        body.slice(10),
      ],
    ],
    [
      'chunked',
      (body: string) => [
        `Transfer-Encoding: chunked\r\n\r\n5\r\n${body.slice(0, 5)}\r\n`,
        `${(body.length - 5).toString(16)};x=y\r\n${body.slice(5)}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
      ],
    ],
    [
      'only after 100 Continue',
      (body: string) => [`Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`, body],
    ],
  ])('posts a body %s, and the desktop gets headers and body in one read', async (how, write) => {
    const body = user(`by-${how.replaceAll(' ', '-')}`)
    const head = owner
      .text('POST /api/create_user', ours, 'Content-Type: application/json')
      .replace(/\r\n\r\n$/, '\r\n')
    const [first = '', ...rest] = write(body)
    const { result, requests } = await seen(() => owner.send([head + first, ...rest]))
    expect(result.raw).toContain('HTTP/1.1 200 OK')
    expect(requests).toEqual([clean('POST /api/create_user', body)])
    expect((await owner.ask('GET /api/get_users')).body).toContain(how.replaceAll(' ', '-'))
  })

  it('posts bytes unchanged', async () => {
    const body = '[{"user":"Zo\xc3\xab","password":"p\xc3\xa4sswort"}]'
    const { requests } = await seen(() =>
      owner.send(
        owner.text('POST /api/create_user', ours, `Content-Length: ${body.length}`) + body,
      ),
    )
    expect(requests).toEqual([clean('POST /api/create_user', body)])
  })

  it('posts up to 12 KiB, and nothing of a larger request reaches the desktop', async () => {
    const fits = `[${' '.repeat(12_286)}]`
    const post = (...lines: string[]): string => owner.text('POST /api/create_user', ours, ...lines)
    const { result, requests } = await seen(async () => [
      await owner.send(post('Content-Length: 12288') + fits),
      await owner.send(`${post('Content-Length: 12289')}${fits} `),
      await owner.send(
        `${post('Transfer-Encoding: chunked')}3000\r\n${fits}\r\n1\r\n \r\n0\r\n\r\n`,
      ),
    ])
    expect(result.map(({ status }) => status)).toEqual([200, 413, 413])
    expect(result[1]?.headers.get('connection')).toEqual(['close'])
    expect(requests).toEqual([clean('POST /api/create_user', fits)])
  })

  it('who disconnects in the middle of a body sends nothing to the desktop', async () => {
    const { requests } = await seen(() =>
      owner.send(`${owner.text('POST /api/create_user', ours, 'Content-Length: 500')}[{`, {
        end: true,
      }),
    )
    expect(requests).toEqual([])
    expect((await owner.ask('GET /vnc.html')).status).toBe(200)
  })

  it('who stops sending in the middle of a body has half a minute to continue', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const granted = (): Promise<number> =>
      metric(stack.gateway, 'ghostwire_authorizations_total', { decision: 'granted' })
    const before = await granted()
    const { result, requests } = await seen(async () => {
      const asked = owner.send(
        `${owner.text('POST /api/create_user', ours, 'Content-Length: 500')}[{`,
        { timeoutMs: 60_000 },
      )
      while ((await granted()) === before) await setImmediate()
      // The gate has decided; the wait for the body starts in the next turn of the event loop.
      await setImmediate()
      vi.advanceTimersByTime(30_000)
      return asked
    })
    expect(result).toMatchObject({ raw: '' })
    expect(requests).toEqual([])
  })

  it('can post only to the API', async () => {
    const { result, requests } = await seen(() =>
      owner.ask('POST /vnc.html', ours, 'Content-Length: 0'),
    )
    expect(result.status).toBe(405)
    expect(requests).toEqual([])
    const other = await owner.ask('DELETE /api/get_users', ours)
    expect(other.headers.get('allow')).toEqual(['GET, HEAD, POST'])
  })

  it('has owner rights in a stream too', async () => {
    const socket = await owner.open()
    expect(socket.status).toBe(101)
    expect(stack.desktop.tunnels.at(-1)?.user).toBe('the-owner')
    socket.socket.destroy()
  })
})

describe('a request to the owner API', () => {
  const link = '/api/create_user?name=eve&password=secret-1&owner=true'

  it.each([
    ['a link', `GET ${link}`, 'Sec-Fetch-Site: cross-site'],
    ['a link on a neighbour’s page', `GET ${link}`, 'Sec-Fetch-Site: same-site'],
    ['a link in a mail', `GET ${link}`, 'Sec-Fetch-Site: none'],
    ['a link, in a browser without Sec-Fetch headers', `GET ${link}`, 'Accept: */*'],
    ['a form', 'POST /api/create_user', 'Origin: https://evil.example'],
    ['a form from an opaque origin', 'POST /api/create_user', 'Origin: null'],
    ['another spelling', 'GET /api/get_users/api/create_user?name=eve', 'Sec-Fetch-Site: none'],
    ['clearing the clipboard', 'GET /api/clear_clipboard', 'Sec-Fetch-Site: cross-site'],
  ])('is refused unless it comes from this origin: %s', async (_, start, line) => {
    const { result, requests } = await seen(() => owner.ask(start, line))
    expect(result.status).toBe(403)
    expect(result.body).toContain('"error":"cross-site"')
    expect(requests).toEqual([])
  })

  it('is forwarded from a page of this origin', async () => {
    const { result, requests } = await seen(() =>
      owner.ask(`GET ${link}`, 'Sec-Fetch-Site: same-origin'),
    )
    expect(result.status).toBe(200)
    expect(requests).toEqual([clean(`GET ${link}`)])
  })
})

describe('everybody else', () => {
  it.each([
    ['alice', 'owner-api'],
    ['victor', 'owner-api'],
    ['mallory', undefined],
  ])(
    '%s is refused with the whole body, and the desktop gets no request',
    async (username, reason) => {
      const person = await signIn(stack.gateway, username).catch(() => undefined)
      const body = user('eve')
      const { result, requests } = await seen(async () => [
        await person?.ask('GET /api/get_users'),
        await person?.send(
          person.text('POST /api/create_user', ours, `Content-Length: ${body.length}`) + body,
        ),
        await person?.ask('HEAD /x/API/get_users'),
      ])
      if (reason === undefined) expect(person).toBeUndefined()
      else {
        expect(result.map((answer) => answer?.status)).toEqual([403, 403, 403])
        expect(stack.gateway.audit('access_denied').at(-1)).toMatchObject({ reason })
      }
      expect(requests).toEqual([])
    },
  )
})

it('a person whose KasmVNC user is not an owner gets an error, and nobody else has to wait', async () => {
  const [, ...others] = USERS
  const lacking = await startWithOwner([
    { name: 'the-owner', password: 'owner-password', permissions: 'w' },
    ...others,
  ])
  const visitor = await signIn(lacking.gateway, 'olga')
  expect((await visitor.ask('GET /api/get_users')).status).toBe(502)
  expect((await visitor.ask('GET /vnc.html')).status).toBe(200)
  expect(lacking.gateway.lines.filter(({ level }) => level === 'error' || level === 50)).toEqual([
    expect.objectContaining({ msg: expect.stringContaining('GATEWAY_DESKTOP_OWNER_USERNAME') }),
  ])
  await lacking.stop()
})
