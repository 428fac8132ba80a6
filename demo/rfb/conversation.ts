// The server's side of RFB 3.8 as one conversation: what is read, in order, and what is answered. It yields how many bytes
// it wants next, so that message boundaries of the transport do not matter and no more than one field is ever held.

import { CLIENT_MESSAGE, PIXEL_FORMAT, SECURITY_NONE, SECURITY_OK } from './protocol.ts'
import { SECURITY_TYPES, serverInit, VERSION } from './protocol.ts'
import type { Rectangle } from './rectangle.ts'

const MAX_ENCODINGS = 1024
const MAX_CUT_TEXT = 256 * 1024

/** The viewer does not use RFB, or sends more than is allowed. */
export class RfbError extends Error {}

export interface RfbScreen {
  readonly width: number
  readonly height: number
  readonly name: string
}

export interface RfbListener {
  send(data: Buffer): void
  onEncodings(encodings: ReadonlySet<number>): void
  /** `area` as asked for; it may reach beyond the screen. */
  onUpdateRequest(area: Rectangle, isIncremental: boolean): void
  onKey(keysym: number, isDown: boolean): void
  onPointer(x: number, y: number, buttons: number): void
  onCutText(text: string): void
}

/** Takes the viewer's bytes as they come; throws an RfbError when they are not RFB. */
export function createRfbConversation(
  screen: RfbScreen,
  listener: RfbListener,
): (chunk: Buffer) => void {
  const conversation = converse(screen, listener)
  let wanted = conversation.next().value
  let pending: Buffer = Buffer.alloc(0)
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length >= wanted) {
      const field = pending.subarray(0, wanted)
      pending = pending.subarray(wanted)
      wanted = conversation.next(field).value
    }
  }
}

type Conversation = Generator<number, never, Buffer>

function* converse(screen: RfbScreen, listener: RfbListener): Conversation {
  yield* shakeHands(screen, listener)
  for (;;) {
    const type = (yield 1).readUInt8(0)
    switch (type) {
      case CLIENT_MESSAGE.setPixelFormat:
        checkPixelFormat(yield 19)
        break
      case CLIENT_MESSAGE.setEncodings: {
        const count = (yield 3).readUInt16BE(1)
        if (count > MAX_ENCODINGS) throw new RfbError(`${count} encodings`)
        const list = yield count * 4
        listener.onEncodings(
          new Set(Array.from({ length: count }, (_, i) => list.readInt32BE(i * 4))),
        )
        break
      }
      case CLIENT_MESSAGE.updateRequest: {
        const message = yield 9
        const [x, y, width, height] = [1, 3, 5, 7].map((at) => message.readUInt16BE(at))
        listener.onUpdateRequest({ x, y, width, height } as Rectangle, message[0] !== 0)
        break
      }
      case CLIENT_MESSAGE.key: {
        const message = yield 7
        listener.onKey(message.readUInt32BE(3), message[0] !== 0)
        break
      }
      case CLIENT_MESSAGE.pointer: {
        const message = yield 5
        listener.onPointer(message.readUInt16BE(1), message.readUInt16BE(3), message.readUInt8(0))
        break
      }
      case CLIENT_MESSAGE.cutText: {
        const length = (yield 7).readUInt32BE(3)
        if (length > MAX_CUT_TEXT) throw new RfbError(`cut text of ${length} bytes`)
        listener.onCutText((yield length).toString('latin1'))
        break
      }
      default:
        throw new RfbError(`message type ${type}`)
    }
  }
}

function* shakeHands(
  { width, height, name }: RfbScreen,
  listener: RfbListener,
): Generator<number, void, Buffer> {
  listener.send(Buffer.from(VERSION))
  const version = (yield VERSION.length).toString('latin1')
  if (version !== VERSION) throw new RfbError(`version ${JSON.stringify(version)}`)
  listener.send(SECURITY_TYPES)
  const [security] = yield 1
  if (security !== SECURITY_NONE) throw new RfbError(`security type ${security}`)
  listener.send(SECURITY_OK)
  // ClientInit: the desktop is always shared, whatever the viewer requests.
  yield 1
  listener.send(serverInit(width, height, name))
}

/** noVNC requests the format that we have, and other viewers do not use WebSockets. */
function checkPixelFormat(message: Buffer): void {
  const format = message.subarray(3, 16)
  if (!format.equals(PIXEL_FORMAT.subarray(0, 13))) throw new RfbError('another pixel format')
}
