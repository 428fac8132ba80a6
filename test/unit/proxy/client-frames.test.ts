import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import { restrictionsFor } from '../../../src/desktop/restrictions.ts'
import { RfbClientReader } from '../../../src/desktop/rfb.ts'
import { ClientFrames, type PayloadReader } from '../../../src/proxy/client-frames.ts'
import { FrameDecoder } from '../../support/kasmvnc/frame-decoder.ts'
import {
  anyCuts,
  anyMask,
  anySession,
  everyRestriction,
  HANDSHAKE,
  maskedFrame,
  payloadOf,
  split,
  u32,
} from '../../support/rfb-client.ts'
import { followRfb } from '../../support/rfb-oracle.ts'
import { encodeFrame, OPCODE } from '../../support/websocket-wire.ts'

const KASMVNC_LIMIT = 65_527
const RFB_LIMIT = 2 ** 20
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

// The library's own half, which its types leave out.
const { Sender } = ws as unknown as {
  Sender: { frame(data: Buffer, options: object): Buffer[] }
}

/** Keeps what it is shown, unmasked. */
class Recorder implements PayloadReader {
  readonly cuts: number[] = []
  readonly restored = undefined
  readonly numbersRead = 0
  readonly #pieces: Buffer[] = []

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  read(chunk: Uint8Array, from: number, to: number, mask: Uint8Array, phase: number): number {
    const masked = Buffer.from(chunk.subarray(from, to))
    this.#pieces.push(masked.map((byte, at) => byte ^ (mask[(phase + at) & 3] as number)) as Buffer)
    return to
  }
}

function opened(limit = KASMVNC_LIMIT): { frames: ClientFrames; recorder: Recorder } {
  const recorder = new Recorder()
  return { frames: new ClientFrames(limit, recorder), recorder }
}

/** The last answer to the stream, piece by piece; no answer gets better. */
function verdictOf(stream: Buffer, cuts: readonly number[], limit?: number): 'ok' | 'violation' {
  const { frames } = opened(limit)
  let verdict: 'ok' | 'violation' = 'ok'
  for (const piece of split(stream, cuts)) {
    const next = frames.check(piece) === 'violation' ? 'violation' : 'ok'
    if (verdict === 'violation' && next === 'ok') throw new Error(`forgiven, cut at ${cuts.join()}`)
    verdict = next
  }
  return verdict
}

function verdictInEverySplit(stream: Buffer, limit?: number): 'ok' | 'violation' {
  const whole = verdictOf(stream, [], limit)
  const places = stream.length < 200 ? [...stream.keys()] : [1, 2, 3, 4, 5, 8, 14, 15, 999]
  const splits = [places, ...places.map((place) => [place])]
  if (stream.length < 60) {
    splits.push(...places.flatMap((first) => places.slice(first).map((second) => [first, second])))
  }
  expect(splits.filter((cuts) => verdictOf(stream, cuts, limit) !== whole)).toEqual([])
  return whole
}

const key = Buffer.from([255, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 30])
const frame = (payload = key, first?: number, lengthBits?: 7 | 16 | 64): Buffer =>
  maskedFrame(payload, MASK, first, lengthBits)
const BOTH = [KASMVNC_LIMIT, RFB_LIMIT]

