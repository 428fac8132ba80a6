// A browser that sends the smallest possible pieces as fast as it can. Each turn of the event loop processes only a few of
// them, so that other tunnels are served in between. Nothing is lost, reordered or held for long.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { restrictionsFor } from '../../src/desktop/restrictions.ts'
import type { RfbDialect } from '../../src/desktop/rfb-messages.ts'
import { MAX_TUNNELS_A_TURN, STEPS_A_TURN, TurnQueue } from '../../src/proxy/turn-queue.ts'
import { eventually } from '../support/eventually.ts'
import { HANDSHAKE, maskedFrame, payloadOf, u32 } from '../support/rfb-client.ts'
import { openTunnelEnds, type TunnelEnds, type TunnelEndsOptions } from '../support/tunnel-ends.ts'
import { encodeFrame } from '../support/websocket-wire.ts'

const MASK = Buffer.from([1, 2, 3, 4])
const FLOOD_BYTES = 300_000

const ends: TunnelEnds[] = []
afterEach(() => {
  for (const { browser, desktop, tunnel } of ends.splice(0)) {
    tunnel.close('draining')
    for (const socket of [browser, desktop]) socket.destroy()
  }
})

async function open(options: TunnelEndsOptions): Promise<TunnelEnds> {
  const opened = await openTunnelEnds(options)
  ends.push(opened)
  if (options.dialect !== undefined) {
    opened.browser.write(maskedFrame(HANDSHAKE, MASK))
    await eventually(() => expect(opened.tunnel.bytesToDesktop).toBeGreaterThanOrEqual(20))
  }
  return opened
}

function repeated(piece: Buffer, bytes = FLOOD_BYTES): Buffer {
  return Buffer.alloc(Math.floor(bytes / piece.length) * piece.length, piece)
}

const KEEP_ALIVE = 185
const FLOODS: readonly (readonly [string, RfbDialect | undefined, Buffer])[] = [
  ['empty frames', 'kasmvnc', maskedFrame(Buffer.alloc(0), MASK)],
  ['Pings', 'kasmvnc', maskedFrame(Buffer.alloc(0), MASK, 0x89)],
  ['messages of a byte, each in a frame', 'kasmvnc', maskedFrame(Buffer.from([KEEP_ALIVE]), MASK)],
  [
    'messages of a byte, in long frames',
    'kasmvnc',
    maskedFrame(Buffer.alloc(60_000, KEEP_ALIVE), MASK),
  ],
  [
    'lists of encodings',
    'rfb',
    maskedFrame(Buffer.concat([Buffer.from([2, 0, 0x3a, 0x98]), Buffer.alloc(60_000, 1)]), MASK),
  ],
  ['empty frames to a route', undefined, maskedFrame(Buffer.alloc(0), MASK)],
]

/** The bytes that were forwarded in each turn of the event loop, until all of them were. */
async function bytesOfTurns(count: () => number, all: number): Promise<number[]> {
  const turns: number[] = []
  for (let before = count(); before < all;) {
    await new Promise((resolve) => setImmediate(resolve))
    const now = count()
    turns.push(now - before)
    before = now
  }
  return turns
}

/** The bytes of a turn's steps, at most eight each. A turn may start with the rest of the previous one. */
const MAX_BYTES_A_TURN = 2 * STEPS_A_TURN * 8

describe.each(FLOODS)('a flood of %s', (_, dialect, piece) => {
  it('is processed a little at a time, and arrives complete and in order', async () => {
    const { tunnel, browser, desktop } = await open({ dialect })
    const received: Buffer[] = []
    desktop.on('data', (chunk: Buffer) => received.push(chunk))
    const flood = repeated(piece)
    const payload = payloadOf(flood)
    const before = tunnel.bytesToDesktop
    browser.write(flood)
    const turns = await bytesOfTurns(() => tunnel.bytesToDesktop, before + flood.length)
    expect(Math.max(...turns)).toBeLessThanOrEqual(MAX_BYTES_A_TURN)
    const expected = Buffer.concat([dialect === undefined ? Buffer.alloc(0) : HANDSHAKE, payload])
    const arrived = await eventually(() => {
      const bytes = payloadOf(Buffer.concat(received))
      expect(bytes).toHaveLength(expected.length)
      return bytes
    })
    expect(arrived.equals(expected)).toBe(true)
  })
})

