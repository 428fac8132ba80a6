import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRfbServer, type RfbServer } from '../../../demo/rfb-server.ts'
import { createFramebuffer, type Framebuffer } from '../../../demo/rfb/framebuffer.ts'
import type { Rectangle } from '../../../demo/rfb/rectangle.ts'
import { listenFor, type RfbClient, type RfbListening } from './rfb-client.ts'

const WIDTH = 200
const HEIGHT = 150
const RAW = 0
const ZLIB = 6
const CURSOR = -239

const cursor = {
  width: 9,
  height: 2,
  hotspot: { x: 1, y: 0 },
  pixels: Buffer.alloc(9 * 2 * 4, 7),
  mask: Buffer.of(0xff, 0x80, 0xff, 0x80),
}

let framebuffer: Framebuffer
let server: RfbServer
let listening: RfbListening
let heard: unknown[]

beforeEach(async () => {
  framebuffer = createFramebuffer(WIDTH, HEIGHT)
  heard = []
  server = createRfbServer({
    name: 'Tést',
    framebuffer,
    cursor,
    input: {
      onKey: (keysym, isDown) => void heard.push(['key', keysym, isDown]),
      onPointer: (x, y, buttons) => void heard.push(['pointer', x, y, buttons]),
      onCutText: (text) => void heard.push(['cut', text]),
    },
  })
  listening = await listenFor(server)
})

afterEach(() => listening.stop())

/** Fills the area with noise, which deflate cannot shrink, and reports it. */
function draw(area: Rectangle): Buffer {
  const pixels = Buffer.alloc(area.width * area.height * 4)
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = Math.floor(Math.random() * 256)
  framebuffer.write(area, pixels)
  server.damage(area)
  return pixels
}

async function connected(...encodings: number[]): Promise<RfbClient> {
  const client = await listening.connect()
  await client.shakeHands()
  client.setEncodings(...encodings)
  return client
}

const everything = { x: 0, y: 0, width: WIDTH, height: HEIGHT }

describe('the handshake', () => {
  it('uses RFB 3.8 without a password and sends size, format and name', async () => {
    const client = await listening.connect()
    expect((await client.read(12)).toString()).toBe('RFB 003.008\n')
    client.send('RFB 003.008\n')
    expect([...(await client.read(2))]).toEqual([1, 1])
    client.send([1])
    expect([...(await client.read(4))]).toEqual([0, 0, 0, 0])
    client.send([1])
    const init = await client.read(24)
    expect([init.readUInt16BE(0), init.readUInt16BE(2)]).toEqual([WIDTH, HEIGHT])
    expect(init.subarray(4, 20).toString('hex')).toBe('2018000100ff00ff00ff000810000000')
    expect((await client.read(init.readUInt32BE(20))).toString()).toBe('Tést')
  })

  it.each([
    ['another version', ['RFB 003.003\n']],
    ['another security type', ['RFB 003.008\n', [2]]],
  ])('disconnects with 1002 a viewer that asks for %s', async (_, messages) => {
    const client = await listening.connect()
    for (const message of messages) client.send(message)
    expect((await once(client.socket, 'close'))[0]).toBe(1002)
  })
})

