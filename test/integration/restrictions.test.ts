// Messages that a rule forbids never reach the desktop, and all others arrive unchanged. Tested through a real gateway,
// with a desktop that behaves like KasmVNC and with one that uses plain RFB.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { alice } from '../../demo/people.ts'
import type { Environment } from '../support/gateway.ts'
import { startHostileUpstream } from '../support/hostile-upstream.ts'
import type { Tunnel } from '../support/kasmvnc-stand-in.ts'
import type { RawWebSocket } from '../support/raw-client.ts'
import { HANDSHAKE, u32 } from '../support/rfb-client.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'

const someone = (username: string, ...groups: string[]): typeof alice => ({
  ...alice,
  username,
  password: username,
  groups,
})
const PEOPLE: readonly (typeof alice)[] = [
  alice,
  someone('victor', 'watchers'),
  someone('carla', 'no-clipboard'),
  someone('olga', 'owners'),
]

const message = (type: number, ...rest: (readonly number[] | Buffer | number)[]): Buffer =>
  Buffer.concat([
    Buffer.from([type]),
    ...rest.map((part) => (typeof part === 'number' ? Buffer.alloc(part) : Buffer.from(part))),
  ])
const key = (letter: string): Buffer =>
  message(255, [0, 0, 1], u32(letter.charCodeAt(0)), u32(letter.charCodeAt(0)))
const fence = message(248, 3, u32(0), [1, 7])
const clipboard = (text: Buffer): Buffer =>
  message(180, [1, 10], Buffer.from('text/plain'), u32(text.length), text)

/** One message of each type that a KasmVNC client sends. */
const KASMVNC: readonly Buffer[] = [
  message(0, 19),
  message(2, [0, 0, 1], u32(0)),
  message(3, 9),
  message(4, [1, 0, 0], u32(97)),
  message(5, 10),
  message(6, 3, u32(4), Buffer.from('text')),
  message(150, 9),
  message(178, 3),
  message(179, 11),
  clipboard(Buffer.from('pasted')),
  message(181, [0, 3], Buffer.from('sdp')),
  message(182, [5], Buffer.from('relay')),
  message(183, [1], Buffer.from('a'), u32(3), Buffer.from('abc')),
  message(184, [1], u32(1)),
  message(185),
  message(188, 9),
  fence,
  message(251, 1, [4, 0, 3, 0], [1, 0], 16),
  message(252, [4, 0, 3, 0]),
  key('b'),
]
const ALL = KASMVNC.map((one) => one[0] as number)
const without = (...types: number[]): number[] => ALL.filter((type) => !types.includes(type))
const UDP = 181

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-rules-'))
const RULES = join(folder, 'rules.yaml')
writeFileSync(
  RULES,
  `access:
  - { match: { groups: [desktop-users] }, role: control }
  - { match: { groups: [watchers] }, role: view }
  - { match: { groups: [no-clipboard] }, role: control, clipboardIn: deny }
  - { match: { groups: [owners] }, role: owner }
`,
)
/** Removes the tests' usual rule, because these tests set rules in a file. */
const BY_RULES = { GATEWAY_ALLOW_GROUPS: undefined, GATEWAY_CONFIG: RULES }
const CREDENTIALS = {
  GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
  GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
  GATEWAY_DESKTOP_OWNER_USERNAME: 'kasm_user',
  GATEWAY_DESKTOP_OWNER_PASSWORD: 'kasm-password',
}

const stacks: Stack[] = []
const clients: RawWebSocket[] = []
afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.destroy()
})
afterAll(async () => {
  for (const stack of stacks) await stack.stop()
  rmSync(folder, { recursive: true })
})

async function start(environment: Environment, people = PEOPLE): Promise<Stack> {
  const stack = await startStack({
    environment: { GATEWAY_LOGIN_LIMIT: 'off', ...environment },
    provider: { people },
    desktop: { backlog: 64 },
  })
  stacks.push(stack)
  return stack
}

/** Opens a stream and performs the handshake with this `shared` flag in ClientInit. */
async function enter(who: SignedIn, shared = 1): Promise<RawWebSocket> {
  const client = await who.open()
  expect(client.status).toBe(101)
  clients.push(client)
  for (const said of [Buffer.from('RFB 003.008\n'), Buffer.from([1]), Buffer.from([shared])]) {
    await client.nextFrame()
    client.sendFrame(said)
  }
  await client.nextFrame()
  return client
}