const flood = repeated(maskedFrame(Buffer.alloc(0), MASK))

it('many floods at once make a turn of the event loop no longer than a few do', async () => {
  const turnQueue = new TurnQueue()
  const flooders = await Promise.all(
    Array.from({ length: 3 * MAX_TUNNELS_A_TURN }, () =>
      open({ dialect: 'kasmvnc', turns: turnQueue }),
    ),
  )
  const count = (): number => flooders.reduce((sum, { tunnel }) => sum + tunnel.bytesToDesktop, 0)
  const all = count() + flooders.length * 200_000
  for (const { browser, desktop } of flooders) {
    desktop.resume()
    browser.write(flood.subarray(0, 200_004))
  }
  const turns = await bytesOfTurns(count, all)
  // Each tunnel starts with a read of its own.
  const later = turns.slice(turns.findIndex((bytes) => bytes > 0) + flooders.length)
  expect(later.length).toBeGreaterThan(100)
  expect(Math.max(...later)).toBeLessThanOrEqual(MAX_TUNNELS_A_TURN * MAX_BYTES_A_TURN)
  // None of them waits until another one is finished.
  expect(flooders.every(({ tunnel }) => tunnel.bytesToDesktop > 150_000)).toBe(true)
})

it('another tunnel is echoed while a flood continues', async () => {
  const turns = new TurnQueue()
  const [flooder, other] = [
    await open({ dialect: 'kasmvnc', turns }),
    await open({ dialect: 'kasmvnc', turns }),
  ]
  flooder.desktop.resume()
  const key = maskedFrame(Buffer.from([4, 1, 0, 0, 0, 0, 0, 97]), MASK)
  const answer = encodeFrame('picture')
  other.desktop.on('data', () => other.desktop.write(answer))
  const floodOn = (): void => {
    while (flooder.browser.write(flood));
  }
  flooder.browser.on('drain', floodOn)
  floodOn()
  await eventually(() => expect(flooder.tunnel.bytesToDesktop).toBeGreaterThan(100_000))
  const passed: number[] = []
  for (let echo = 0; echo < 20; echo += 1) {
    const before = flooder.tunnel.bytesToDesktop
    const back = once(other.browser, 'data')
    other.browser.write(key)
    await back
    passed.push(flooder.tunnel.bytesToDesktop - before)
  }
  // A round trip takes some dozen turns of the loop, in which all five connections are served. A single read would take more.
  expect(passed.toSorted((one, two) => one - two)[10]).toBeLessThan(65_536)
})

