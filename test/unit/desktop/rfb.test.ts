import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { restrictionsFor, type Restrictions } from '../../../src/desktop/restrictions.ts'
import { RfbClientReader } from '../../../src/desktop/rfb.ts'
import type { RfbDialect } from '../../../src/desktop/rfb-messages.ts'
import {
  anyCuts,
  anyMask,
  anySession,
  everyRestriction,
  EXTENDED_MOUSE_BUTTONS,
  HANDSHAKE,
  hostileSession,
  split,
  u32,
  VERSION_3_8,
} from '../../support/rfb-client.ts'
import { followRfb } from '../../support/rfb-oracle.ts'
import { applyMask } from '../../support/websocket-wire.ts'

const DIALECTS = ['kasmvnc', 'rfb'] as const
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
const AROUND = Buffer.from([5, 180, 255])

/** So many bytes, the first of them told, the others a pattern that no length survives being read from. */
function filled(length: number, ...head: number[]): Buffer {
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length - head.length, 0xa5)])
}

/** Reads the frames' payloads, each with bytes around it that are not the reader's, against the oracle. */
function expectToFollow(
  dialect: RfbDialect,
  stream: Buffer,
  frames: readonly { readonly payload: Buffer; readonly mask: Uint8Array }[],
  cuts: readonly number[] = [],
  restrictions: Restrictions = restrictionsFor(dialect, 'control', 'allow'),
): RfbClientReader {
  const { human, boundaries, unknown, forwarded, kept } = followRfb(dialect, stream, restrictions)
  const reader = new RfbClientReader(dialect, restrictions)
  const goesOn: Buffer[] = []
  const expected: unknown[][] = []
  const seen: unknown[][] = []
  const sent: Buffer[] = []
  let before = 0
  for (const { payload, mask } of frames) {
    const masked = Buffer.concat([AROUND, applyMask(payload, mask), AROUND])
    let from = AROUND.length
    for (const { length } of split(payload, cuts)) {
      reader.read(masked, from, from + length, mask, (from - AROUND.length) & 3)
      if (reader.restored !== undefined) goesOn.push(Buffer.from([reader.restored]))
      for (const [start, end] of spared(reader.cuts, from, from + length)) {
        const piece = masked.subarray(start, end)
        const phase = start - AROUND.length
        goesOn.push(piece.map((byte, at) => byte ^ (mask[(phase + at) & 3] as number)) as Buffer)
      }
      from += length
      const after = before + length
      const isLost = unknown !== undefined && after >= unknown.after
      expected.push([
        after,
        human.some((at) => at > before && at <= after),
        !isLost && boundaries.has(after),
        isLost ? unknown.what : undefined,
      ])
      seen.push([after, reader.takeHumanInput(), reader.isBetweenMessages, reader.unknown])
      before = after
    }
    sent.push(applyMask(masked.subarray(AROUND.length, -AROUND.length), mask))
    expect(masked.subarray(0, AROUND.length).equals(AROUND)).toBe(true)
    expect(masked.subarray(-AROUND.length).equals(AROUND)).toBe(true)
  }
  expect(seen).toEqual(expected)
  expect(Buffer.concat(sent).equals(forwarded)).toBe(true)
  expect(Buffer.concat(goesOn).equals(kept)).toBe(true)
  return reader
}

/** What lies between the cuts. */
function spared(cuts: readonly number[], from: number, to: number): [number, number][] {
  const edges = [from, ...cuts, to]
  return edges.flatMap((edge, at) => (at % 2 === 0 ? [[edge, edges[at + 1] as number]] : []))
}

/** In one piece, in any two and three, and byte by byte. */
function expectToFollowInEverySplit(dialect: RfbDialect, stream: Buffer): void {
  const whole = [{ payload: stream, mask: MASK }]
  expectToFollow(dialect, stream, whole, [...stream.keys()])
  for (let first = 0; first <= stream.length; first += 1) {
    expectToFollow(dialect, stream, whole, [first])
    expectToFollow(
      dialect,
      stream,
      split(stream, [first]).map((payload) => ({ payload, mask: MASK })),
      [first >> 1],
    )
    for (let second = first + 1; second <= stream.length && stream.length < 60; second += 3) {
      expectToFollow(dialect, stream, whole, [first, second])
    }
  }
}

