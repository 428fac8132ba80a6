// How a tunnel treats its two sides: the last frame, sent only once; when a side counts as vanished; what the tunnel waits for.

import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { closeFrame } from '../../src/proxy/frames.ts'
import { eventually } from '../support/eventually.ts'
import { openTunnelEnds, type TunnelEnds } from '../support/tunnel-ends.ts'
import { encodeClose, encodeFrame, FrameReader, OPCODE } from '../support/websocket-wire.ts'

const ends: TunnelEnds[] = []
afterEach(() => {
  for (const { browser, desktop, tunnel } of ends.splice(0)) {
    tunnel.close('draining')
    for (const socket of [browser, desktop]) socket.destroy()
  }
})

async function open(): Promise<TunnelEnds & { readonly heard: () => Buffer }> {
  const opened = await openTunnelEnds({ dialect: 'kasmvnc' })
  ends.push(opened)
  const received: Buffer[] = []
  opened.browser.on('data', (chunk: Buffer) => received.push(chunk))
  return { ...opened, heard: () => Buffer.concat(received) }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a desktop that sends a Close itself', () => {
  it.each(['and disconnects', 'before the session ends'])(
    '%s: the browser gets that Close and no other',
    async (how) => {
      const { tunnel, browser, desktop, heard, closed } = await open()
      const close = encodeClose(4_000, 'its own word')
      desktop.write(close)
      await eventually(() => expect(heard()).toEqual(close))
      if (how === 'and disconnects') desktop.end()
      else tunnel.close('signed-out')
      await closed
      await eventually(() => expect(browser.destroyed || browser.readableEnded).toBe(true))
      expect(heard()).toEqual(close)
    },
  )

  it('causes no more Pings to the browser', async () => {
    const { tunnel, desktop, heard } = await open()
    const close = encodeClose(4_000)
    desktop.write(close)
    await eventually(() => expect(heard()).toEqual(close))
    tunnel.ping()
    await pause(50)
    expect(heard()).toEqual(close)
  })
})

describe('a Ping', () => {
  it('waits for the end of the current frame', async () => {
    const { tunnel, desktop, heard } = await open()
    const frame = encodeFrame(Buffer.alloc(100))
    desktop.write(frame.subarray(0, 50))
    await eventually(() => expect(heard()).toHaveLength(50))
    tunnel.ping()
    await pause(20)
    expect(heard()).toHaveLength(50)
    desktop.write(frame.subarray(50))
    await eventually(() => {
      expect(new FrameReader().push(heard()).map(({ opcode }) => opcode)).toEqual([
        OPCODE.binary,
        OPCODE.ping,
      ])
    })
  })

  it('is sent once, however often it was due during one frame', async () => {
    const { tunnel, desktop, heard } = await open()
    const frame = encodeFrame(Buffer.alloc(100))
    desktop.write(frame.subarray(0, 50))
    await eventually(() => expect(heard()).toHaveLength(50))
    for (let due = 0; due < 3; due += 1) tunnel.ping()
    desktop.write(Buffer.concat([frame.subarray(50), frame]))
    await eventually(() => expect(heard().length).toBeGreaterThanOrEqual(2 * frame.length + 10))
    await pause(20)
    const opcodes = new FrameReader().push(heard()).map(({ opcode }) => opcode)
    expect(opcodes.filter((opcode) => opcode === OPCODE.ping)).toHaveLength(1)
  })

  it('is not sent after the gateway’s own Close', async () => {
    const { tunnel, browser, heard, closed } = await open()
    tunnel.close('idle')
    tunnel.ping()
    await closed
    await eventually(() => expect(browser.destroyed || browser.readableEnded).toBe(true))
    expect(heard()).toEqual(closeFrame(4401, 'idle'))
  })
})

