// One viewer of the RFB server: what it has been shown, what it asked for, and one update at a time towards it. The next
// update is made when the last one has left this process, so a slow viewer gets fewer updates and not a queue of them.

import type { WebSocket } from 'ws'
import { createDirtyTiles } from './dirty-tiles.ts'
import type { Framebuffer } from './framebuffer.ts'
import { intersect } from './rectangle.ts'
import type { Rectangle } from './rectangle.ts'
import { createRfbConversation, RfbError } from './conversation.ts'
import type { RfbListener } from './conversation.ts'
import * as rfb from './protocol.ts'
import { createZlibStream } from './zlib-stream.ts'

/** The size of frames that KasmVNC sends, so that the wait for the end of a frame is short. */
const FRAME_BYTES = 49_132
const CLOSE_PROTOCOL_ERROR = 1002

export type RfbInput = Pick<RfbListener, 'onKey' | 'onPointer' | 'onCutText'>

export interface RfbSource {
  readonly name: string
  readonly framebuffer: Framebuffer
  readonly cursor: rfb.Cursor
  readonly input: RfbInput
}

export interface RfbViewer {
  /** The framebuffer has changed there. */
  damage(area: Rectangle): void
}

/** Starts the RFB conversation at once; it ends with the socket. */
export function createRfbViewer(socket: WebSocket, source: RfbSource): RfbViewer {
  const { framebuffer, input } = source
  const { width, height } = framebuffer
  const screen = { x: 0, y: 0, width, height }
  const dirty = createDirtyTiles(width, height)
  const zlib = createZlibStream()
  let encodings: ReadonlySet<number> = new Set()
  let cursorDue = false
  let isAsked = false
  let isSending = false

  const listener: RfbListener = {
    ...input,
    send: (data) => socket.send(data),
    onEncodings(offered) {
      encodings = offered
      cursorDue = offered.has(rfb.ENCODING.cursor)
    },
    onUpdateRequest(area, isIncremental) {
      const asked = intersect(area, screen)
      if (!isIncremental && asked !== undefined) dirty.mark(asked)
      isAsked = true
      update()
    },
  }
  const receive = createRfbConversation({ width, height, name: source.name }, listener)

  socket.on('message', (data) => {
    try {
      receive(data as Buffer)
    } catch (error) {
      if (!(error instanceof RfbError)) throw error
      socket.close(CLOSE_PROTOCOL_ERROR, 'protocol-error')
    }
  })
  socket.on('close', () => zlib.close())

  function update(): void {
    if (!isAsked || isSending || (dirty.isEmpty && !cursorDue)) return
    isAsked = false
    isSending = true
    sendUpdate()
      .finally(() => {
        isSending = false
      })
      .then(update, () => socket.terminate())
  }

  async function sendUpdate(): Promise<void> {
    const rectangles: Buffer[] = []
    if (cursorDue) rectangles.push(rfb.cursorRectangle(source.cursor))
    cursorDue = false
    for (const area of dirty.take()) {
      const rectangle = await encode(area)
      if (rectangle === undefined) return
      rectangles.push(rectangle)
    }
    await sendFrames(rfb.framebufferUpdate(rectangles.length, rectangles))
  }

  /** Undefined when the viewer has disconnected. */
  async function encode(area: Rectangle): Promise<Buffer | undefined> {
    const pixels = framebuffer.read(area)
    if (!encodings.has(rfb.ENCODING.zlib)) return rfb.rawRectangle(area, pixels)
    const compressed = await zlib.compress(pixels)
    return compressed && rfb.zlibRectangle(area, compressed)
  }

  /** Resolves when the kernel has the last byte, or the viewer has disconnected. */
  async function sendFrames(data: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    for (let at = 0; at < data.length; at += FRAME_BYTES) {
      const isLast = at + FRAME_BYTES >= data.length
      socket.send(data.subarray(at, at + FRAME_BYTES), isLast ? () => resolve() : () => {})
    }
    await promise
  }

  return {
    damage(area) {
      dirty.mark(area)
      update()
    },
  }
}