/** A reader at the first message. */
function started(dialect: RfbDialect): RfbClientReader {
  const reader = new RfbClientReader(dialect)
  say(reader, HANDSHAKE)
  return reader
}

function say(reader: RfbClientReader, ...parts: (Buffer | readonly number[])[]): Buffer {
  const chunk = applyMask(Buffer.concat(parts.map((part) => Buffer.from(part))), MASK)
  reader.read(chunk, 0, chunk.length, MASK, 0)
  return applyMask(chunk, MASK)
}

type Case = [name: string, message: Buffer, who: 'a person' | 'nobody']

const COMMON: Case[] = [
  ['SetPixelFormat', filled(20, 0), 'nobody'],
  ['SetEncodings', filled(12, 2, 0, 0, 2), 'nobody'],
  ['SetEncodings of none', filled(4, 2, 0, 0, 0), 'nobody'],
  ['FramebufferUpdateRequest', filled(10, 3), 'nobody'],
  ['KeyEvent', filled(8, 4, 1, 0, 0, 0, 0, 0, 97), 'a person'],
  ['ClientCutText', filled(11, 6, 0, 0, 0, 0, 0, 0, 3), 'a person'],
  ['empty ClientCutText', filled(8, 6, 0, 0, 0, 0, 0, 0, 0), 'nobody'],
  [
    'extended clipboard: capabilities',
    filled(16, 6, 0, 0, 0, 255, 255, 255, 248, 0x1f, 0, 0, 1),
    'nobody',
  ],
  ['extended clipboard: request', filled(12, 6, 0, 0, 0, 255, 255, 255, 252, 2, 0, 0, 1), 'nobody'],
  ['extended clipboard: peek', filled(12, 6, 0, 0, 0, 255, 255, 255, 252, 4, 0, 0, 0), 'nobody'],
  [
    'extended clipboard: notify',
    filled(12, 6, 0, 0, 0, 255, 255, 255, 252, 8, 0, 0, 1),
    'a person',
  ],
  [
    'extended clipboard: nothing to offer',
    filled(12, 6, 0, 0, 0, 255, 255, 255, 252, 8, 0, 0, 0),
    'nobody',
  ],
  [
    'extended clipboard: provide',
    filled(19, 6, 0, 0, 0, 255, 255, 255, 245, 16, 0, 0, 1),
    'nobody',
  ],
  ['EnableContinuousUpdates', filled(10, 150), 'nobody'],
  ['Fence', filled(12, 248, 0, 0, 0, 0, 0, 0, 0, 3), 'nobody'],
  ['Fence of more than 64 bytes', filled(109, 248, 0, 0, 0, 0, 0, 0, 0, 100), 'nobody'],
  ['SetDesktopSize', filled(24, 251, 0, 0, 0, 0, 0, 1), 'nobody'],
  ['SetDesktopSize of no screen', filled(8, 251, 0, 0, 0, 0, 0, 0), 'nobody'],
  ['QEMU key', filled(12, 255, 0), 'a person'],
]

