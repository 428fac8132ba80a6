// Open tunnels: their data, back pressure, how they end, and what audit and metrics record.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { alice, mallory } from '../../demo/people.ts'
import { Sessions } from '../../src/session/sessions.ts'
import type { Lookup } from '../../src/session/session.ts'
import { eventually } from '../support/eventually.ts'
import { startHostileUpstream } from '../support/hostile-upstream.ts'
import type { Tunnel } from '../support/kasmvnc-stand-in.ts'
import { upgradeRequest, type RawWebSocket } from '../support/raw-client.ts'
import { HANDSHAKE } from '../support/rfb-client.ts'
import { metric } from '../support/scripted-stack.ts'
import { signIn, type SignedIn } from '../support/signed-in.ts'
import { startStack, type Stack } from '../support/stack.ts'
import { acceptFor, encodeFrame } from '../support/websocket-wire.ts'

const victor = { ...alice, username: 'victor', password: 'victor', groups: ['watchers'] }
const ENVIRONMENT = { GATEWAY_LOGIN_LIMIT: 'off' }

let stack: Stack
let visitor: SignedIn
beforeAll(async () => {
  stack = await startStack({
    environment: {
      ...ENVIRONMENT,
      GATEWAY_VIEW_GROUPS: 'watchers',
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'kasm_viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'kasm-password',
    },
    provider: { people: [alice, mallory, victor] },
    desktop: { backlog: 64 },
  })
  visitor = await signIn(stack.gateway)
})
afterAll(() => stack.stop())
afterEach(() =>
  eventually(() => {
    expect(closings()).toHaveLength(stack.gateway.audit('tunnel_opened').length)
    expect(stack.desktop.tunnels.every(({ closedBecause }) => closedBecause)).toBe(true)
  }),
)

/** Both ends of a new tunnel, before the RFB handshake. */
async function open(who = visitor): Promise<{ client: RawWebSocket; tunnel: Tunnel }> {
  const client = await who.open()
  expect(client.status).toBe(101)
  return { client, tunnel: stack.desktop.tunnels.at(-1) as Tunnel }
}

/** The same, after the handshake. */
async function enter(who = visitor): Promise<{ client: RawWebSocket; tunnel: Tunnel }> {
  const { client, tunnel } = await open(who)
  for (const message of [Buffer.from('RFB 003.008\n'), Buffer.from([1]), Buffer.from([1])]) {
    await client.nextFrame()
    client.sendFrame(message)
  }
  await client.nextFrame()
  return { client, tunnel }
}

const closings = (from = stack): readonly Record<string, unknown>[] =>
  from.gateway.audit('tunnel_closed')

/** The audit line of the next tunnel that closes. */
async function nextClosing(run: () => unknown, from = stack): Promise<Record<string, unknown>> {
  const before = closings(from).length
  run()
  return eventually(() => {
    expect(closings(from)).toHaveLength(before + 1)
    return closings(from).at(-1) as Record<string, unknown>
  })
}

function paste(length: number): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(length)
  const head = [Buffer.from([180, 1, 10]), Buffer.from('text/plain'), size]
  return Buffer.concat([...head, Buffer.alloc(length, 'x')])
}

const pointer = (x: number): Buffer => Buffer.from([5, 0, 0, x >> 8, x & 255, 0, 1, 0, 0, 0, 0])