describe('at a desktop of kind kasmvnc', () => {
  let stack: Stack
  const people = new Map<string, SignedIn>()
  beforeAll(async () => {
    stack = await start({ ...BY_RULES, ...CREDENTIALS })
    for (const { username } of PEOPLE) people.set(username, await signIn(stack.gateway, username))
  })
  const as = (name: string): SignedIn => people.get(name) as SignedIn
  const lastTunnel = (): Tunnel => stack.desktop.tunnels.at(-1) as Tunnel
  const arrived = (tunnel: Tunnel): number[] => tunnel.messages.map(({ type }) => type)

  it.each([
    ['alice', 'in control', 'kasm_user', without(UDP)],
    ['olga', 'who owns it', 'kasm_user', without(UDP)],
    ['victor', 'who may watch', 'kasm_viewer', without(4, 5, 6, 180, UDP, 182, 183, 188, 251, 255)],
    ['carla', 'who may not paste', 'kasm_user', without(6, 180, UDP)],
  ] as const)(
    '%s, %s, connects as %s, and only permitted messages reach the desktop',
    async (name, _, user, types) => {
      const client = await enter(as(name))
      const tunnel = lastTunnel()
      expect(tunnel.user).toBe(user)
      for (const one of KASMVNC) client.sendFrame(one)
      client.sendFrame(fence)
      await expect.poll(() => arrived(tunnel)).toEqual([...types, 248])
      // The same messages again, in one frame.
      client.sendFrame(Buffer.concat([...KASMVNC, fence]))
      await expect.poll(() => arrived(tunnel)).toEqual([...types, 248, ...types, 248])
      const kept = KASMVNC.filter((one) => types.includes(one[0] as number))
      expect(tunnel.messages.slice(0, types.length).map(({ bytes }) => bytes)).toEqual(kept)
      expect(tunnel.frames.every(({ fin, masked, rsv }) => fin && masked && rsv === 0)).toBe(true)
    },
  )

  it.each(['alice', 'victor', 'carla', 'olga'])(
    '%s cannot disconnect others: the gateway always sets the shared flag in ClientInit',
    async (name) => {
      const first = await enter(as('alice'))
      const tunnel = lastTunnel()
      await enter(as(name), 0)
      expect(lastTunnel().shared).toBe(true)
      first.sendFrame(key('x'))
      await expect.poll(() => tunnel.effects.typed).toBe('x')
      expect(tunnel.closedBecause).toBeUndefined()
    },
  )

  it('a huge forbidden paste never arrives, in pieces of any size, and every key around it does', async () => {
    const client = await enter(as('carla'))
    const tunnel = lastTunnel()
    const paste = clipboard(Buffer.alloc(3_000_000, key('!')))
    const stream = Buffer.concat([key('a'), paste, key('b'), clipboard(Buffer.alloc(0)), key('c')])
    // Split as a browser does, inside messages or between them; the kernel splits again.
    const sizes = [65_527, 10_240, 1, 125, 126, 40_000, 7]
    for (let at = 0, turn = 0; at < stream.length; turn += 1) {
      const size = sizes[turn % sizes.length] as number
      client.sendFrame(stream.subarray(at, at + size))
      at += size
      if (turn % 16 === 0) await sleep(1)
    }
    await expect.poll(() => tunnel.effects.typed, { timeout: 10_000 }).toBe('abc')
    expect(tunnel.effects.clipboards).toEqual([])
    expect(tunnel.frames.every(({ payloadLength }) => payloadLength <= 65_527)).toBe(true)
  })

  it('a huge permitted paste arrives complete', async () => {
    const client = await enter(as('alice'))
    const tunnel = lastTunnel()
    const text = Buffer.alloc(300_000, 'pasted ')
    const paste = clipboard(text)
    for (let at = 0; at < paste.length; at += 65_527) {
      client.sendFrame(paste.subarray(at, at + 65_527))
    }
    await expect
      .poll(() => tunnel.effects.clipboards.map((one) => one.text.length))
      .toEqual([text.length])
    expect(tunnel.effects.clipboards[0]?.text).toBe(text.toString())
  })

  it('unknown messages are counted, and end the streams of restricted people only', async () => {
    const labels = { what: 'message-type' }
    const before = await metric(stack.gateway, 'ghostwire_rfb_unknown_total', labels)
    const unknown = message(7, 3)
    for (const name of ['victor', 'carla']) {
      const client = await enter(as(name))
      client.sendFrame(unknown)
      expect(await client.closed).toMatchObject({ code: 1002, reason: 'protocol-error' })
      expect(lastTunnel().messages).toEqual([])
    }
    // KasmVNC itself disconnects at this message, which shows that the gateway forwarded it.
    const client = await enter(as('alice'))
    client.sendFrame(unknown)
    expect(await client.closed).toMatchObject({ code: 1013, reason: 'desktop-gone' })
    expect(await metric(stack.gateway, 'ghostwire_rfb_unknown_total', labels)).toBe(before + 3)
  })

  it('a restricted person cannot choose a security type after which messages cannot be parsed', async () => {
    const client = await as('victor').open()
    clients.push(client)
    client.sendFrame('RFB 003.008\n')
    client.sendFrame(Buffer.from([19]))
    expect(await client.closed).toMatchObject({ code: 1002, reason: 'protocol-error' })
  })

  it.each(['RFB 003.003\n', 'RFB 003.889\n', 'RFB 004.000\n'])(
    'nobody can choose a version after which messages cannot be parsed: %j',
    async (version) => {
      const client = await as('alice').open()
      clients.push(client)
      client.sendFrame(version)
      client.sendFrame(Buffer.from([0]))
      expect(await client.closed).toMatchObject({ code: 1002, reason: 'protocol-error' })
      expect(lastTunnel().messages).toEqual([])
    },
  )

  it('the audit gives the role with which a stream was opened', async () => {
    await enter(as('victor'))
    expect(stack.gateway.audit('tunnel_opened').at(-1)).toMatchObject({ role: 'view' })
  })
})

