// RFB clients for property tests: what browsers send, and what no browser would.

import fc from 'fast-check'
import { restrictionsFor, type Restrictions } from '../../src/desktop/restrictions.ts'
import type { RfbDialect } from '../../src/desktop/rfb-messages.ts'
import { applyMask } from './websocket-wire.ts'

export const VERSION_3_8 = Buffer.from('RFB 003.008\n')
/** Version, security type None, ClientInit. */
export const HANDSHAKE = Buffer.from([...VERSION_3_8, 1, 1])

export const EXTENDED_MOUSE_BUTTONS = 0xff_ff_fe_c4

/** The types whose lengths are written out in them, or that are fixed, by dialect. */
export const MESSAGE_TYPES: Readonly<Record<RfbDialect, readonly number[]>> = {
  kasmvnc: [
    0, 2, 3, 4, 5, 6, 150, 178, 179, 180, 181, 182, 183, 184, 185, 188, 189, 190, 191, 248, 251,
    252, 255,
  ],
  rfb: [0, 2, 3, 4, 5, 6, 150, 248, 250, 251, 253, 255],
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((data) => Buffer.from(data))

/** A message of so many bytes after its type, each of them anything. */
const filled = (type: number, length: number): fc.Arbitrary<Buffer> =>
  bytes(length).map((data) => Buffer.concat([Buffer.from([type]), data]))

const concat = (...parts: (Buffer | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part)))

const encoding = fc.oneof(
  fc.integer(),
  fc.constantFrom(-316, -317, -315, -308, -223, 0, 7, 0xc4_ff_ff_fe | 0),
)
const setEncodings = fc
  .array(encoding, { maxLength: 12 })
  .map((list) => concat([2, 0], u16(list.length), ...list.map(u32)))

const cutText = fc.oneof(
  bytes(0, 40).map((text) => concat([6, 0, 0, 0], u32(text.length), text)),
  fc
    .tuple(fc.constantFrom(24, 25, 26, 27, 28), fc.constantFrom(0, 1, 3), bytes(0, 20))
    .map(([action, formats, data]) =>
      concat([6, 0, 0, 0], u32(-4 - data.length), u32((1 << action) | formats), data),
    ),
)

const fence = fc
  .tuple(bytes(7), bytes(0, 80))
  .map(([head, data]) => concat([248], head, [data.length], data))

const desktopSize = fc
  .tuple(bytes(5), bytes(1), fc.nat({ max: 3 }))
  .map(([head, pad, screens]) => concat([251], head, [screens], pad, Buffer.alloc(16 * screens, 4)))

const keyEvent = fc
  .tuple(bytes(3), fc.oneof(fc.constantFrom(1, 0xff0d), fc.integer()))
  .map(([head, keysym]) => concat([4], head, u32(keysym)))

const qemuKey = bytes(10).map((data) => concat([255, 0], data))

const COMMON = [
  filled(0, 19),
  filled(3, 9),
  filled(150, 9),
  setEncodings,
  cutText,
  fence,
  desktopSize,
  keyEvent,
  qemuKey,
]

const clipboardEntry = fc
  .tuple(bytes(0, 40), bytes(0, 60))
  .map(([mime, data]) => concat([mime.length], mime, u32(data.length), data))

const KASMVNC = [
  filled(5, 10),
  filled(178, 3),
  filled(179, 11),
  filled(185, 0),
  filled(188, 9),
  filled(189, 7),
  filled(190, 3),
  filled(191, 3),
  filled(252, 4),
  fc
    .array(clipboardEntry, { maxLength: 4 })
    .map((entries) => concat([180, entries.length], ...entries)),
  bytes(0, 300).map((sdp) => concat([181], u16(sdp.length), sdp)),
  bytes(0, 80).map((name) => concat([182, name.length], name)),
  fc
    .tuple(bytes(0, 63), bytes(0, 60))
    .map(([name, data]) => concat([183, name.length], name, u32(data.length), data)),
  bytes(64, 90).map((name) => concat([183, name.length], name)),
  fc.nat({ max: 6 }).chain((count) => bytes(4 * count).map((data) => concat([184, count], data))),
]

const RFB = [
  filled(5, 5),
  filled(250, 3),
  fc.constantFrom(0, 1).map((operation) => concat([255, 1], u16(operation))),
  bytes(6).map((format) => concat([255, 1], u16(2), format)),
  bytes(0, 40).map((event) => concat([253, 128 + (event.length % 4)], u16(event.length), event)),
  bytes(0, 40).map((event) => concat([253, event.length % 4, event.length, 0], event)),
]