describe('data in a tunnel', () => {
  it('goes in both directions, frame for frame and byte for byte', async () => {
    const { client, tunnel } = await enter()
    const before = tunnel.frames.length
    const sent = [1, 2, 300].map((x) => encodeFrame(pointer(x), { masked: true }))
    for (const frame of sent) client.socket.write(frame)
    await eventually(() => expect(tunnel.frames).toHaveLength(before + 3))
    expect(tunnel.frames.slice(before).map(({ bytes }) => bytes)).toEqual(sent)
    expect(tunnel.effects.pointers.map(({ x }) => x)).toEqual([1, 2, 300])

    const picture = Buffer.alloc(200_000, 'p')
    stack.desktop.send(tunnel, picture)
    const received: Buffer[] = []
    const size = (): number => received.reduce((sum, { length }) => sum + length, 0)
    while (size() < picture.length) received.push((await client.nextFrame()).payload)
    expect(received.map(({ length }) => length)).toEqual([49_132, 49_132, 49_132, 49_132, 3_472])
    expect(Buffer.concat(received).equals(picture)).toBe(true)
    client.socket.destroy()
  })

  it('may be the longest frame that KasmVNC accepts', async () => {
    const { client, tunnel } = await enter()
    const before = tunnel.messages.length
    const message = paste(65_527 - 17)
    client.sendFrame(message)
    await eventually(() => expect(tunnel.messages).toHaveLength(before + 1))
    expect(tunnel.messages.at(-1)?.bytes).toHaveLength(65_527)
    client.socket.destroy()
  })

  it('arrives complete in any split', async () => {
    const { client, tunnel } = await enter()
    const frames = [1, 2, 3, 4].map((x) => encodeFrame(pointer(x), { masked: true }))
    for (const byte of Buffer.concat(frames)) {
      client.socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await eventually(() => expect(tunnel.effects.pointers.map(({ x }) => x)).toEqual([1, 2, 3, 4]))
    client.socket.destroy()
  })

  it('of a person who may only watch has the viewer’s rights', async () => {
    const { client, tunnel } = await enter(await signIn(stack.gateway, 'victor'))
    expect(tunnel).toMatchObject({ user: 'kasm_viewer', permissions: 'r' })
    expect(await metric(stack.gateway, 'ghostwire_tunnels_open', { role: 'view' })).toBe(1)
    client.socket.destroy()
    await eventually(async () => {
      expect(await metric(stack.gateway, 'ghostwire_tunnels_open', { role: 'view' })).toBe(0)
    })
  })

  it('of a person who may control has the user’s rights', async () => {
    const { client, tunnel } = await enter()
    expect(tunnel).toMatchObject({ user: 'kasm_user', permissions: 'wo', address: '127.0.0.1' })
    client.socket.destroy()
  })
})

describe('a reader that stops', () => {
  it('stops a flooding desktop, and memory does not grow', async () => {
    const flood = await startHostileUpstream('floods')
    const flooded = await startStack({
      environment: { ...ENVIRONMENT, GATEWAY_DESKTOP_URL: flood.url.origin },
    })
    const client = await (await signIn(flooded.gateway)).open()
    client.socket.pause()
    await standsStill(() => flood.bytesSent)
    // Everything except one chunk is in the kernel's buffers of two connections.
    expect(flood.bytesSent).toBeLessThan(32_000_000)
    const passed = flood.bytesSent
    client.socket.removeAllListeners('data').resume()
    await eventually(() => expect(flood.bytesSent).toBeGreaterThan(passed + 64_000_000))
    client.socket.destroy()
    await eventually(() => expect(flood.openSockets).toBe(0))
    await flooded.stop()
    await flood.stop()
  })

  it('on the desktop’s side stops the browser from sending', async () => {
    const { upstream, stop, visitor, stack } = await startBareDesktop()
    const asked = visitor.open()
    const desktop = await upstream()
    desktop.switchProtocols()
    const client = await asked
    desktop.socket.pause()
    client.sendFrame(HANDSHAKE)
    const frame = encodeFrame(Buffer.alloc(60_000), { masked: true })
    let isBlocked = false
    for (let sent = 0; sent < 2_000 && !isBlocked; sent += 1) {
      if (!client.socket.write(frame)) {
        isBlocked = await Promise.race([
          once(client.socket, 'drain').then(() => false),
          new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
        ])
      }
    }
    expect(isBlocked).toBe(true)
    const toDesktop = { direction: 'to_desktop' }
    await standsStill(() => client.socket.bytesWritten)
    expect(await metric(stack.gateway, 'ghostwire_tunnel_bytes_total', toDesktop)).toBeLessThan(
      40_000_000,
    )
    // It continues where it stopped.
    desktop.socket.resume()
    await once(client.socket, 'drain')
    client.socket.destroy()
    await stop()
  })
})

describe('the end', () => {
  it.each(['fin', 'rst'] as const)('of the browser (%s) ends both sides', async (how) => {
    const { client, tunnel } = await enter()
    const closing = await nextClosing(() => {
      if (how === 'fin') client.socket.end()
      else client.socket.resetAndDestroy()
    })
    expect(closing).toMatchObject({ reason: 'client-closed' })
    await eventually(() => expect(tunnel.closedBecause).toBeDefined())
    await eventually(() => expect(client.socket.destroyed).toBe(true))
  })

  it.each(['fin', 'rst'] as const)('of the desktop (%s) ends both sides', async (how) => {
    const { client, tunnel } = await enter()
    const closing = await nextClosing(() => stack.desktop.closeTunnel(tunnel, how))
    expect(closing).toMatchObject({ reason: 'desktop-gone' })
    expect(await client.closed).toMatchObject({ how: 'fin', code: 1013, reason: 'desktop-gone' })
  })

  it('of the desktop disconnects a browser that does not answer the Close', async () => {
    const { client, tunnel } = await enter()
    client.socket.allowHalfOpen = true
    await nextClosing(() => stack.desktop.closeTunnel(tunnel, 'fin'))
    await eventually(() => {
      client.socket.write('x')
      expect(client.socket.destroyed).toBe(true)
    })
  })

  it('of the browser while the desktop reads nothing leaves no connection behind', async () => {
    const { upstream, stop, visitor, connections } = await startBareDesktop()
    const asked = visitor.open()
    const desktop = await upstream()
    desktop.switchProtocols()
    const client = await asked
    desktop.socket.pause()
    client.socket.write(Buffer.alloc(8_000_000, encodeFrame(Buffer.alloc(9_994), { masked: true })))
    await standsStill(() => client.socket.bytesWritten)
    client.socket.resetAndDestroy()
    desktop.socket.resume()
    await eventually(() => expect(connections.size).toBe(0))
    await stop()
  })

  it('of the session ends its tunnels within a second, and those being opened', async () => {
    const { upstream, stop, visitor, stack } = await startBareDesktop()
    const opening = visitor.open()
    ;(await upstream()).switchProtocols()
    const client = await opening
    const asked = visitor.open()
    const underWay = await upstream()
    const since = performance.now()
    await visitor.signOut()
    expect(await client.closed).toMatchObject({ code: 4401, reason: 'signed-out' })
    expect(await asked).toMatchObject({ status: 401 })
    expect(performance.now() - since).toBeLessThan(1_000)
    expect(stack.gateway.audit('tunnel_opened')).toHaveLength(1)
    // Too late: nothing waits for it any more.
    underWay.switchProtocols()
    await eventually(() => expect(underWay.socket.destroyed).toBe(true))
    expect(stack.gateway.audit('tunnel_opened')).toHaveLength(1)
    await stop()
  })

  it('of the session between the gate’s decision and the handshake is not missed', async () => {
    const { stop, visitor, stack, connections } = await startBareDesktop()
    const { find } = Sessions.prototype as {
      find: (this: Sessions, cookie: string) => Promise<Lookup>
    }
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>()
    const finding = vi.spyOn(Sessions.prototype, 'find').mockImplementationOnce(async function (
      this: Sessions,
      cookie,
    ) {
      const found = await find.call(this, cookie)
      await mayGoOn
      return found
    })
    const asked = visitor.open()
    await eventually(() => expect(finding).toHaveBeenCalled())
    await visitor.signOut()
    goOn()
    expect(await asked).toMatchObject({ status: 401 })
    expect(connections.size).toBe(0)
    expect(stack.gateway.audit('tunnel_opened')).toEqual([])
    vi.restoreAllMocks()
    await stop()
  })

  it('of the maximum lifetime ends a tunnel, even one that was opened just before', async () => {
    let later = 0
    const timed = await startStack({
      environment: { ...ENVIRONMENT, GATEWAY_SESSION_MAX_LIFETIME: '1m' },
      gateway: { now: () => Date.now() + later },
    })
    const visitor = await signIn(timed.gateway)
    later = 59_000
    const client = await visitor.open()
    expect(client.status).toBe(101)
    const { closed } = client
    const closing = await nextClosing(() => {}, timed)
    expect(closing).toMatchObject({ reason: 'expired' })
    expect(closing['seconds']).toBeLessThan(1.5)
    expect(await closed).toMatchObject({ code: 4401, reason: 'expired' })
    expect(await visitor.open()).toMatchObject({ status: 401 })
    await timed.stop()
  })
})

describe('the audit and metrics of a tunnel', () => {
  it('record when it opened and closed, for whom, how long, and every byte', async () => {
    const bytes = async (): Promise<number[]> =>
      Promise.all(
        ['to_desktop', 'to_browser'].map((direction) =>
          metric(stack.gateway, 'ghostwire_tunnel_bytes_total', { direction }),
        ),
      )
    const closedBefore = await metric(stack.gateway, 'ghostwire_tunnels_closed_total', {
      reason: 'client-closed',
    })
    const [toDesktop = 0, toBrowser = 0] = await bytes()
    const opened = stack.gateway.audit('tunnel_opened').length
    const { client, tunnel } = await open()
    expect(await metric(stack.gateway, 'ghostwire_tunnels_open', { role: 'control' })).toBe(1)
    const about = {
      sub: 'alice',
      email: 'alice@example.com',
      role: 'control',
      address: '127.0.0.1',
      desktop: stack.desktop.url.host,
    }
    const openings = stack.gateway.audit('tunnel_opened').slice(opened)
    expect(openings).toMatchObject([about])

    const hello = encodeFrame('RFB 003.008\n', { masked: true })
    client.socket.write(hello)
    await eventually(() => expect(tunnel.frames).toHaveLength(1))
    await client.nextFrame()
    const types = (await client.nextFrame()).payload
    const sent = hello.length
    const received = 2 + 12 + 2 + types.length
    expect(await bytes()).toEqual([toDesktop + sent, toBrowser + received])

    const closing = await nextClosing(() => client.socket.end())
    expect(closing).toMatchObject({
      ...about,
      session: openings[0]?.['session'],
      request: openings[0]?.['request'],
      reason: 'client-closed',
      bytesToDesktop: sent,
      bytesToBrowser: received,
    })
    const seconds = (end: unknown): number => Date.parse(String(end)) / 1_000
    expect(closing['seconds']).toBeCloseTo(
      seconds(closing['time']) - seconds(openings[0]?.['time']),
      1,
    )
    expect(await bytes()).toEqual([toDesktop + sent, toBrowser + received])
    expect(
      await metric(stack.gateway, 'ghostwire_tunnels_closed_total', { reason: 'client-closed' }),
    ).toBe(closedBefore + 1)
    expect(await metric(stack.gateway, 'ghostwire_tunnels_open', { role: 'control' })).toBe(0)
  })

  it('count bytes that arrived before the 101 too, on either side', async () => {
    const { upstream, stop, visitor, stack } = await startBareDesktop()
    const early = encodeFrame('RFB 003.008\n', { masked: true })
    const { origin, publicPort } = stack.gateway
    const { cookie } = visitor
    const browser = connect(publicPort, '127.0.0.1')
    browser.write(upgradeRequest(publicPort, { origin, cookie }))
    const desktop = await upstream()
    browser.write(early)
    // This answer arrives after the gateway has read the frame.
    await metric(stack.gateway, 'ghostwire_tunnels_open')
    desktop.switchProtocols(encodeFrame('RFB 003.008\n'))
    await eventually(() => expect(desktop.received()).toEqual(early))
    const closing = await nextClosing(() => browser.end(), stack)
    expect(closing).toMatchObject({ bytesToDesktop: early.length, bytesToBrowser: 14 })
    await stop()
  })

  it('do not count bytes that were not delivered', async () => {
    const { upstream, stop, visitor, stack } = await startBareDesktop()
    const opening = visitor.open()
    const desktop = await upstream()
    desktop.switchProtocols()
    const client = await opening
    desktop.socket.write(encodeFrame('picture'))
    await client.nextFrame()
    const keepTyping = setInterval(() => client.sendFrame('RFB 003.008\n'), 1)
    await eventually(() => expect(desktop.received().length).toBeGreaterThan(0))
    const closing = await nextClosing(() => void visitor.signOut(), stack)
    clearInterval(keepTyping)
    await eventually(() => expect(desktop.socket.destroyed).toBe(true))
    expect(closing).toMatchObject({ bytesToDesktop: desktop.received().length, bytesToBrowser: 9 })
    await stop()
  })
})

interface BareDesktop {
  readonly stack: Stack
  readonly visitor: SignedIn
  /** The open sockets at the desktop. */
  readonly connections: ReadonlySet<Socket>
  /** The next upgrade that reaches it, unanswered. */
  readonly upstream: () => Promise<BareUpgrade>
  readonly stop: () => Promise<void>
}

interface BareUpgrade {
  readonly socket: Socket
  /** The bytes that arrived after the request. */
  received(): Buffer
  switchProtocols(alongWithIt?: Uint8Array): void
}

/** A desktop that does nothing unless the test says so. */
async function startBareDesktop(): Promise<BareDesktop> {
  const connections = new Set<Socket>()
  const upgrades: BareUpgrade[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = []
    let bytes = Buffer.alloc(0)
    let start = -1
    connections.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => connections.delete(socket))
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => {
      if (start >= 0) {
        chunks.push(chunk)
        return
      }
      bytes = Buffer.concat([bytes, chunk])
      start = bytes.indexOf('\r\n\r\n')
      if (start < 0) return
      const key = /^sec-websocket-key: (.*)\r$/im.exec(bytes.toString('latin1'))?.[1] ?? ''
      upgrades.push({
        socket,
        received: () => Buffer.concat(chunks),
        switchProtocols(alongWithIt = Buffer.alloc(0)) {
          const head = [
            'HTTP/1.1 101 Switching Protocols',
            'Upgrade: websocket',
            'Connection: Upgrade',
            `Sec-WebSocket-Accept: ${acceptFor(key)}`,
            'Sec-WebSocket-Protocol: binary',
            '\r\n',
          ]
          socket.write(Buffer.concat([Buffer.from(head.join('\r\n')), alongWithIt]))
        },
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const bare = await startStack({
    environment: { ...ENVIRONMENT, GATEWAY_DESKTOP_URL: `http://127.0.0.1:${port}` },
  })
  let taken = 0
  return {
    stack: bare,
    visitor: await signIn(bare.gateway),
    connections,
    async upstream() {
      await eventually(() => expect(upgrades.length).toBeGreaterThan(taken))
      taken += 1
      return upgrades[taken - 1] as BareUpgrade
    },
    async stop() {
      await bare.stop()
      for (const socket of connections) socket.destroy()
      server.close()
    },
  }
}

/** Resolves when the value has not changed for a while. */
async function standsStill(figure: () => number): Promise<void> {
  const since = { value: figure(), time: Date.now() }
  await eventually(() => {
    if (figure() !== since.value) Object.assign(since, { value: figure(), time: Date.now() })
    expect(Date.now() - since.time).toBeGreaterThan(200)
  })
}