describe('a flood', () => {
  it('stops while the desktop reads nothing, and continues where it stopped', async () => {
    const { tunnel, browser, desktop } = await open({ dialect: 'kasmvnc' })
    desktop.pause()
    // More than the kernel buffers on two connections, and more frames than one turn processes.
    const many = repeated(maskedFrame(Buffer.alloc(0), MASK), 3_000)
    const cutText = Buffer.concat([Buffer.from([6, 0, 0, 0]), u32(60_000), Buffer.alloc(60_000)])
    const piece = Buffer.concat([many, maskedFrame(cutText, MASK)])
    const pieces = 400
    const long = Buffer.alloc(pieces * piece.length, piece)
    browser.write(long)
    let last = -1
    await eventually(async () => {
      const now = tunnel.bytesToDesktop
      const isStill = now === last
      last = now
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(isStill).toBe(true)
    })
    expect(tunnel.bytesToDesktop).toBeLessThan(long.length)
    const received: Buffer[] = []
    let size = 0
    desktop
      .on('data', (chunk: Buffer) => {
        received.push(chunk)
        size += chunk.length
      })
      .resume()
    // A frame that arrived in two reads is forwarded in two, so there may be more bytes, but not fewer.
    const expected = Buffer.concat([HANDSHAKE, repeated(cutText, 60_008 * pieces)])
    await eventually(() => {
      expect(size).toBeGreaterThanOrEqual(long.length)
      expect(size).toBe(tunnel.bytesToDesktop)
    })
    expect(payloadOf(Buffer.concat(received)).equals(expected)).toBe(true)
  })

  it('ends at once with its session, and the rest of a read is not forwarded', async () => {
    const { tunnel, browser, desktop, closed } = await open({ dialect: 'kasmvnc' })
    desktop.resume()
    browser.resume()
    const before = tunnel.bytesToDesktop
    browser.write(flood)
    await eventually(() => expect(tunnel.bytesToDesktop).toBeGreaterThan(before))
    const passed = tunnel.bytesToDesktop
    expect(passed).toBeLessThan(flood.length)
    tunnel.close('signed-out')
    expect(await closed).toBe('signed-out')
    expect(tunnel.bytesToDesktop).toBe(passed)
  })

  it('that violates the protocol in the middle of a read ends at that point', async () => {
    const { tunnel, browser, desktop, closed } = await open({ dialect: 'kasmvnc' })
    desktop.resume()
    browser.resume()
    const good = repeated(maskedFrame(Buffer.alloc(0), MASK), 30_000)
    const before = tunnel.bytesToDesktop
    browser.write(Buffer.concat([good, maskedFrame(Buffer.from('text'), MASK, 0x81), good]))
    expect(await closed).toBe('protocol-error')
    // Frames that were processed in the same turn as the wrong one are not forwarded either.
    expect(tunnel.bytesToDesktop - before).toBeLessThanOrEqual(good.length)
  })

  it('of a person who may only watch is dropped message by message, and no turn takes longer', async () => {
    const restrictions = restrictionsFor('kasmvnc', 'view', 'allow')
    const { tunnel, browser, desktop } = await open({ dialect: 'kasmvnc', restrictions })
    const received: Buffer[] = []
    desktop.on('data', (chunk: Buffer) => received.push(chunk))
    const pointer = Buffer.from([5, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0])
    const mixed = Buffer.concat([Buffer.alloc(3, KEEP_ALIVE), pointer])
    const piece = maskedFrame(Buffer.alloc(mixed.length * 4_000, mixed), MASK)
    browser.write(Buffer.concat([piece, piece, maskedFrame(Buffer.from([190, 7, 7, 7]), MASK)]))
    const expected = Buffer.concat([
      HANDSHAKE,
      Buffer.alloc(3 * 8_000, KEEP_ALIVE),
      Buffer.from([190, 7, 7, 7]),
    ])
    await eventually(() => {
      expect(payloadOf(Buffer.concat(received)).length).toBe(expected.length)
    })
    expect(payloadOf(Buffer.concat(received)).equals(expected)).toBe(true)
    expect(tunnel.bytesToDesktop).toBe(Buffer.concat(received).length)
  })
})

it('a browser that reads nothing makes the gateway buffer little more than one read', async () => {
  const { client, browser, desktop, tunnel } = await open({ dialect: undefined })
  browser.pause()
  const frame = encodeFrame(Buffer.alloc(60_000))
  await fill(desktop, frame)
  expect(tunnel.bytesToBrowser).toBeGreaterThan(0)
  // One read, and what the socket accepts before it reports that it is full.
  expect(client.writableLength).toBeLessThanOrEqual(65_536 + client.writableHighWaterMark)
})

/** Writes until nothing is accepted any more. */
async function fill(socket: Socket, piece: Buffer): Promise<void> {
  for (;;) {
    if (socket.write(piece)) continue
    const isStuck = await Promise.race([
      once(socket, 'drain').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
    ])
    if (isStuck) return
  }
}