/** One message that a client of the dialect may send. */
function anyMessage(dialect: RfbDialect): fc.Arbitrary<Buffer> {
  return fc.oneof(...COMMON, ...(dialect === 'kasmvnc' ? KASMVNC : RFB))
}

const anyHandshake = fc.oneof(
  { weight: 6, arbitrary: fc.constant(HANDSHAKE) },
  { weight: 1, arbitrary: fc.constant(concat(Buffer.from('RFB 003.007\n'), [1, 0])) },
  { weight: 2, arbitrary: bytes(16).map((answer) => concat(VERSION_3_8, [2], answer, [1])) },
)

/** A whole stream that a client of the dialect may send. */
export function anySession(dialect: RfbDialect): fc.Arbitrary<Buffer> {
  return fc
    .tuple(anyHandshake, fc.array(anyMessage(dialect), { maxLength: 10 }))
    .map(([handshake, messages]) => Buffer.concat([handshake, ...messages]))
}

/** Whole messages, broken ones, ones with a byte changed, and noise that begins like one. */
export function hostileSession(dialect: RfbDialect): fc.Arbitrary<Buffer> {
  const message = anyMessage(dialect)
  const changed = fc
    .tuple(message, fc.nat(), fc.nat({ max: 255 }))
    .map(([data, at, value]) => data.fill(value, at % data.length, (at % data.length) + 1))
  const cut = fc.tuple(message, fc.nat()).map(([data, at]) => data.subarray(0, at % data.length))
  const noise = fc
    .tuple(fc.constantFrom(...MESSAGE_TYPES[dialect], 1, 7, 249), bytes(0, 24))
    .map(([type, data]) => concat([type], data))
  const handshake = fc.oneof(
    { weight: 12, arbitrary: fc.constant(HANDSHAKE) },
    { weight: 2, arbitrary: anyHandshake },
    { weight: 1, arbitrary: fc.constant(Buffer.from('RFB 003.003\n')) },
    { weight: 1, arbitrary: bytes(0, 30) },
  )
  const part = fc.oneof(
    { weight: 6, arbitrary: message },
    { weight: 2, arbitrary: changed },
    { weight: 1, arbitrary: cut },
    { weight: 2, arbitrary: noise },
  )
  return fc
    .tuple(handshake, fc.array(part, { maxLength: 12 }))
    .map(([start, parts]) => Buffer.concat([start, ...parts]))
}

/** Where to cut something, for `split`. */
export const anyCuts = fc.array(fc.nat(), { maxLength: 12 })

/** Splits at those positions, repeating them as needed; some pieces may be empty. */
export function split(data: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [0, ...cuts.map((cut) => cut % (data.length + 1)).sort((a, b) => a - b)]
  return [...points, data.length]
    .slice(1)
    .map((end, index) => data.subarray(points[index] as number, end))
}

/** One masked frame with this mask and first byte; the length in the shortest form, or with this number of bits. */
export function maskedFrame(
  payload: Buffer,
  mask: Uint8Array,
  first = 0x82,
  lengthBits: 7 | 16 | 64 = payload.length < 126 ? 7 : payload.length < 65_536 ? 16 : 64,
): Buffer {
  const header = Buffer.alloc({ 7: 2, 16: 4, 64: 10 }[lengthBits])
  header[0] = first
  header[1] = 0x80 | { 7: payload.length, 16: 126, 64: 127 }[lengthBits]
  if (lengthBits === 16) header.writeUInt16BE(payload.length, 2)
  if (lengthBits === 64) header.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([header, mask, applyMask(payload, mask)])
}

/** The joined payloads of complete masked binary frames; other frames are skipped. */
export function payloadOf(frames: Buffer): Buffer {
  const payloads: Buffer[] = []
  for (let at = 0; at < frames.length;) {
    const first = frames[at] as number
    let length = (frames[at + 1] as number) & 0x7f
    at += 2
    if (length === 126) {
      length = frames.readUInt16BE(at)
      at += 2
    } else if (length === 127) {
      length = Number(frames.readBigUInt64BE(at))
      at += 8
    }
    const mask = frames.subarray(at, at + 4)
    at += 4
    if (first === 0x82) payloads.push(applyMask(frames.subarray(at, at + length), mask))
    at += length
  }
  return Buffer.concat(payloads)
}

/** The gateway's restrictions for a client of the dialect, for every combination of rights. */
export function everyRestriction(dialect: RfbDialect): readonly Restrictions[] {
  return (['control', 'view', 'owner'] as const).flatMap((role) =>
    (['allow', 'deny'] as const).map((clipboardIn) => restrictionsFor(dialect, role, clipboardIn)),
  )
}

export const anyMask = fc.uint8Array({ minLength: 4, maxLength: 4 })