describe('a person whose rights change', () => {
  it.each([
    ['to watch only', 'watchers', { role: 'view' }],
    ['not to paste', 'no-clipboard', { role: 'control' }],
  ])('%s reconnects with the new rights', async (_, group, about) => {
    const dora = { ...someone('dora', 'desktop-users') }
    const stack = await start(
      { ...BY_RULES, ...CREDENTIALS, GATEWAY_SESSION_REVALIDATE_EVERY: '1s' },
      [dora],
    )
    const visitor = await signIn(stack.gateway, 'dora')
    const client = await enter(visitor)
    ;(dora as { groups: readonly string[] }).groups = [group]
    expect(await client.closed).toMatchObject({ code: 1001, reason: 'draining' })
    const again = await enter(visitor)
    expect(stack.gateway.audit('tunnel_opened').at(-1)).toMatchObject(about)
    again.sendFrame(clipboard(Buffer.from('pasted')))
    again.sendFrame(fence)
    const tunnel = stack.desktop.tunnels.at(-1) as Tunnel
    await expect.poll(() => tunnel.messages.map(({ type }) => type)).toEqual([248])
  })

  it('during a handshake gets no stream with the old rights', async () => {
    const upstream = await startHostileUpstream('never answers')
    const dora = { ...someone('dora', 'desktop-users') }
    const stack = await start(
      {
        ...BY_RULES,
        ...CREDENTIALS,
        GATEWAY_DESKTOP_URL: upstream.url.origin,
        GATEWAY_SESSION_REVALIDATE_EVERY: '1s',
      },
      [dora],
    )
    const visitor = await signIn(stack.gateway, 'dora')
    ;(dora as { groups: readonly string[] }).groups = ['watchers']
    const { status, headers } = await visitor.open()
    // Not 504, which would be the answer if the desktop did not respond.
    expect(status).toBe(503)
    expect(headers.has('retry-after')).toBe(true)
    expect(stack.gateway.audit('tunnel_opened')).toEqual([])
    await upstream.stop()
  })
})

describe('at a desktop of plain RFB', () => {
  const STANDARD = [
    message(0, 19),
    message(2, [0, 0, 1], u32(0)),
    message(3, 9),
    message(4, [1, 0, 0], u32(97)),
    message(5, 5),
    message(6, 3, u32(4), Buffer.from('text')),
    message(150, 9),
    fence,
    message(250, [0, 1, 2]),
    message(251, 1, [4, 0, 3, 0], [1, 0], 16),
    message(253, [0x80, 0, 2, 1, 2]),
    message(255, [1, 0, 0]),
    key('b'),
  ]
  let server: WebSocketServer
  let received = Buffer.alloc(0)
  let stack: Stack
  beforeAll(async () => {
    server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    server.on('connection', (socket) => {
      received = Buffer.alloc(0)
      socket.on('message', (data: Buffer) => {
        received = Buffer.concat([received, data])
      })
    })
    await once(server, 'listening')
    stack = await start({
      ...BY_RULES,
      GATEWAY_DESKTOP_KIND: 'rfb',
      GATEWAY_DESKTOP_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    })
  })
  afterAll(() => server.close())

  it.each([
    ['alice', STANDARD],
    [
      'victor',
      STANDARD.filter((one) => ![4, 5, 6, 250, 251, 253].includes(one[0] as number)).slice(0, -1),
    ],
    ['carla', STANDARD.filter((one) => one[0] !== 6)],
  ] as const)('only permitted messages of %s reach the desktop', async (name, kept) => {
    const visitor = await signIn(stack.gateway, name)
    const client = await visitor.open()
    clients.push(client)
    expect(client.status).toBe(101)
    client.sendFrame(HANDSHAKE)
    for (const one of STANDARD) client.sendFrame(one)
    client.sendFrame(Buffer.concat(STANDARD))
    client.sendFrame(fence)
    const expected = Buffer.concat([HANDSHAKE, ...kept, ...kept, fence])
    await expect.poll(() => received.toString('hex')).toBe(expected.toString('hex'))
  })
})