const KASMVNC: Case[] = [
  ['KeyEvent of the keep-alive keysym', filled(8, 4, 1, 0, 0, 0, 0, 0, 1), 'nobody'],
  ['PointerEvent', filled(11, 5), 'a person'],
  ['RequestStats', filled(4, 178), 'nobody'],
  ['FrameStats', filled(12, 179), 'nobody'],
  [
    'BinaryClipboard',
    Buffer.from([180, 2, 1, 97, 0, 0, 0, 3, 1, 2, 3, 2, 98, 99, 0, 0, 0, 0]),
    'a person',
  ],
  ['BinaryClipboard of nothing', filled(2, 180, 0), 'a person'],
  ['UpgradeToUdp', filled(7, 181, 0, 4), 'nobody'],
  ['UpgradeToUdp back', filled(3, 181, 0, 0), 'nobody'],
  ['SubscribeUnixRelay', filled(9, 182, 7), 'nobody'],
  ['UnixRelay', Buffer.from([183, 2, 97, 98, 0, 0, 0, 3, 1, 2, 3]), 'nobody'],
  ['UnixRelay with a name too long for its data to be read', filled(66, 183, 64), 'nobody'],
  ['VideoEncoders', filled(10, 184, 2), 'nobody'],
  ['KeepAlive', filled(1, 185), 'nobody'],
  ['DirectMouseEvent', filled(10, 188), 'a person'],
  ['LatencyMeasurement', filled(8, 189), 'nobody'],
  ['NetworkStats', filled(4, 190), 'nobody'],
  ['SystemStats', filled(4, 191), 'nobody'],
  ['SetMaxVideoResolution', filled(5, 252), 'nobody'],
]

const STANDARD: Case[] = [
  ['KeyEvent of keysym 1', filled(8, 4, 1, 0, 0, 0, 0, 0, 1), 'a person'],
  ['PointerEvent', filled(6, 5), 'a person'],
  ['PointerEvent with the eighth button', filled(6, 5, 0x80), 'a person'],
  ['xvp', filled(4, 250), 'nobody'],
  ['general input', filled(8, 253, 0x80, 0, 4), 'a person'],
  ['general input the other way round', filled(8, 253, 0, 4, 0), 'a person'],
  ['a device of general input', filled(8, 253, 0x82, 0, 4), 'nobody'],
  ['QEMU audio on', filled(4, 255, 1, 0, 0), 'nobody'],
  ['QEMU audio off', filled(4, 255, 1, 0, 1), 'nobody'],
  ['QEMU audio format', filled(10, 255, 1, 0, 2), 'nobody'],
]