describe('a client frame', () => {
  it.each([
    ['text', frame(key, 0x81)],
    ['a continuation', frame(key, 0x80)],
    ['the first part of a message', frame(key, 0x02)],
    ['RSV1, a compressed message', frame(key, 0xc2)],
    ['RSV2', frame(key, 0xa2)],
    ['RSV3', frame(key, 0x92)],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer] => [
      `reserved opcode ${opcode}`,
      frame(key, 0x80 | opcode),
    ]),
    ['unmasked', encodeFrame(key)],
    ['unmasked and empty', encodeFrame('')],
    ['an unmasked Close', encodeFrame('', { opcode: OPCODE.close })],
    ['a fragmented Close', frame(Buffer.alloc(0), 0x08)],
    ['a Close with RSV1', frame(Buffer.alloc(0), 0xc8)],
    ['a fragmented Ping', frame(Buffer.alloc(2), 0x09)],
    ['a Ping of 126 bytes', frame(Buffer.alloc(126), 0x89)],
    ['a Ping whose length is written in 16 bits', frame(Buffer.alloc(5), 0x89, 16)],
    ['a Pong whose length is written in 64 bits', frame(Buffer.alloc(5), 0x8a, 64)],
    ['a Close of 126 bytes', frame(Buffer.alloc(126), 0x88)],
    ['one more after a Close', Buffer.concat([frame(Buffer.alloc(2), 0x88), frame()])],
    [
      'a Pong after an empty Close',
      Buffer.concat([frame(Buffer.alloc(0), 0x88), frame(key, 0x8a)]),
    ],
  ])('is a violation as %s, in every split', (_, bytes) => {
    for (const limit of BOTH) {
      expect(verdictInEverySplit(bytes, limit)).toBe('violation')
      expect(verdictInEverySplit(Buffer.concat([frame(), bytes, frame()]), limit)).toBe('violation')
    }
  })

  it.each([
    ['a short message', frame()],
    ['an empty message', frame(Buffer.alloc(0))],
    ['125 bytes', frame(Buffer.alloc(125))],
    ['126 bytes', frame(Buffer.alloc(126))],
    ['a short length in 16 bits', frame(key, 0x82, 16)],
    ['no length in 16 bits', frame(Buffer.alloc(0), 0x82, 16)],
    ['65,527 bytes', frame(Buffer.alloc(65_527))],
    ['Ping', frame(Buffer.alloc(125), 0x89)],
    ['Pong', frame(Buffer.alloc(8), 0x8a)],
    ['Close', frame(Buffer.from([3, 232]), 0x88)],
    ['an empty Close', frame(Buffer.alloc(0), 0x88)],
  ])('passes as %s, in every split', (_, bytes) => {
    for (const limit of BOTH) {
      expect(verdictInEverySplit(bytes, limit)).toBe('ok')
      expect(verdictInEverySplit(Buffer.concat([frame(), frame(), bytes]), limit)).toBe('ok')
    }
  })

  it.each([
    [KASMVNC_LIMIT, '65,528 bytes', frame(Buffer.alloc(65_528)), 'violation'],
    [KASMVNC_LIMIT, '65,536 bytes', frame(Buffer.alloc(65_536)), 'violation'],
    [KASMVNC_LIMIT, 'a short length in 64 bits', frame(key, 0x82, 64), 'violation'],
    [RFB_LIMIT, '65,536 bytes', frame(Buffer.alloc(65_536)), 'ok'],
    [RFB_LIMIT, 'a short length in 64 bits', frame(key, 0x82, 64), 'ok'],
    [RFB_LIMIT, '1 MiB', frame(Buffer.alloc(RFB_LIMIT)), 'ok'],
    [RFB_LIMIT, '1 MiB and 1 byte', frame(Buffer.alloc(RFB_LIMIT + 1)), 'violation'],
    [
      RFB_LIMIT,
      '2^32 bytes',
      Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]),
      'violation',
    ],
    [
      RFB_LIMIT,
      'a negative length',
      Buffer.from([0x82, 0xff, ...Array<number>(12).fill(0xff)]),
      'violation',
    ],
    [10, 'a short message of more', frame(), 'violation'],
    [12, 'a short message of as much', frame(), 'ok'],
  ])('under a limit of %i: %s', (limit, _, bytes, verdict) => {
    expect(verdictInEverySplit(bytes, limit)).toBe(verdict)
  })

  it('is refused before any byte after the wrong one has arrived', () => {
    const { frames } = opened()
    expect(frames.check(Buffer.from([0x81]))).toBe('violation')
    const again = opened()
    expect(again.frames.check(Buffer.from([0x82]))).toBe('rewritten')
    expect(again.frames.check(Buffer.from([0x0c]))).toBe('violation')
  })

  it('makes all later input a violation', () => {
    const { frames, recorder } = opened()
    expect(frames.check(frame(key, 0x81))).toBe('violation')
    expect(frames.check(frame())).toBe('violation')
    expect(frames.check(Buffer.alloc(0))).toBe('violation')
    expect(recorder.bytes).toHaveLength(0)
  })
})

