import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import { closeFrame, FrameCounter, payloadLength, pingFrame } from '../../../src/proxy/frames.ts'

// The library's own halves, which its types leave out.
interface Halves {
  readonly Sender: { frame(data: Buffer, options: object): Buffer[] }
  readonly Receiver: new (options: object) => NodeJS.WritableStream
}
const { Sender, Receiver } = ws as unknown as Halves

/** What `ws` itself writes for a server's messages. */
function framesOf(messages: readonly Uint8Array[]): Buffer[] {
  return messages.map((data) =>
    Buffer.concat(
      Sender.frame(Buffer.from(data), {
        fin: true,
        rsv1: false,
        opcode: 2,
        mask: false,
        readOnly: true,
      }),
    ),
  )
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]
  return points.slice(1).map((end, index) => bytes.subarray(points[index], end))
}

const sizes = fc.oneof(fc.nat({ max: 130 }), fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000))
const messages = fc.array(
  sizes.map((size) => new Uint8Array(size)),
  { minLength: 1, maxLength: 6 },
)

describe('counting frames', () => {
  it('finds every boundary in any split', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 12 }), (data, cuts) => {
        const frames = framesOf(data)
        const ends = new Set<number>([0])
        let end = 0
        for (const frame of frames) ends.add((end += frame.length))
        const counter = new FrameCounter()
        let at = 0
        for (const chunk of split(Buffer.concat(frames), cuts)) {
          counter.count(chunk)
          at += chunk.length
          expect(counter.isAtBoundary).toBe(ends.has(at))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('stops at the end of the current frame', () => {
    fc.assert(
      fc.property(messages, fc.nat(), (data, cut) => {
        const stream = Buffer.concat(framesOf(data))
        const at = cut % (stream.length + 1)
        const counter = new FrameCounter()
        counter.count(stream.subarray(0, at))
        const wasAtBoundary = counter.isAtBoundary
        const taken = counter.countToBoundary(stream.subarray(at))
        expect(counter.isAtBoundary).toBe(true)
        if (wasAtBoundary) expect(taken).toBe(0)
        const again = new FrameCounter()
        again.count(stream.subarray(0, at + taken))
        expect(again.isAtBoundary).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('detects that the other side has closed', () => {
    const counter = new FrameCounter()
    counter.count(Buffer.concat([...framesOf([new Uint8Array(3)]), closeFrame(1000, '')]))
    expect(counter.hasClosed).toBe(true)
    expect(counter.isAtBoundary).toBe(true)
  })

  it('is not confused by impossible lengths', () => {
    expect(payloadLength(Buffer.from([0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]))).toBe(
      Number.POSITIVE_INFINITY,
    )
    expect(payloadLength(Buffer.from([0x82, 0x7f, 0, 0, 0, 1, 0, 0, 0, 0]))).toBe(2 ** 32)
  })
})

describe("the gateway's own frames", () => {
  it.each([
    [4401, 'signed-out'],
    [4403, 'access-withdrawn'],
    [1001, 'draining'],
  ])('are valid for a browser: Close %i %s', async (code, reason) => {
    const receiver = new Receiver({ isServer: false, binaryType: 'nodebuffer' })
    const concluded = new Promise((resolve) => {
      receiver.on('conclude', (gotCode: number, gotReason: Buffer) =>
        resolve([gotCode, gotReason.toString()]),
      )
    })
    receiver.write(closeFrame(code, reason))
    expect(await concluded).toEqual([code, reason])
  })

  it('are valid for a browser: Pings, each with another payload', async () => {
    const receiver = new Receiver({ isServer: false })
    const pings: string[] = []
    receiver.on('ping', (data: Buffer) => pings.push(data.toString('hex')))
    receiver.write(Buffer.concat([pingFrame(), pingFrame()]))
    await new Promise((resolve) => setImmediate(resolve))
    expect(pings).toHaveLength(2)
    expect(pings[0]).not.toBe(pings[1])
  })
})

it.each([
  [0x1f_ffff, 0xffff_ffff, Number.MAX_SAFE_INTEGER],
  [0x20_0000, 0, Number.POSITIVE_INFINITY],
  [0, 5, 5],
  [1, 0, 0x1_0000_0000],
])('reads a 64-bit length while it is a safe integer: %i %i', (high, low, length) => {
  const header = Buffer.alloc(10)
  header[1] = 127
  header.writeUInt32BE(high, 2)
  header.writeUInt32BE(low, 6)
  expect(payloadLength(header)).toBe(length)
})
