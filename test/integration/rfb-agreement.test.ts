// Our reader of client input and the stand-in's decoder get the same hostile bytes (docs/architecture.md, invariant 14).
// Both must find the same messages, byte for byte.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RfbClientReader } from '../../src/desktop/rfb.ts'
import { ClientFrames } from '../../src/proxy/client-frames.ts'
import { FrameDecoder } from '../support/kasmvnc/frame-decoder.ts'
import type { RfbMessage } from '../support/kasmvnc/rfb-reader.ts'
import { RfbSession, Screen } from '../support/kasmvnc/rfb-session.ts'
import {
  anyCuts,
  anyMask,
  HANDSHAKE,
  hostileSession,
  maskedFrame,
  split,
} from '../support/rfb-client.ts'

const LIMIT = 65_527
const NO_MASK = Buffer.alloc(4)
const RUNS = 3_000

/** Whether a message is human input, decided by the stand-in's own parsing. */
function isHuman({ type, bytes }: RfbMessage): boolean {
  if (type === 4) return bytes.readUInt32BE(4) !== 1
  return [5, 180, 188, 255].includes(type)
}

/** The stand-in's RFB session without the WebSocket, and what the test reads from it. */
class Referee {
  endedBecause: string | undefined
  readonly session: RfbSession
  #received = 0
  #judged = 0
  #judgedBytes = HANDSHAKE.length

  constructor() {
    const close = (reason: string): void => {
      this.endedBecause = reason
    }
    this.session = new RfbSession(new Screen(), { read: true, write: true }, { send() {}, close })
  }

  receive(bytes: Buffer): void {
    this.#received += bytes.length
    this.session.receive(bytes)
  }