describe('an end', () => {
  it('lets the current frame finish, forwards nothing after it, and sends one Close', async () => {
    const { tunnel, browser, desktop, heard, closed } = await open()
    const frame = encodeFrame(Buffer.alloc(1_000, 1))
    desktop.write(frame.subarray(0, 500))
    await eventually(() => expect(heard()).toHaveLength(500))
    tunnel.close('revoked')
    tunnel.close('idle')
    desktop.write(Buffer.concat([frame.subarray(500), encodeFrame('behind it')]))
    expect(await closed).toBe('revoked')
    await eventually(() => expect(browser.destroyed || browser.readableEnded).toBe(true))
    expect(heard()).toEqual(Buffer.concat([frame, closeFrame(4401, 'revoked')]))
  })

  it('resets the connection if the current frame stays unfinished', async () => {
    const { tunnel, browser, desktop, heard, closed } = await open()
    const reset = new Promise<string | undefined>((resolve) => {
      browser.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    desktop.write(encodeFrame(Buffer.alloc(1_000)).subarray(0, 500))
    await eventually(() => expect(heard()).toHaveLength(500))
    tunnel.close('revoked')
    expect(await closed).toBe('revoked')
    expect(await reset).toBe('ECONNRESET')
    expect(heard()).toHaveLength(500)
  })

  it('also completes for a browser that never reads its Close', async () => {
    const { tunnel, browser, desktop, closed } = await open()
    browser.pause()
    const gone = new Promise((resolve) => desktop.once('close', resolve))
    desktop.resume()
    tunnel.close('idle')
    expect(await closed).toBe('idle')
    await gone
  })
})

describe('the recorded reason', () => {
  it('is the browser’s Close, even if the desktop disconnects first', async () => {
    const { tunnel, browser, desktop, heard, closed } = await open()
    browser.write(encodeClose(1_000, '', { masked: true }))
    await eventually(() => expect(tunnel.bytesToDesktop).toBeGreaterThan(0))
    desktop.resume().end()
    expect(await closed).toBe('client-closed')
    await eventually(() => expect(browser.destroyed || browser.readableEnded).toBe(true))
    expect(heard()).toEqual(closeFrame(1_000, ''))
  })

  it('is client-gone if TCP reports that the browser has vanished', async () => {
    const { client, closed } = await open()
    client.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }))
    expect(await closed).toBe('client-gone')
  })

  it.each([
    ['client', 'client-closed'],
    ['upstream', 'desktop-gone'],
  ] as const)('names the %s side if it closed during the handshake', async (side, reason) => {
    const { browser, desktop, closed } = await openTunnelEnds({
      dialect: 'kasmvnc',
      beforeStart: async (near) => {
        const gone = new Promise<void>((resolve) => near[side].once('close', () => resolve()))
        near[side].destroy()
        await gone
      },
    })
    for (const far of [browser, desktop]) far.resume()
    expect(await closed).toBe(reason)
    for (const far of [browser, desktop]) far.destroy()
  })

  it('is desktop-gone if the desktop ends its stream while it reads nothing', async () => {
    const { browser, desktop, closed } = await open()
    desktop.pause()
    await writeUntilBlocked(browser, PONGS)
    desktop.end()
    expect(await closed).toBe('desktop-gone')
  })
})

it('a tunnel has no idle timeout on its connection; only requests have one', async () => {
  const { client } = await open()
  expect(client.timeout).toBe(0)
})

it('a browser that reads nothing gets no Ping, and later every byte unchanged', async () => {
  const { tunnel, browser, desktop, client, heard } = await open()
  const sent: Buffer[] = []
  browser.pause()
  // Each frame is a read of its own, and too long to be copied: waiting data stays in the buffer it was read into.
  for (let at = 0; !client.writableNeedDrain; at += 1) {
    const frame = encodeFrame(Buffer.alloc(20_000, at % 251))
    sent.push(frame)
    desktop.write(frame)
    const passed = sent.reduce((sum, { length }) => sum + length, 0)
    await eventually(() => {
      expect(tunnel.bytesToBrowser === passed || client.writableNeedDrain).toBe(true)
    })
  }
  const waiting = client.writableLength
  tunnel.ping()
  expect(client.writableLength).toBe(waiting)
  browser.resume()
  const all = Buffer.concat(sent)
  await eventually(() => expect(heard().length).toBeGreaterThanOrEqual(all.length))
  expect(heard().subarray(0, all.length).equals(all)).toBe(true)
})

