// The client messages of RFB by type: the length of each, or where in the message its length is encoded.

/** The two message sets: the standard's, and KasmVNC's with a longer PointerEvent and types of its own. */
export type RfbDialect = 'kasmvnc' | 'rfb'

/** The meaning of a number in the stream. */
export type Step =
  | 'version-name'
  | 'version-major'
  | 'version-minor'
  | 'security-type'
  | 'client-init'
  | 'message-type'
  /** The rest of the message: a count of bytes, of 4-byte numbers, or of 16-byte screens. */
  | 'bytes'
  | 'numbers'
  | 'screens'
  | 'encodings'
  | 'encoding'
  | 'keysym'
  | 'cut-text'
  | 'cut-text-flags'
  | 'clipboard-entries'
  | 'clipboard-mime'
  | 'clipboard-data'
  | 'relay-name'
  | 'qemu-type'
  | 'qemu-audio'
  | 'gii-type'
  | 'gii-length-swapped'

export interface Layout {
  /** The type alone proves human input. */
  readonly isHuman: boolean
  /** Bytes to skip between the type and the number that decides the length. */
  readonly unread: number
  /** Size of that number in bytes. */
  readonly width: number
  readonly step: Step
}

/** A message of fixed length, type byte included. The next number is the next message's type. */
function fixed(length: number): Layout {
  return { isHuman: false, unread: length - 1, width: 1, step: 'message-type' }
}

function numbered(unread: number, width: number, step: Step): Layout {
  return { isHuman: false, unread, width, step }
}

function human(layout: Layout): Layout {
  return { ...layout, isHuman: true }
}

const COMMON: readonly (readonly [type: number, layout: Layout])[] = [
  // SetPixelFormat, FramebufferUpdateRequest, ClientCutText
  [0, fixed(20)],
  [3, fixed(10)],
  [6, numbered(3, 4, 'cut-text')],
  // EnableContinuousUpdates, Fence, SetDesktopSize, QEMU's own
  [150, fixed(10)],
  [248, numbered(7, 1, 'bytes')],
  [251, numbered(5, 1, 'screens')],
  [255, numbered(0, 1, 'qemu-type')],
]

/** KasmVNC 1.2 to master of 2026-08 (SR:48): a longer pointer event and types of its own. */
export const KASMVNC_MESSAGES: ReadonlyMap<number, Layout> = new Map([
  ...COMMON,
  // SetEncodings, KeyEvent, PointerEvent (a mask of 16 bits, and two scroll distances follow: SR:249)
  [2, numbered(1, 2, 'numbers')],
  [4, numbered(3, 4, 'keysym')],
  [5, human(fixed(11))],
  // RequestStats, FrameStats
  [178, fixed(4)],
  [179, fixed(12)],
  // BinaryClipboard
  [180, human(numbered(0, 1, 'clipboard-entries'))],
  // UpgradeToUdp, SubscribeUnixRelay, UnixRelay
  [181, numbered(0, 2, 'bytes')],
  [182, numbered(0, 1, 'bytes')],
  [183, numbered(0, 1, 'relay-name')],
  // VideoEncoders, KeepAlive, DirectMouseEvent
  [184, numbered(0, 1, 'numbers')],
  [185, fixed(1)],
  [188, human(fixed(10))],
  // LatencyMeasurement, NetworkStats, SystemStats, SetMaxVideoResolution
  [189, fixed(8)],
  [190, fixed(4)],
  [191, fixed(4)],
  [252, fixed(5)],
])

/** RFC 6143, and the registered extensions that noVNC, TigerVNC and QEMU use. */
export const STANDARD_MESSAGES: ReadonlyMap<number, Layout> = new Map([
  ...COMMON,
  // SetEncodings, KeyEvent, PointerEvent, xvp, gii
  [2, numbered(1, 2, 'encodings')],
  [4, human(fixed(8))],
  [5, human(fixed(6))],
  [250, fixed(4)],
  [253, numbered(0, 1, 'gii-type')],
])

/**
 * With ExtendedMouseButtons a pointer event that has the marker bit is 7 bytes long; without it, 6. The parser cannot see
 * whether the server knows the extension, so the server must never be asked for it. The reader replaces the request by
 * -365, an encoding that nobody uses: rfbproto's registry counts downwards and has reached -317, TurboVNC's start at
 * -412, and servers skip encodings that they do not know. Only the last byte differs, so the length stays the same.
 */
export const EXTENDED_MOUSE_BUTTONS: number = -316 >>> 0
const UNUSED_ENCODING = -365 >>> 0
export const NEUTRALISE_ENCODING: number = EXTENDED_MOUSE_BUTTONS ^ UNUSED_ENCODING
