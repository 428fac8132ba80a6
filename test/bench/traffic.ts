// The traffic through the relays: sizes and rates measured on a real KasmVNC, with bytes generated from a seed.

import { encodeFrame } from '../support/websocket-wire.ts'

/** Those that were recorded (recording.ts). */
export type RecordingName = 'desktop-720p' | 'film-1080p'

/** What the upstream does with a tunnel; it reads it from the query. */
export type Traffic = 'idle' | 'echo' | 'frames' | 'desktop' | RecordingName

/** How often a tunnel sends mouse or keyboard input while it is active. A desktop without input paints nothing. */
export const INPUTS_PER_SECOND: Readonly<Record<Traffic, number>> = {
  idle: 0,
  echo: 0,
  frames: 10,
  desktop: 60,
  'desktop-720p': 0,
  'film-1080p': 0,
}

/** 64 KiB frames at a fixed rate, because at full speed the result would show the machine's queues. */
export const FRAMES = {
  tunnels: 4,
  bytesPerSecond: 40e6,
  frame: encodeFrame(Buffer.alloc(65_536, 'x')),
}

/** A window that plays a film: 24 updates a second of several frames each, 16 to 49,132 B, and mouse input. */
export const DESKTOP = {
  tunnels: 32,
  updatesPerSecond: 24,
  mostFramesPerUpdate: 12,
  smallest: 16,
  largest: 49_132,
}

/** The server's half of the RFB handshake in frames of its own: 12, 2, 4 and 27 B. */
export const SERVER_HELLO = Buffer.concat([
  encodeFrame('RFB 003.008\n'),
  encodeFrame(Buffer.from([1, 1])),
  encodeFrame(Buffer.alloc(4)),
  encodeFrame(serverInit('ghw')),
])

/** The client's, sent in one piece too: version, security type None, shared. */
export const CLIENT_HELLO = Buffer.concat([
  encodeFrame('RFB 003.008\n', { masked: true }),
  encodeFrame(Buffer.from([1]), { masked: true }),
  encodeFrame(Buffer.from([1]), { masked: true }),
])

/** KasmVNC's PointerEvent, 11 B, and QEMU's key event, 12 B. */
export const POINTER = encodeFrame(Buffer.from([5, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]), { masked: true })
export const KEY = encodeFrame(Buffer.from([255, 0, 0, 1, 0, 0, 0, 97, 0, 0, 0, 30]), {
  masked: true,
})
/** The answer to a key event in an echo: a server frame of the same length. */
export const ECHO = encodeFrame(Buffer.alloc(12))

/** A desktop's frames in the order they are sent, from `seed` on always the same; sizes even on a log scale. */
export function* desktopUpdates(seed: number): Generator<readonly Buffer[], never> {
  const random = createRandom(seed)
  for (;;) {
    const count = 1 + Math.floor(random() * DESKTOP.mostFramesPerUpdate)
    yield Array.from({ length: count }, () => DRAWN[Math.floor(random() * DRAWN.length)] as Buffer)
  }
}

const DRAWN = Array.from({ length: 256 }, (_, index) => {
  const { smallest, largest } = DESKTOP
  const size = Math.round(smallest * (largest / smallest) ** (index / 255))
  return encodeFrame(Buffer.alloc(size, 'x'))
})

function serverInit(name: string): Buffer {
  const init = Buffer.alloc(24 + name.length)
  init.writeUInt16BE(1_920, 0)
  init.writeUInt16BE(1_080, 2)
  init.writeUInt32BE(name.length, 20)
  init.write(name, 24)
  return init
}

/** Mulberry32: numbers in [0, 1). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