describe('updates', () => {
  it('are raw for a viewer without Zlib', async () => {
    const client = await connected()
    const pixels = draw(everything)
    client.request(false)
    const [rectangle, ...more] = await client.update()
    expect(more).toEqual([])
    expect(rectangle).toMatchObject({ ...everything, encoding: RAW })
    expect(rectangle?.data.equals(pixels)).toBe(true)
  })

  it('are parts of one Zlib stream for a viewer with Zlib', async () => {
    const client = await connected(ZLIB)
    for (let round = 0; round < 20; round += 1) {
      const pixels = draw(everything)
      client.request(round > 0)
      const [rectangle] = await client.update()
      expect(rectangle?.encoding).toBe(ZLIB)
      expect(rectangle?.data.equals(pixels)).toBe(true)
    }
  })

  it('contain only the tiles that changed', async () => {
    const client = await connected(ZLIB)
    client.request(false)
    await client.update()
    draw({ x: 70, y: 10, width: 2, height: 2 })
    draw({ x: 130, y: 70, width: 70, height: 80 })
    client.request(true)
    const areas = (await client.update()).map(({ x, y, width, height }) => [x, y, width, height])
    expect(areas).toEqual([
      [64, 0, 64, 64],
      [128, 64, 72, 86],
    ])
  })

  it('are sent once for each request', async () => {
    const client = await connected()
    client.request(false)
    await client.update()
    draw(everything)
    await sleep(50)
    expect(client.unread()).toBe(0)
    client.request(true)
    await client.update()
    client.request(true)
    await sleep(50)
    expect(client.unread()).toBe(0)
    const pixels = draw({ x: 0, y: 0, width: 64, height: 64 })
    expect((await client.update())[0]?.data.equals(pixels)).toBe(true)
  })

  it('leave out the part of a request that is outside the screen', async () => {
    const client = await connected()
    client.request(false, { x: 190, y: 140, width: 1000, height: 1000 })
    expect(await client.update()).toMatchObject([{ x: 128, y: 128, width: 72, height: 22 }])
  })

  it('contain the pointer’s shape once for a viewer that can show it', async () => {
    const client = await connected(ZLIB, CURSOR)
    client.request(false)
    const [shape] = await client.update()
    expect(shape).toMatchObject({ x: 1, y: 0, width: 9, height: 2, encoding: CURSOR })
    expect(shape?.data.equals(Buffer.concat([cursor.pixels, cursor.mask]))).toBe(true)
    client.request(false)
    expect((await client.update()).map(({ encoding }) => encoding)).toEqual([ZLIB])
  })

  it('are sent only to the viewer that asked', async () => {
    const [one, two] = [await connected(ZLIB), await connected()]
    expect(server.viewers).toBe(2)
    const pixels = draw(everything)
    one.request(false)
    await one.update()
    expect(two.unread()).toBe(0)
    two.request(false)
    expect((await two.update())[0]?.data.equals(pixels)).toBe(true)
  })
})

describe('input', () => {
  const keyAndPointer = [
    Buffer.from('0401000000000041', 'hex'),
    Buffer.from('0400000000000041', 'hex'),
    Buffer.from('0501000a0014', 'hex'),
    Buffer.from('060000000000000361e962', 'hex'),
  ]
  const asHeard = [
    ['key', 0x41, true],
    ['key', 0x41, false],
    ['pointer', 10, 20, 1],
    ['cut', 'aéb'],
  ]

  it('is read correctly in any split', async () => {
    const client = await connected(ZLIB, 7, -308, 1234)
    for (const byte of Buffer.concat(keyAndPointer)) client.send([byte])
    await expect.poll(() => heard).toEqual(asHeard)
  })

  it('is read correctly in one piece, after unknown encodings', async () => {
    const client = await connected(7, 16, -305, 0x574d5664)
    client.send(...keyAndPointer)
    await expect.poll(() => heard).toEqual(asHeard)
  })

  it.each([
    ['a message it has no name for', '63'],
    ['another pixel format', '000000001008000100ff00ff00ff10080000000000'],
    ['more encodings than there are', '0200ffff'],
    ['text without end', '06000000ffffffff'],
  ])('disconnects the viewer with 1002 for %s', async (_, bytes) => {
    const client = await connected()
    client.send(Buffer.from(bytes, 'hex'))
    expect((await once(client.socket, 'close'))[0]).toBe(1002)
    await expect.poll(() => server.viewers).toBe(0)
  })
})

describe('a viewer', () => {
  it('may disconnect in the middle of an update', async () => {
    for (let round = 0; round < 20; round += 1) {
      const client = await connected(ZLIB)
      draw(everything)
      client.request(false)
      await sleep(round % 4)
      client.socket.terminate()
      draw(everything)
    }
    await expect.poll(() => server.viewers).toBe(0)
    const pixels = draw(everything)
    const client = await connected(ZLIB)
    client.request(false)
    expect((await client.update())[0]?.data.equals(pixels)).toBe(true)
  })

  it('that does not read gets fewer updates, not a queue', async () => {
    const client = await connected()
    client.socket.pause()
    // Far more than the sockets between can hold: each update is 120 kB.
    for (let round = 0; round < 300; round += 1) {
      client.request(false)
      await sleep(1)
    }
    expect(listening.buffered()).toBeGreaterThan(0)
    expect(listening.buffered()).toBeLessThan(2 * WIDTH * HEIGHT * 4)
    client.socket.resume()
    expect((await client.update())[0]).toMatchObject(everything)
    await expect.poll(() => listening.buffered()).toBe(0)
  })
})
