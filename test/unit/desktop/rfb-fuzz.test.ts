// Hostile streams by the thousand, by the million with FUZZ_RUNS=1000000: frames and RFB within them, whole and cut to
// pieces. A failure names its run; FUZZ_SEED and FUZZ_RUNS=1 show it again.

import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { restrictionsFor, type Restrictions } from '../../../src/desktop/restrictions.ts'
import { RfbClientReader } from '../../../src/desktop/rfb.ts'
import type { RfbDialect } from '../../../src/desktop/rfb-messages.ts'
import { ClientFrames } from '../../../src/proxy/client-frames.ts'
import {
  everyRestriction,
  EXTENDED_MOUSE_BUTTONS,
  HANDSHAKE,
  MESSAGE_TYPES,
  payloadOf,
} from '../../support/rfb-client.ts'
import { followRfb } from '../../support/rfb-oracle.ts'

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 20_000)
const FIRST_SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const FOUR_BYTES = [24, 16, 8, 0].map((by) => (EXTENDED_MOUSE_BUTTONS >>> by) & 255)
const LIMIT = { kasmvnc: 65_527, rfb: 2 ** 20 } as const

const ALL_KINDS =
  'kasmvnc rfb ok violation closed changed unchanged between understood version security-type message-type length'

/** Below a bound, the same numbers for the same seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e37_79b1)
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

type Random = (below: number) => number

/** Whole messages of every form: fixed, counted, listed, nested. */
function soundMessage(random: Random, dialect: RfbDialect): number[] {
  const some = (count: number): number[] => Array.from({ length: count }, () => random(256))
  const few = random(12)
  const forms: readonly (() => number[])[] = [
    () => [255, 0, ...some(10)],
    () => [4, 1, 0, 0, 0, 0, 0, random(3)],
    () => [5, ...some(dialect === 'kasmvnc' ? 10 : 5)],
    () => [248, ...some(7), few, ...some(few)],
    () => [251, ...some(5), 1, ...some(17)],
    () => [2, 0, 0, 3, ...some(4), ...FOUR_BYTES, ...some(4)],
    () => [6, 0, 0, 0, 0, 0, 0, few, ...some(few)],
    () => [6, 0, 0, 0, 255, 255, 255, 252 - few, 1 << random(6), 0, 0, random(2), ...some(few)],
    () => (dialect === 'rfb' ? [255, 1, 0, 2, ...some(6)] : [184, few, ...some(4 * few)]),
    () =>
      dialect === 'rfb'
        ? ([
            [250, 0, 1, 2],
            [253, 128, 0, few, ...some(few)],
          ][random(2)] as number[])
        : [182, 64 + few, ...some(64 + few)],
    () => (dialect === 'rfb' ? [3, ...some(9)] : [183, 1, 97, 0, 0, 0, few, ...some(few)]),
    () =>
      dialect === 'rfb'
        ? [150, ...some(9)]
        : [180, 2, 1, 97, 0, 0, 0, few, ...some(few), 0, 0, 0, 0, 1, 0],
  ]
  return (forms[random(forms.length)] as () => number[])()
}

/** RFB that begins well, mostly: whole messages, real types with small or any numbers behind them, odd lengths. */
function hostilePayload(random: Random, dialect: RfbDialect): Buffer {
  const bytes: number[] = random(16) === 0 ? [] : [...HANDSHAKE]
  const types = MESSAGE_TYPES[dialect]
  for (let messages = random(10); messages > 0; messages -= 1) {
    const kind = random(40)
    if (kind < 28) bytes.push(...soundMessage(random, dialect))
    else if (kind === 28) bytes.push(6, 0, 0, 0, 255, 255, 255, 248 + random(8))
    else {
      bytes.push(kind === 29 ? random(256) : (types[random(types.length)] as number))
      const below = kind < 36 ? 4 : 256
      for (let left = random(14); left > 0; left -= 1) bytes.push(random(below))
    }
  }
  if (random(12) === 0) bytes[random(bytes.length)] = random(256)
  if (random(50) === 0) bytes[12] = random(4)
  return Buffer.from(bytes)
}