describe('the payload of binary frames', () => {
  const payload = fc
    .oneof(fc.nat({ max: 130 }), fc.constantFrom(125, 126, 65_527))
    .map((size) => Buffer.from(Array.from({ length: size }, (_, index) => index % 251)))
  const anyFrame = fc
    .record({ payload, mask: anyMask, opcode: fc.constantFrom(2, 2, 2, 9, 10) })
    .map(({ payload, mask, opcode }) => {
      const data = opcode === 2 ? payload : payload.subarray(0, 125)
      // As `ws` writes a client's frames.
      const written = Sender.frame(Buffer.from(data), {
        fin: true,
        rsv1: false,
        opcode,
        mask: true,
        readOnly: true,
        generateMask: (into: Buffer) => into.set(mask),
      })
      return { bytes: Buffer.concat(written), shown: opcode === 2 ? data : Buffer.alloc(0) }
    })

  it('reaches the reader complete and in order in any split, without control frames', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 6 }), anyCuts, (list, cuts) => {
        const stream = Buffer.concat(list.map(({ bytes }) => bytes))
        const { frames, recorder } = opened()
        for (const piece of split(stream, cuts)) expect(frames.check(piece)).not.toBe('violation')
        expect(recorder.bytes.equals(Buffer.concat(list.map(({ shown }) => shown)))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('is never taken for a frame, whatever it contains and wherever it is split', () => {
    const nested = maskedFrame(Buffer.concat([frame(), frame(key, 0x81), key]), Buffer.alloc(4))
    for (let start = 0; start < nested.length; start += 1) {
      for (let end = start; end <= nested.length; end += 1) {
        const { frames, recorder } = opened()
        for (const piece of split(nested, [start, end]))
          expect(frames.check(piece)).not.toBe('violation')
        expect(recorder.bytes.equals(nested.subarray(6))).toBe(true)
      }
    }
    // And a header whose rest looks like one: its length is 0x8284.
    const header = Buffer.from([0x82, 0xfe])
    const rest = Buffer.from([0x82, 0x84, 1, 2, 3, 4, 5, 6, 7, 8])
    const { frames, recorder } = opened()
    for (const piece of [header, rest]) expect(frames.check(piece)).not.toBe('violation')
    expect(recorder.bytes).toHaveLength(4)
    expect(frames.check(frame())).toBe('rewritten')
    expect(recorder.bytes).toHaveLength(4 + frame().length)
  })

  it('is read in place, so that what the reader writes is forwarded', () => {
    const payload = Buffer.concat([HANDSHAKE, Buffer.from([2, 0, 0, 1, 255, 255, 254, 196])])
    const expected = Buffer.from(payload)
    expected[payload.length - 1] = 0x93
    const stream = Buffer.concat([frame(payload.subarray(0, 14)), frame(payload.subarray(14))])
    for (const cuts of [[], [...stream.keys()], [30], [stream.length - 1]]) {
      const frames = new ClientFrames(RFB_LIMIT, new RfbClientReader('rfb'))
      expect(payloadOf(passedOn(frames, Buffer.from(stream), cuts))).toEqual(expected)
    }
  })
})

/** What goes on of a stream that comes in pieces, each gone over in turns of so many steps. */
function passedOn(
  frames: ClientFrames,
  stream: Buffer,
  cuts: readonly number[],
  stepsATurn = 1_000_000,
): Buffer {
  const pieces: Buffer[] = []
  for (const piece of split(stream, cuts)) {
    let left = piece
    do {
      frames.stepsLeft = stepsATurn
      const verdict = frames.check(left)
      expect(verdict).not.toBe('violation')
      const { checked } = frames
      pieces.push(
        ...(verdict === 'as-it-came' ? [left.subarray(0, checked)] : frames.takeRewritten()),
      )
      if (left.length > 0) expect(checked).toBeGreaterThan(0)
      left = left.subarray(checked)
    } while (left.length > 0)
  }
  return Buffer.concat(pieces)
}

describe('forwarded data', () => {
  const pointer = Buffer.from([5, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0])
  const fence = Buffer.from([248, 0, 0, 0, 0, 0, 0, 0, 1, 9])
  const viewer = (): ClientFrames => {
    const reader = new RfbClientReader('kasmvnc', restrictionsFor('kasmvnc', 'view', 'allow'))
    const frames = new ClientFrames(KASMVNC_LIMIT, reader)
    frames.check(frame(HANDSHAKE))
    return frames
  }

  it('is the chunk itself if every frame of it is complete and kept', () => {
    const frames = viewer()
    const chunk = Buffer.concat([frame(fence), frame(Buffer.alloc(2), 0x89), frame(fence)])
    expect(frames.check(chunk)).toBe('as-it-came')
    expect(frames.takeRewritten()).toEqual([])
  })

  it('contains nothing of a frame that held only dropped messages', () => {
    expect(passedOn(viewer(), frame(pointer), [])).toEqual(Buffer.alloc(0))
    expect(passedOn(viewer(), Buffer.concat([frame(pointer), frame(pointer)]), [])).toHaveLength(0)
  })

  it('is the rest of a frame in new frames, with the surrounding frames unchanged', () => {
    const mixed = frame(Buffer.concat([fence, pointer, fence]))
    const ping = frame(Buffer.from('still there'), 0x89)
    const sent = passedOn(viewer(), Buffer.concat([frame(fence), mixed, ping]), [])
    const own = (payload: Buffer, phase: number): Buffer =>
      maskedFrame(payload, Buffer.concat([MASK, MASK]).subarray(phase % 4, (phase % 4) + 4))
    const after = fence.length + pointer.length
    expect(sent).toEqual(Buffer.concat([frame(fence), own(fence, 0), own(fence, after), ping]))
  })

  it('is sent in complete frames if the desktop cannot read parts: the header waits for the rest', () => {
    const frames = viewer()
    const bytes = frame(fence)
    for (const at of [1, 2, 5]) {
      expect(passedOn(frames, bytes.subarray(0, at), [])).toHaveLength(0)
      expect(payloadOf(passedOn(frames, bytes.subarray(at), []))).toEqual(fence)
    }
  })

  it('keeps a control frame in one piece, in any split', () => {
    const ping = frame(Buffer.from('still there'), 0x89)
    for (const cuts of [[], [1], [3], [6], [8], [...ping.keys()]]) {
      expect(passedOn(viewer(), ping, cuts)).toEqual(ping)
    }
  })

  it.each(['kasmvnc', 'rfb'] as const)(
    'is every permitted message and no other, in any frames, splits and turns: %s',
    (dialect) => {
      const limit = dialect === 'kasmvnc' ? KASMVNC_LIMIT : RFB_LIMIT
      fc.assert(
        fc.property(
          anySession(dialect),
          fc.array(anyMask, { minLength: 1, maxLength: 5 }),
          anyCuts,
          anyCuts,
          fc.constantFrom(...everyRestriction(dialect)),
          fc.constantFrom(1, 2, 7, 1_000_000),
          (session, masks, ends, cuts, restrictions, stepsATurn) => {
            const stream = Buffer.concat(
              split(session, ends).map((payload, index) =>
                maskedFrame(payload, masks[index % masks.length] as Uint8Array),
              ),
            )
            const frames = new ClientFrames(limit, new RfbClientReader(dialect, restrictions))
            const sent = payloadOf(passedOn(frames, stream, cuts, stepsATurn))
            expect(sent.equals(followRfb(dialect, session, restrictions).kept)).toBe(true)
          },
        ),
        { numRuns: 1_000 },
      )
    },
  )

  it('is limited in each turn: by the number of frames, and of numbers in them', () => {
    const reader = new RfbClientReader('kasmvnc', restrictionsFor('kasmvnc', 'control', 'allow'))
    const frames = new ClientFrames(KASMVNC_LIMIT, reader)
    frames.check(frame(HANDSHAKE))
    const empty = frame(Buffer.alloc(0))
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => empty))
    for (let left = many; left.length > 0; left = left.subarray(frames.checked)) {
      frames.stepsLeft = 100
      expect(frames.check(left)).toBe('as-it-came')
      expect(frames.checked).toBe(100 * empty.length)
    }
    // Pointers, as a person moves: none of those frames is ever split.
    const moves = Buffer.concat(Array.from({ length: 1_000 }, () => frame(pointer)))
    for (let left = moves; left.length > 0; left = left.subarray(frames.checked)) {
      frames.stepsLeft = 33
      expect(frames.check(left)).toBe('as-it-came')
      expect(frames.checked % frame(pointer).length).toBe(0)
      expect(frames.checked).toBeLessThanOrEqual(33 * frame(pointer).length)
    }
    // One frame of KasmVNC's KeepAlives, a byte each.
    const keepAlives = Buffer.alloc(60_000, 185)
    const long = frame(keepAlives)
    for (let left = long; left.length > 0; left = left.subarray(frames.checked)) {
      frames.stepsLeft = 256
      frames.check(left)
      frames.takeRewritten()
      expect(frames.checked).toBeLessThanOrEqual(256 + 8)
    }
    expect(payloadOf(passedOn(frames, frame(keepAlives), [], 256)).equals(keepAlives)).toBe(true)
  })

  it('is never longer in one frame than the frame that arrived', () => {
    const long = Buffer.concat([Buffer.from([180, 1, 0]), u32(70_000), Buffer.alloc(70_000)])
    const reader = new RfbClientReader('kasmvnc', restrictionsFor('kasmvnc', 'control', 'allow'))
    const frames = new ClientFrames(KASMVNC_LIMIT, reader)
    const payload = Buffer.concat([HANDSHAKE, long])
    const stream = Buffer.concat([
      frame(payload.subarray(0, KASMVNC_LIMIT)),
      frame(payload.subarray(KASMVNC_LIMIT)),
    ])
    const decoder = new FrameDecoder(() => {})
    const decoded = [...decoder.decode(passedOn(frames, stream, [40_000, 65_535]))]
    expect(decoded.map(({ outcome }) => outcome)).not.toContain('close')
    const data = decoded.flatMap((one) => (one.outcome === 'data' ? [one.data] : []))
    expect(Buffer.concat(data).equals(payload)).toBe(true)
  })
})

describe('control frames', () => {
  it('show that the client has closed, and nothing is read after that', () => {
    const close = frame(Buffer.from([3, 232]), 0x88)
    const { frames, recorder } = opened()
    frames.check(frame())
    expect(frames.hasClosed).toBe(false)
    expect(frames.check(close)).toBe('as-it-came')
    expect(frames.hasClosed).toBe(true)
    expect(frames.check(frame())).toBe('violation')
    expect(recorder.bytes).toEqual(key)
  })

  it('report one or several Pongs once', () => {
    const { frames } = opened()
    expect(frames.takePong()).toBe(false)
    frames.check(frame(Buffer.alloc(8), 0x89))
    expect(frames.takePong()).toBe(false)
    const pong = frame(Buffer.alloc(8), 0x8a)
    for (const piece of split(Buffer.concat([pong, pong, frame()]), [3, 20])) frames.check(piece)
    expect(frames.takePong()).toBe(true)
    expect(frames.takePong()).toBe(false)
  })
})