  /** Start and end in the stream of each human message that was completed since the last call. */
  takeHuman(): { readonly start: number; readonly end: number }[] {
    const whole = this.session.messages.slice(this.#judged)
    this.#judged += whole.length
    return whole.flatMap((message) => {
      const start = this.#judgedBytes
      this.#judgedBytes += message.bytes.length
      return isHuman(message) ? [{ start, end: this.#judgedBytes }] : []
    })
  }

  /** Whether every byte so far belongs to the handshake or to a complete message. */
  get isBetweenMessages(): boolean {
    return this.session.shared !== undefined && this.#received === this.#judgedBytes
  }
}

/** Compares our view of the stream with the stand-in's after each piece. */
class Comparison {
  readonly reader = new RfbClientReader('kasmvnc')
  readonly referee = new Referee()
  readonly #seenBetween: [after: number, upTo: number][] = []
  #read = 0
  compared = 0

  /** Called when our reader has read the stream up to this position. */
  noteOurs(upTo: number): void {
    if (this.reader.takeHumanInput()) this.#seenBetween.push([this.#read, upTo])
    this.#read = upTo
  }

  /** Compares both at the same position; false when one of them has stopped. */
  agrees(): boolean {
    const { unknown } = this.reader
    // The stand-in treats any 3.x as 3.8; the gateway does not parse versions on which servers differ.
    if (unknown === 'version') return false
    for (const { start, end } of this.referee.takeHuman()) {
      const wasSeen = this.#seenBetween.some(([after, upTo]) => upTo > start && after < end)
      expect(wasSeen, `human message at ${start}`).toBe(true)
    }
    const ended = this.referee.endedBecause
    if (ended !== undefined) {
      // The stand-in offers only None; the gateway knows that another server may offer VncAuth.
      if (ended !== 'security type not available') expect(unknown, ended).toBeDefined()
      return false
    }
    if (unknown !== undefined) {
      // The stand-in continues with a length that does not fit into KasmVNC's int.
      expect(unknown).toBe('length')
      return false
    }
    expect(this.reader.isBetweenMessages).toBe(this.referee.isBetweenMessages)
    this.compared += 1
    return true
  }
}

describe("our reader and the stand-in's", () => {
  it('find the same message boundaries and the same human input in hostile RFB', () => {
    let compared = 0
    fc.assert(
      fc.property(hostileSession('kasmvnc'), anyCuts, fc.boolean(), (stream, cuts, byBytes) => {
        const comparison = new Comparison()
        let at = 0
        for (const piece of split(stream, byBytes ? [...stream.keys()] : cuts)) {
          const chunk = Buffer.from(piece)
          comparison.reader.read(chunk, 0, chunk.length, NO_MASK, 0)
          at += piece.length
          comparison.noteOurs(at)
          comparison.referee.receive(chunk)
          if (!comparison.agrees()) break
        }
        compared += comparison.compared
      }),
      { numRuns: RUNS },
    )
    expect(compared).toBeGreaterThan(10 * RUNS)
  })

  const harmless = fc.constantFrom(
    maskedFrame(Buffer.alloc(0), NO_MASK),
    maskedFrame(Buffer.alloc(0), NO_MASK, 0x82, 16),
    maskedFrame(Buffer.from('ping'), NO_MASK, 0x89),
    maskedFrame(Buffer.from('pong'), NO_MASK, 0x8a),
  )
  const harmful = fc
    .record({
      first: fc.constantFrom(0x88, 0x89, 0x8a, 0x82, 0x80, 0x81, 0x02, 0xc2, 0x83, 0x09),
      form: fc.constantFrom(0x80, 0x84, 0x84, 0x80 | 126, 0x80 | 127, 0, 3),
      rest: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    })
    .map(({ first, form, rest }) => Buffer.from([first, form, ...rest]))
  const ending = fc.constantFrom(
    Buffer.alloc(0),
    maskedFrame(Buffer.alloc(0), NO_MASK, 0x88),
    maskedFrame(Buffer.from([3, 232]), NO_MASK, 0x88),
  )
  const anyFrame = fc.record({
    size: fc.nat({ max: 70 }),
    mask: anyMask,
    isLong: fc.boolean(),
    before: fc.oneof(
      { weight: 30, arbitrary: fc.constant(Buffer.alloc(0)) },
      { weight: 6, arbitrary: harmless },
      { weight: 3, arbitrary: harmful },
    ),
  })

  it('get the same payload from hostile frames, unless the gateway ends the tunnel', () => {
    const met = { violation: 0, close: 0, whole: 0, compared: 0 }
    const frames = fc.array(anyFrame, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(
        hostileSession('kasmvnc'),
        frames,
        ending,
        anyCuts,
        (payload, shapes, end, cuts) => {
          const parts: Buffer[] = []
          const shown: Buffer[] = []
          const comparison = new Comparison()
          const ours = new ClientFrames(LIMIT, {
            cuts: [],
            restored: undefined,
            numbersRead: 0,
            read(chunk, from, to, mask, phase) {
              const bytes = Buffer.from(chunk.subarray(from, to))
              shown.push(
                Buffer.from(bytes.map((byte, at) => byte ^ (mask[(phase + at) & 3] as number))),
              )
              return comparison.reader.read(chunk, from, to, mask, phase)
            },
          })
          let sent = 0
          for (const { size, mask, isLong, before } of shapes) {
            const data = payload.subarray(sent, sent + size)
            parts.push(before, maskedFrame(data, mask, 0x82, isLong ? 16 : undefined))
            sent += data.length
          }
          const decoder = new FrameDecoder(() => {})
          let decoded = 0
          for (const piece of split(Buffer.concat([...parts, end]), cuts)) {
            if (ours.check(Buffer.from(piece)) === 'violation') {
              met.violation += 1
              return
            }
            const read = Buffer.concat(shown)
            comparison.noteOurs(read.length)
            for (const outcome of decoder.decode(piece)) {
              if (outcome.outcome === 'close') {
                expect(outcome.reason).toBe('client sent Close')
                met.close += 1
                return
              }
              const { data } = outcome
              expect(read.subarray(decoded, decoded + data.length).equals(data)).toBe(true)
              decoded += data.length
              comparison.referee.receive(data)
            }
            // The stand-in decodes complete frames; between two frames it has the same bytes as our reader.
            if (decoded < read.length) continue
            if (!comparison.agrees()) return
          }
          met.whole += 1
          met.compared += comparison.compared
        },
      ),
      { numRuns: RUNS },
    )
    for (const count of Object.values(met)) expect(count).toBeGreaterThan(RUNS / 60)
  })

  it.each([
    ['65,527 bytes', 65_527, 'as-it-came', 'data'],
    ['65,528 bytes', 65_528, 'violation', 'close'],
    ['65,536 bytes', 65_536, 'violation', 'close'],
  ])('have the same limit of length: %s', (_, length, verdict, outcome) => {
    const frame = maskedFrame(Buffer.alloc(length, 5), Buffer.from([1, 2, 3, 4]))
    const ours = new ClientFrames(LIMIT, {
      cuts: [],
      restored: undefined,
      numbersRead: 0,
      read: (_chunk, _from, to) => to,
    })
    expect(ours.check(frame)).toBe(verdict)
    const decoded = [...new FrameDecoder(() => {}).decode(frame)]
    expect(decoded.at(-1)?.outcome).toBe(outcome)
  })
})
