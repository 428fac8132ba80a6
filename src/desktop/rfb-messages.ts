// The client messages of RFB by their types: how far a message goes, or where in it the number is that says so.

/** What a number in the stream says. */
export type Step =
  | 'version-name'
  | 'version-major'
  | 'version-minor'
  | 'security-type'
  | 'client-init'
  | 'message-type'
  /** So many bytes, numbers of 4 bytes, or screens of 16 are left of the message. */
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
  /** The type alone says that a person did it. */
  readonly isHuman: boolean
  /** Bytes between the type and the number that matters. */
  readonly unread: number
  /** Bytes of that number. */
  readonly width: number
  readonly step: Step
}

/** A message that is always as long, its type included: the next number is the next one's type. */
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

/** KasmVNC 1.2 to master of 2026-08 (SR:48): a longer pointer event and a family of its own. */
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

/** RFC 6143 and what noVNC, TigerVNC and QEMU have of the registry. */
export const STANDARD_MESSAGES: ReadonlyMap<number, Layout> = new Map([
  ...COMMON,
  // SetEncodings, KeyEvent, PointerEvent, xvp, gii
  [2, numbered(1, 2, 'encodings')],
  [4, human(fixed(8))],
  [5, human(fixed(6))],
  [250, fixed(4)],
  [253, numbered(0, 1, 'gii-type')],
])
