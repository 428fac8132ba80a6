// The client messages of KasmVNC's RFB dialect, cut out of the byte stream as its own reader does (SMsgReader.cxx,
// named SR): each step yields how many bytes it needs next.

export interface RfbMessage {
  readonly type: number
  readonly name: string
  /** The whole message, type byte included. */
  readonly bytes: Buffer
}

/** Ends the connection, as an exception does in the real server. */
export class RfbError extends Error {
  override readonly name = 'RfbError'
}

type Step<T> = Generator<number, T, Buffer>
type Take = (count: number) => Step<Buffer>

/** Messages that are as long as their type says: bytes after the type. */
const FIXED: ReadonlyMap<number, readonly [name: string, length: number]> = new Map([
  [0, ['SetPixelFormat', 19]],
  [3, ['FramebufferUpdateRequest', 9]],
  [4, ['KeyEvent', 7]],
  // Standard RFB has 5: KasmVNC's mask is 16 bits wide and two scroll distances follow (SR:249).
  [5, ['PointerEvent', 10]],
  [150, ['EnableContinuousUpdates', 9]],
  [178, ['RequestStats', 3]],
  [179, ['FrameStats', 11]],
  [185, ['KeepAlive', 0]],
  [188, ['DirectMouseEvent', 9]],
  [189, ['LatencyMeasurement', 7]],
  [190, ['NetworkStats', 3]],
  [191, ['SystemStats', 3]],
  [252, ['SetMaxVideoResolution', 4]],
])

/** A name of 64 bytes or more makes the reader leave the message there, data unread (SR:405, 420). */
const MAX_RELAY_NAME = 63

/** Messages whose length is in them. */
const VARIABLE: ReadonlyMap<number, readonly [name: string, read: (take: Take) => Step<void>]> =
  new Map([
    [2, ['SetEncodings', readSetEncodings]],
    [6, ['ClientCutText', readClientCutText]],
    [180, ['BinaryClipboard', readBinaryClipboard]],
    [181, ['UpgradeToUdp', readUpgradeToUdp]],
    [182, ['SubscribeUnixRelay', readSubscribeUnixRelay]],
    [183, ['UnixRelay', readUnixRelay]],
    [184, ['VideoEncoders', readVideoEncoders]],
    [248, ['Fence', readFence]],
    [251, ['SetDesktopSize', readSetDesktopSize]],
    [255, ['QemuKeyEvent', readQemuKeyEvent]],
  ])

export function* readMessage(): Step<RfbMessage> {
  const parts: Buffer[] = []
  const take: Take = function* (count) {
    const bytes = yield count
    parts.push(bytes)
    return bytes
  }
  const type = (yield* take(1)).readUInt8()
  const fixed = FIXED.get(type)
  const variable = VARIABLE.get(type)
  if (fixed !== undefined) yield* take(fixed[1])
  else if (variable !== undefined) yield* variable[1](take)
  else throw new RfbError(`unknown message type ${type}`)
  const name = fixed?.[0] ?? variable?.[0] ?? ''
  return { type, name, bytes: Buffer.concat(parts) }
}

function* readSetEncodings(take: Take): Step<void> {
  const head = yield* take(3)
  yield* take(4 * head.readUInt16BE(1))
}

/** A negative length is the extended clipboard, at least its 4 bytes of flags (SR:314). */
function* readClientCutText(take: Take): Step<void> {
  const length = (yield* take(7)).readInt32BE(3)
  if (length < 0 && length > -4) throw new RfbError('invalid extended clipboard message')
  yield* take(Math.abs(length))
}

function* readBinaryClipboard(take: Take): Step<void> {
  const count = (yield* take(1)).readUInt8()
  for (let index = 0; index < count; index += 1) {
    yield* take((yield* take(1)).readUInt8())
    yield* take((yield* take(4)).readUInt32BE())
  }
}

function* readUpgradeToUdp(take: Take): Step<void> {
  yield* take((yield* take(2)).readUInt16BE())
}

function* readSubscribeUnixRelay(take: Take): Step<void> {
  yield* take((yield* take(1)).readUInt8())
}

function* readUnixRelay(take: Take): Step<void> {
  const nameLength = (yield* take(1)).readUInt8()
  yield* take(nameLength)
  if (nameLength > MAX_RELAY_NAME) return
  yield* take((yield* take(4)).readUInt32BE())
}

function* readVideoEncoders(take: Take): Step<void> {
  yield* take(4 * (yield* take(1)).readUInt8())
}

function* readFence(take: Take): Step<void> {
  yield* take((yield* take(8)).readUInt8(7))
}

function* readSetDesktopSize(take: Take): Step<void> {
  yield* take(16 * (yield* take(7)).readUInt8(5))
}

function* readQemuKeyEvent(take: Take): Step<void> {
  const subtype = (yield* take(1)).readUInt8()
  if (subtype !== 0) throw new RfbError(`unknown QEMU submessage type ${subtype}`)
  yield* take(10)
}
