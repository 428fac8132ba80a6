// The traffic between a real KasmVNC and a real browser, recorded as times and sizes. It is replayed with new random bytes.

import { readFileSync } from 'node:fs'
import { encodeFrame } from '../support/websocket-wire.ts'
import { KEY, POINTER, type RecordingName } from './traffic.ts'

/**
 * Enough tunnels to keep a relay busy, few enough for it to keep up. A recorded desktop is mostly silent: with a quarter
 * as many, a relay would sleep 97% of the time, and the result would mostly show cold caches.
 */
export const RECORDED_TUNNELS: Readonly<Record<RecordingName, number>> = {
  'desktop-720p': 128,
  'film-1080p': 3,
}

export interface Moment {
  /** Milliseconds since the recording began. */
  readonly at: number
  readonly frame: Buffer
}

export interface Recording {
  readonly server: readonly Moment[]
  readonly client: readonly Moment[]
  readonly lengthMs: number
}

const masked = (...bytes: number[]): Buffer => encodeFrame(Buffer.from(bytes), { masked: true })

/** FramebufferUpdateRequest, EnableContinuousUpdates and Fence are 10 bytes each. */
const CLIENT_SAYS: Readonly<Record<string, Buffer>> = {
  pointer: POINTER,
  key: KEY,
  fence: masked(248, 0, 0, 0, 0, 0, 0, 0, 1, 0),
  request: masked(3, 1, 0, 0, 0, 0, 4, 0, 2, 0),
  continuous: masked(150, 1, 0, 0, 0, 0, 4, 0, 2, 0),
}

export function isRecording(name: string): name is RecordingName {
  return name in RECORDED_TUNNELS
}

export function readRecording(name: RecordingName): Recording {
  const text = readFileSync(new URL(`recordings/${name}.csv`, import.meta.url), 'utf8')
  const server: Moment[] = []
  const client: Moment[] = []
  let lengthMs = 0
  const largest = Buffer.alloc(65_527, 'x')
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [at, what = ''] = line.split(',')
    lengthMs = Number(at)
    const said = CLIENT_SAYS[what]
    if (said === undefined) {
      server.push({ at: lengthMs, frame: encodeFrame(largest.subarray(0, Number(what))) })
    } else client.push({ at: lengthMs, frame: said })
  }
  return { server, client, lengthMs: lengthMs + 1 }
}

/** Where in a recording the tunnel of that number begins. */
export function startOf(tunnel: number, lengthMs: number): number {
  return (tunnel * GOLDEN_RATIO * lengthMs) % lengthMs
}

/** Multiples of this number, modulo 1, are evenly distributed for any count. */
const GOLDEN_RATIO = 0.618034

/** Returns the frames of one side that are due, repeating the recording, starting at `startAt`. */
export class Player {
  readonly #moments: readonly Moment[]
  readonly #lengthMs: number
  #next: number
  /** When the current round began, by `performance.now()`. */
  #roundAt: number

  constructor(moments: readonly Moment[], lengthMs: number, startAt: number) {
    this.#moments = moments
    this.#lengthMs = lengthMs
    this.#roundAt = performance.now() - startAt
    const next = moments.findIndex(({ at }) => at >= startAt)
    this.#next = next < 0 ? moments.length : next
  }

  play(send: (frame: Buffer) => void): void {
    const now = performance.now()
    for (;;) {
      const moment = this.#moments[this.#next]
      if (moment === undefined) {
        if (now < this.#roundAt + this.#lengthMs) return
        this.#roundAt += this.#lengthMs
        this.#next = 0
      } else {
        if (now < this.#roundAt + moment.at) return
        send(moment.frame)
        this.#next += 1
      }
    }
  }
}