describe.each([
  ['kasmvnc' as const, [...COMMON, ...KASMVNC]],
  ['rfb' as const, [...COMMON, ...STANDARD]],
])('the messages of %s', (dialect, cases) => {
  it.each(cases)('%s ends at its last byte, %#', (_, message, who) => {
    const reader = started(dialect)
    say(reader, message.subarray(0, -1))
    if (message.length > 1) expect(reader.isBetweenMessages).toBe(false)
    say(reader, message.subarray(-1))
    expect(reader).toMatchObject({ isBetweenMessages: true, unknown: undefined })
    expect(reader.takeHumanInput()).toBe(who === 'a person')
    expect(reader.takeHumanInput()).toBe(false)
  })

  it.each(cases)('%s is read alike in every split, %#', (_, message) => {
    expectToFollowInEverySplit(
      dialect,
      Buffer.concat([HANDSHAKE, message, filled(12, 255, 0), filled(10, 3)]),
    )
  })

  it('are separated correctly in every session and every split', () => {
    const frames = fc.array(anyMask, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        anySession(dialect),
        frames,
        anyCuts,
        anyCuts,
        fc.constantFrom(...everyRestriction(dialect)),
        (stream, masks, ends, cuts, restrictions) => {
          const payloads = split(stream, ends).map((payload, index) => ({
            payload,
            mask: masks[index % masks.length] as Uint8Array,
          }))
          const reader = expectToFollow(dialect, stream, payloads, cuts, restrictions)
          expect(reader).toMatchObject({ isBetweenMessages: true, unknown: undefined })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('are read as far as possible in hostile bytes', () => {
    fc.assert(
      fc.property(
        hostileSession(dialect),
        anyMask,
        anyCuts,
        fc.constantFrom(...everyRestriction(dialect)),
        (stream, mask, cuts, restrictions) => {
          expectToFollow(dialect, stream, [{ payload: stream, mask }], cuts, restrictions)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('stop at every type that the dialect does not have', () => {
    const known = new Set(cases.map(([, message]) => message[0]))
    for (let type = 0; type < 256; type += 1) {
      const reader = started(dialect)
      say(reader, [type])
      expect(reader.unknown).toBe(known.has(type) ? undefined : 'message-type')
    }
  })
})

describe('the handshake', () => {
  it.each([
    ['3.8 without security', HANDSHAKE],
    ['3.7 without security', Buffer.from('RFB 003.007\n\x01\x00')],
    ['VncAuth', Buffer.concat([VERSION_3_8, filled(18, 2)])],
  ])('of %s is read in every split', (_, handshake) => {
    for (const dialect of DIALECTS) {
      const reader = new RfbClientReader(dialect)
      say(reader, handshake)
      expect(reader).toMatchObject({ isBetweenMessages: true, unknown: undefined })
      expectToFollowInEverySplit(dialect, Buffer.concat([handshake, filled(12, 255, 0)]))
    }
  })

  it.each([
    ['version', '3.3, whose security the server chooses', 'RFB 003.003\n'],
    ['version', "macOS's, who may leave ClientInit out", 'RFB 003.889\n'],
    ['version', 'a version that sscanf() would take', 'RFB 003. +8\n'],
    ['version', 'a version without its end', 'RFB 003.008 '],
    ['version', 'another major version', 'RFB 004.008\n'],
    ['version', 'a repeater', 'ID:1234567890'],
    ['security-type', 'Tight', 'RFB 003.008\n\x10'],
    ['security-type', 'VeNCrypt', 'RFB 003.008\n\x13'],
    ['security-type', 'none chosen', 'RFB 003.008\n\x00'],
  ])('reports an unknown %s for %s', (what, _, text) => {
    const stream = Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(40, 5)])
    for (const dialect of DIALECTS) {
      const reader = new RfbClientReader(dialect)
      say(reader, stream)
      expect(reader).toMatchObject({ unknown: what, isBetweenMessages: false })
      expect(reader.takeHumanInput()).toBe(false)
      expectToFollowInEverySplit(dialect, stream)
    }
  })
})

describe('input that cannot be parsed', () => {
  it.each([
    ['kasmvnc', 'message-type', [7]],
    ['kasmvnc', 'message-type', [255, 1]],
    ['rfb', 'message-type', [255, 2]],
    ['rfb', 'message-type', [255, 1, 0, 3]],
    ['rfb', 'message-type', [255, 1, 1, 0]],
    // Servers end the connection here, or wait for ever.
    ['kasmvnc', 'length', [6, 0, 0, 0, 255, 255, 255, 253]],
    ['rfb', 'length', [6, 0, 0, 0, 255, 255, 255, 255]],
    ['kasmvnc', 'length', [6, 0, 0, 0, 128, 0, 0, 0]],
    ['rfb', 'length', [6, 0, 0, 0, 128, 0, 0, 0]],
  ] as const)('is not parsed any further: %s, %s, %j', (dialect, what, bytes) => {
    const reader = started(dialect)
    say(reader, bytes)
    expect(reader).toMatchObject({ unknown: what, isBetweenMessages: false })
    say(reader, filled(12, 255, 0), HANDSHAKE, filled(12, 255, 0))
    expect(reader).toMatchObject({ unknown: what, isBetweenMessages: false })
    expect(reader.takeHumanInput()).toBe(false)
  })

  it('still counts the human input before it', () => {
    const reader = started('kasmvnc')
    say(reader, filled(11, 5), [7])
    expect(reader.takeHumanInput()).toBe(true)
  })
})

describe('the greatest possible lengths', () => {
  const MEBIBYTE = Buffer.alloc(2 ** 20, 5)

  it.each([
    ['a relay message', 'kasmvnc', [183, 1, 97], 2 ** 32 - 1],
    ['a clipboard entry', 'kasmvnc', [180, 1, 0], 2 ** 32 - 1],
    ['cut text', 'kasmvnc', [6, 0, 0, 0], 2 ** 31 - 1],
    ['cut text', 'rfb', [6, 0, 0, 0], 2 ** 31 - 1],
  ] as const)('%s of %s is skipped without being buffered', (_, dialect, head, length) => {
    const reader = started(dialect)
    say(reader, head, u32(length))
    reader.takeHumanInput()
    let left = length
    for (; left > MEBIBYTE.length; left -= MEBIBYTE.length) {
      reader.read(MEBIBYTE, 0, MEBIBYTE.length, MASK, 0)
      expect(reader.isBetweenMessages).toBe(false)
    }
    reader.read(MEBIBYTE, 0, left - 1, MASK, 0)
    expect(reader.isBetweenMessages).toBe(false)
    expect(reader.takeHumanInput()).toBe(false)
    reader.read(MEBIBYTE, 0, 1, MASK, 0)
    expect(reader).toMatchObject({ isBetweenMessages: true, unknown: undefined })
    say(reader, filled(12, 255, 0))
    expect(reader.takeHumanInput()).toBe(true)
  })

  it('of the extended clipboard include its flags', () => {
    const reader = started('rfb')
    say(reader, [6, 0, 0, 0], u32(-(2 ** 31 - 1)), [16, 0, 0, 1])
    let left = 2 ** 31 - 5
    for (; left > MEBIBYTE.length; left -= MEBIBYTE.length) {
      reader.read(MEBIBYTE, 0, MEBIBYTE.length, MASK, 0)
    }
    reader.read(MEBIBYTE, 0, left - 1, MASK, 0)
    expect(reader.isBetweenMessages).toBe(false)
    reader.read(MEBIBYTE, 0, 1, MASK, 0)
    expect(reader.isBetweenMessages).toBe(true)
  })
})

describe("noVNC's extended mouse buttons", () => {
  // noVNC 1.7's list, the pseudo-encoding among its last.
  const ENCODINGS = [1, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258, -261, -308]
  const LIST = [...ENCODINGS, -309, -312, -313, -307, -316, -239, 0xc0a1e5ce | 0]
  const message = Buffer.concat([Buffer.from([2, 0, 0, LIST.length]), ...LIST.map(u32)])

  it('are never requested, in any split, and nothing else of the message changes', () => {
    const expected = Buffer.from(message)
    expected[4 + 4 * LIST.indexOf(-316) + 3] = 0x93
    expect(say(started('rfb'), message)).toEqual(expected)
    expectToFollowInEverySplit('rfb', Buffer.concat([HANDSHAKE, message, filled(6, 5, 0x81)]))
  })

  it('are found with any mask', () => {
    fc.assert(
      fc.property(anyMask, fc.nat({ max: 3 }), (mask, phase) => {
        const turned = mask.map((_, index) => mask[(index + phase) & 3] as number)
        const reader = started('rfb')
        const chunk = applyMask(message, turned)
        reader.read(chunk, 0, chunk.length, mask, phase)
        expect(applyMask(chunk, turned).indexOf(u32(EXTENDED_MOUSE_BUTTONS))).toBe(-1)
      }),
    )
  })

  it('are not removed where the same bytes mean something else', () => {
    const four = u32(EXTENDED_MOUSE_BUTTONS)
    for (const bytes of [
      Buffer.concat([Buffer.from([6, 0, 0, 0, 0, 0, 0, 4]), four]),
      Buffer.concat([Buffer.from([2, 0, 0, 2, 0]), four, Buffer.alloc(3)]),
      Buffer.concat([Buffer.from([4, 1, 0, 0]), four]),
      Buffer.concat([Buffer.from([6, 0, 0, 0]), four, four, Buffer.alloc(312)]),
      Buffer.concat([Buffer.from([183, 0]), four]),
    ]) {
      for (const dialect of DIALECTS) expect(say(started(dialect), bytes)).toEqual(bytes)
    }
  })

  it("are nothing to KasmVNC, whose client's messages pass unchanged", () => {
    expect(say(started('kasmvnc'), message)).toEqual(message)
  })
})