describe('a vanished side', () => {
  const STALLED = 60_000
  const SILENT = 90_000

  it('is a browser that has sent nothing for the time limit, but not one that sends', async () => {
    const { tunnel, browser, closed, desktop } = await open()
    desktop.resume()
    const begun = performance.now()
    tunnel.checkLife(begun + SILENT - 1_000, STALLED, SILENT)
    browser.write(Buffer.from([0x8a, 0x80, 1, 2, 3, 4]))
    await eventually(() => expect(tunnel.bytesToDesktop).toBe(6))
    tunnel.checkLife(begun + SILENT + 1_000, STALLED, SILENT)
    tunnel.checkLife(begun + 2 * SILENT, STALLED, SILENT)
    await pause(20)
    expect(browser.destroyed).toBe(false)
    tunnel.checkLife(begun + 2 * SILENT + 1_001, STALLED, SILENT)
    expect(await closed).toBe('client-gone')
  })

  it.each([
    ['browser', 'client-gone'],
    ['desktop', 'desktop-gone'],
  ] as const)(
    'is a %s that reads nothing for the time limit while data is waiting',
    async (side, reason) => {
      const { tunnel, browser, desktop, closed } = await open()
      browser.removeAllListeners('data')
      const [reader, writer] = side === 'browser' ? [browser, desktop] : [desktop, browser]
      reader.pause()
      await writeUntilBlocked(
        writer,
        side === 'browser' ? encodeFrame(Buffer.alloc(60_000)) : PONGS,
      )
      tunnel.checkLife(performance.now() + STALLED - 5_000, STALLED, 10 * SILENT)
      await pause(20)
      expect(browser.destroyed || browser.readableEnded).toBe(false)
      tunnel.checkLife(performance.now() + STALLED + 1, STALLED, 10 * SILENT)
      expect(await closed).toBe(reason)
    },
  )

  it('is detected by TCP keep-alive on both sides, 30 s after the last byte', async () => {
    const { browser, desktop } = await open()
    for (const far of [browser, desktop]) {
      await eventually(() => {
        const seconds = keepAliveSeconds(far)
        expect(seconds).toBeGreaterThan(15)
        expect(seconds).toBeLessThanOrEqual(30)
      })
    }
  })
})

/** Long frames, so that it is back pressure that stops the flood, not its own pauses. */
const PONGS = Buffer.concat(
  Array.from({ length: 500 }, () =>
    encodeFrame(Buffer.alloc(120), { opcode: OPCODE.pong, masked: true }),
  ),
)

async function writeUntilBlocked(writer: Socket, data: Buffer): Promise<void> {
  let isBlocked = false
  while (!isBlocked) {
    if (writer.write(data)) continue
    isBlocked = await Promise.race([
      new Promise<boolean>((resolve) => writer.once('drain', () => resolve(false))),
      pause(300).then(() => true),
    ])
  }
}

/** Seconds until the keep-alive timer of the gateway's socket at the other end of `far` expires, from the kernel (proc(5)). */
function keepAliveSeconds(far: Socket): number | undefined {
  const port = (number = 0): string => number.toString(16).toUpperCase().padStart(4, '0')
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local = '', remote = '', , , timer = ''] = line.trim().split(/\s+/)
    if (
      !local.endsWith(`:${port(far.remotePort)}`) ||
      !remote.endsWith(`:${port(far.localPort)}`)
    ) {
      continue
    }
    const [kind, ticks = ''] = timer.split(':')
    if (kind === '02') return Number.parseInt(ticks, 16) / 100
  }
  return undefined
}