interface Stream {
  readonly bytes: Buffer
  /** What the server takes for RFB, up to a violation or Close. */
  readonly payload: Buffer
  readonly verdict: 'ok' | 'violation'
}

/** The payload in frames, among them other ones, allowed and not. */
function hostileStream(random: Random, payload: Buffer): Stream {
  const frames: Buffer[] = []
  let sent = 0
  let verdict: Stream['verdict'] = 'ok'
  let isOver = false
  const push = (first: number, data: Buffer, long: boolean, isMasked = true): void => {
    const length = data.length
    const header = long ? [first, 126, length >> 8, length & 255] : [first, length]
    const mask = [random(256), random(256), random(256), random(256)]
    if (isMasked) header[1] = (header[1] as number) | 0x80
    frames.push(Buffer.from(isMasked ? [...header, ...mask] : header))
    frames.push(
      Buffer.from(data.map((byte, at) => (isMasked ? byte ^ (mask[at & 3] as number) : byte))),
    )
  }
  while (sent < payload.length) {
    const kind = random(120)
    if (kind < 4) push([0x89, 0x8a][kind & 1] as number, Buffer.alloc(random(9), 4), false)
    else if (kind === 4) {
      push(0x88, Buffer.alloc(random(3)), false)
      isOver = true
      if (random(2) === 0) break
      verdict = 'violation'
    } else if (kind === 5) {
      const first = [0x80, 0x81, 0x02, 0xc2, 0xa2, 0x92, 0x83, 0x8b, 0x09][random(9)] as number
      push(first, Buffer.alloc(random(9), 4), false)
      verdict = 'violation'
    } else if (kind === 6) {
      push(0x82, Buffer.alloc(random(9), 4), false, false)
      verdict = 'violation'
    }
    const size = Math.min(random(3) === 0 ? random(4) : random(60), payload.length - sent)
    push(0x82, payload.subarray(sent, sent + size), size > 125 || random(8) === 0)
    if (verdict === 'violation' || isOver) break
    sent += size
  }
  return { bytes: Buffer.concat(frames), payload: payload.subarray(0, sent), verdict }
}

interface Outcome {
  readonly frames: ClientFrames
  readonly reader: RfbClientReader
  readonly summary: string
  /** The payload that goes on. */
  readonly passedOn: Buffer
}

function follow(
  dialect: RfbDialect,
  stream: Buffer,
  nextCut: (left: number) => number,
  restrictions = restrictionsFor(dialect, 'control', 'allow'),
): Outcome {
  const reader = new RfbClientReader(dialect, restrictions)
  const frames = new ClientFrames(LIMIT[dialect], reader)
  const sent = Buffer.from(stream)
  const passedOn: Buffer[] = []
  let verdict = 'ok'
  for (let at = 0; at < sent.length;) {
    const to = Math.min(at + nextCut(sent.length - at), sent.length)
    const chunk = sent.subarray(at, to)
    const next = frames.check(chunk)
    verdict = next === 'violation' ? next : 'ok'
    if (next === 'as-it-came') passedOn.push(chunk)
    else if (next === 'rewritten') passedOn.push(...frames.takeRewritten())
    at = to
  }
  const changed = sent.equals(stream)
    ? []
    : [...sent.keys()].filter((at) => sent[at] !== stream[at])
  const told = [verdict, frames.hasClosed, frames.takePong(), reader.takeHumanInput()]
  return {
    frames,
    reader,
    summary: JSON.stringify([...told, reader.unknown, reader.isBetweenMessages, changed]),
    passedOn: payloadOf(Buffer.concat(passedOn)),
  }
}

/** Why the run failed, or undefined. */
function failureOf(seed: number): string | undefined {
  const random = randomFrom(seed)
  const dialect = random(2) === 0 ? 'kasmvnc' : 'rfb'
  const stream = hostileStream(random, hostilePayload(random, dialect))
  const all = everyRestriction(dialect)
  const restrictions = all[random(all.length)] as Restrictions
  const whole = follow(dialect, stream.bytes, (left) => left, restrictions)
  const most = 1 + random(20)
  const expected = followRfb(dialect, stream.payload, restrictions)
  for (const other of [
    follow(dialect, stream.bytes, () => 1 + random(most), restrictions),
    follow(dialect, stream.bytes, () => 1, restrictions),
    whole,
  ]) {
    if (other.summary !== whole.summary) return `split ${other.summary}, whole ${whole.summary}`
    const { passedOn } = other
    if (!expected.kept.subarray(0, passedOn.length).equals(passedOn)) return 'another passes'
    if (stream.verdict === 'ok' && passedOn.length < expected.kept.length) return 'less passes'
  }
  const changes = [...expected.forwarded.keys()].filter(
    (at) => expected.forwarded[at] !== stream.payload[at],
  )
  const [verdict, , , hasHuman, , , changed] = JSON.parse(whole.summary) as unknown[]
  const seen = [verdict, hasHuman, whole.reader.unknown, whole.reader.isBetweenMessages]
  const wanted = [
    stream.verdict,
    expected.human.length > 0,
    expected.unknown?.what,
    expected.unknown === undefined && expected.boundaries.has(stream.payload.length),
  ]
  const [a, b] = [seen, wanted].map((list) => JSON.stringify(list))
  if (a !== b) return `${a}, the oracle ${b}`
  return (changed as unknown[]).length === changes.length ? undefined : 'changes'
}

describe('hostile streams', () => {
  it(
    `are followed alike in every split, as the oracle does, ${RUNS} times`,
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
        const failure = failureOf(seed)
        if (failure !== undefined) expect.fail(`FUZZ_SEED=${seed}: ${failure}`)
      }
    },
    60_000 + RUNS,
  )

  it('include every kind', () => {
    const kinds = new Map<string, number>()
    for (let seed = 1; seed <= 4_000; seed += 1) {
      const random = randomFrom(seed)
      const dialect = random(2) === 0 ? 'kasmvnc' : 'rfb'
      const stream = hostileStream(random, hostilePayload(random, dialect))
      const { frames, reader, summary } = follow(dialect, stream.bytes, (left) => left)
      const changes = summary.endsWith('[]]') ? 'unchanged' : 'changed'
      for (const kind of [
        dialect,
        stream.verdict,
        reader.unknown ?? 'understood',
        changes,
        ...(frames.hasClosed ? ['closed'] : []),
        ...(reader.isBetweenMessages ? ['between'] : []),
      ]) {
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
    }
    expect([...kinds].filter(([, count]) => count < 20)).toEqual([])
    const missing = ALL_KINDS.split(' ').filter((kind) => !kinds.has(kind))
    expect(missing).toEqual([])
  })

  it('leave no state behind except the position', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const inUse = async (): Promise<number> => {
      for (let times = 0; times < 3; times += 1) {
        collect()
        await setImmediate()
      }
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      return heapUsed + external + arrayBuffers
    }
    const before = await inUse()
    const open: Outcome[] = []
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const random = randomFrom(seed)
      const dialect = random(2) === 0 ? 'kasmvnc' : 'rfb'
      const stream = hostileStream(random, hostilePayload(random, dialect)).bytes
      const outcome = follow(dialect, stream, () => 1 + random(20))
      const mask = Buffer.alloc(4)
      const payload = Buffer.alloc(40_000, 6)
      const header = Buffer.from([0x82, 0xfe, payload.length >> 8, payload.length & 255])
      outcome.frames.check(Buffer.concat([header, mask, payload.subarray(1)]))
      outcome.frames.takeRewritten()
      open.push({ ...outcome, passedOn: Buffer.alloc(0) })
    }
    const each = ((await inUse()) - before) / open.length
    expect(open).toHaveLength(2_000)
    expect(each).toBeLessThan(2_000)
  })
})
