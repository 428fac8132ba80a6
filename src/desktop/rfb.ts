// Parses what a browser sends to the desktop: the client half of RFB (RFC 6143 7.1 and 7.5, rfbproto's registry), in the
// standard dialect or KasmVNC's ("SR" below is its SMsgReader.cxx). The parser works in place on masked bytes, however
// they are split. It looks only at the bytes that determine a message's length, and keeps none.

import * as rfb from './rfb-constants.ts'
import { NO_RESTRICTIONS, type Restrictions } from './restrictions.ts'
import {
  EXTENDED_MOUSE_BUTTONS,
  KASMVNC_MESSAGES,
  NEUTRALISE_ENCODING,
  STANDARD_MESSAGES,
  type Layout,
  type RfbDialect,
  type Step,
} from './rfb-messages.ts'

/** What the parser could not understand. */
export const RFB_UNKNOWN = ['version', 'security-type', 'message-type', 'length'] as const
export type RfbUnknown = (typeof RFB_UNKNOWN)[number]

/** More than any chunk contains. */
const UNBOUNDED = 2 ** 30 - 1

/** Parses one client's stream. Its state is only a position; it buffers nothing. */
export class RfbClientReader {
  /** Ranges of the last chunk that must not be forwarded: pairs of start (inclusive) and end (exclusive). */
  readonly cuts: number[] = []
  readonly #restrictions: Restrictions
  readonly #isKasm: boolean
  readonly #layouts: ReadonlyMap<number, Layout>
  /** Bytes to skip before the next number. */
  #unread = 0
  /** The number being read: its value so far, its missing bytes, and its meaning. */
  #number = 0
  #missing = 4
  #step: Step = 'version-name'
  /** What follows the current part of the message: a count of entries, encodings or bytes. */
  #rest = 0
  #unknown: RfbUnknown | undefined
  #hasHumanInput = false
  /** The message being read is not forwarded. */
  #isDropping = false
  #cutFrom = 0
  /** The last chunk ended right after a type byte. It was withheld, since the sub-type decides what happens to it. */
  #isTypeWithheld = false
  #restored: number | undefined
  #numbersRead = 0

  constructor(dialect: RfbDialect, restrictions: Restrictions = NO_RESTRICTIONS) {
    this.#restrictions = restrictions
    this.#isKasm = dialect === 'kasmvnc'
    this.#layouts = this.#isKasm ? KASMVNC_MESSAGES : STANDARD_MESSAGES
  }

  /** Why the reader stopped. It cannot resume: it no longer knows what the bytes mean. */
  get unknown(): RfbUnknown | undefined {
    return this.#unknown
  }

  /**
   * The stream can no longer be parsed although a restriction applies, so it must end. At a KasmVNC this includes every
   * client with another RFB version: the server accepts one, no real client sends one, and it would bypass the messages
   * that are dropped for everybody.
   */
  get isBeyondControl(): boolean {
    if (this.#isKasm && this.#unknown === 'version') return true
    return this.#unknown !== undefined && this.#restrictions.isRestricting
  }

  /** A byte withheld from an earlier chunk that must now be sent before the last chunk. */
  get restored(): number | undefined {
    return this.#restored
  }

  /** Numbers parsed in the last chunk: the cost of reading it. */
  get numbersRead(): number {
    return this.#numbersRead
  }

  /** The next byte is a message type. */
  get isBetweenMessages(): boolean {
    return this.#step === 'message-type' && this.#unread === 0
  }

  /** Whether a person typed, pointed or copied since the last call. */
  takeHumanInput(): boolean {
    const had = this.#hasHumanInput
    this.#hasHumanInput = false
    return had
  }

  /**
   * Parses the masked payload of `chunk` from `from` (inclusive) to `to` (exclusive). `mask` is the frame's masking key,
   * `phase` the index into it for the first byte. Overwrites bytes in place where a request must not reach the server.
   * Returns where it stopped: at `to`, or after `maxNumbers` numbers.
   */
  read(
    chunk: Uint8Array,
    from: number,
    to: number,
    mask: Uint8Array,
    phase: number,
    maxNumbers: number = UNBOUNDED,
  ): number {
    let numbersLeft = maxNumbers
    const shift = phase - from
    this.cuts.length = 0
    this.#restored = undefined
    this.#cutFrom = from
    this.#isTypeWithheld = this.#isDropping && this.#step === 'qemu-type'
    let at = from
    while (at < to) {
      if (this.#unread > 0) {
        const passed = Math.min(this.#unread, to - at)
        this.#unread -= passed
        at += passed
        continue
      }
      if (numbersLeft === 0) break
      if (this.#isDropping && this.#step === 'message-type') this.#endCut(at)
      const byte = (chunk[at] as number) ^ (mask[(at + shift) & 3] as number)
      this.#number = this.#number * 256 + byte
      this.#missing -= 1
      if (this.#missing === 0) {
        numbersLeft -= 1
        // XOR changes the same bits whether the byte is masked or not.
        chunk[at] = (chunk[at] as number) ^ this.#correctionOf(this.#number)
        this.#onNumber(this.#number, at)
      }
      at += 1
    }
    if (this.#isDropping) this.#cut(at)
    this.#numbersRead = maxNumbers - numbersLeft
    return at
  }

  /** The bits to flip so that the server does not see the original value. */
  #correctionOf(number: number): number {
    if (this.#step === 'encoding')
      return number === EXTENDED_MOUSE_BUTTONS ? NEUTRALISE_ENCODING : 0
    return this.#step === 'client-init' ? number ^ rfb.SHARED : 0
  }

  #beginCut(at: number): void {
    this.#isDropping = true
    this.#isTypeWithheld = false
    this.#cutFrom = at
  }

  #endCut(at: number): void {
    this.#cut(at)
    this.#isDropping = false
  }

  #cut(to: number): void {
    if (to > this.#cutFrom) this.cuts.push(this.#cutFrom, to)
  }

  /** Called with each complete number. Decides what comes next. */
  #onNumber(number: number, at: number): void {
    switch (this.#step) {
      case 'version-name':
        return number === rfb.PROTOCOL_NAME
          ? this.#expect(0, 4, 'version-major')
          : this.#stop('version')
      case 'version-major':
        return number === rfb.VERSION_3
          ? this.#expect(0, 4, 'version-minor')
          : this.#stop('version')
      case 'version-minor':
        // In older versions the server chooses the security type. macOS's 3.889 sends ClientInit to some servers and not
        // to others (LibVNCServer's auth.c).
        return number === rfb.VERSION_3_7 || number === rfb.VERSION_3_8
          ? this.#expect(0, 1, 'security-type')
          : this.#stop('version')
      case 'security-type':
        if (number === rfb.SECURITY_NONE) return this.#expect(0, 1, 'client-init')
        if (number !== rfb.SECURITY_VNC_AUTH) return this.#stop('security-type')
        return this.#expect(rfb.VNC_AUTH_RESPONSE_BYTES, 1, 'client-init')
      case 'client-init':
        return this.#skipAndEnd(0)
      case 'message-type':
        return this.#beginMessage(number, at)
      case 'keysym':
        if (number !== rfb.KEEP_ALIVE_KEYSYM) this.#hasHumanInput = true
        return this.#skipAndEnd(0)
      case 'bytes':
        return this.#skipAndEnd(number)
      case 'numbers':
        return this.#skipAndEnd(4 * number)
      case 'screens':
        return this.#skipAndEnd(1 + 16 * number)
      case 'encodings':
        this.#rest = number
        return this.#nextEncoding()
      case 'encoding':
        return this.#nextEncoding()
      case 'clipboard-entries':
        this.#rest = number
        return this.#nextClipboardEntry(0)
      case 'clipboard-mime':
        return this.#expect(number, 4, 'clipboard-data')
      case 'clipboard-data':
        return this.#nextClipboardEntry(number)
      case 'cut-text':
        return this.#cutText(number | 0)
      case 'cut-text-flags':
        if (number >>> 24 === rfb.CLIPBOARD_NOTIFY && (number & rfb.CLIPBOARD_FORMATS) !== 0) {
          this.#hasHumanInput = true
        }
        return this.#skipAndEnd(this.#rest)
      case 'relay-name':
        if (number > rfb.MAX_RELAY_NAME) return this.#skipAndEnd(number)
        return this.#expect(number, 4, 'bytes')
      case 'qemu-type':
        return this.#qemuMessage(number)
      case 'qemu-audio':
        if (number > rfb.LAST_AUDIO_OPERATION) return this.#stop('message-type')
        return this.#skipAndEnd(number === rfb.LAST_AUDIO_OPERATION ? 6 : 0)
      case 'gii-type':
        if ((number & ~rfb.BIG_ENDIAN) === rfb.GII_EVENT) this.#hasHumanInput = true
        return this.#expect(0, 2, number & rfb.BIG_ENDIAN ? 'bytes' : 'gii-length-swapped')
      case 'gii-length-swapped':
        return this.#skipAndEnd(((number & 0xff) << 8) | (number >>> 8))
    }
  }

  #beginMessage(type: number, at: number): void {
    const layout = this.#layouts.get(type)
    if (layout === undefined) return this.#stop('message-type')
    const { drops, dropsQemuKeys } = this.#restrictions
    if (drops.has(type) || (type === rfb.QEMU && dropsQemuKeys)) this.#beginCut(at)
    if (layout.isHuman) this.#hasHumanInput = true
    this.#expect(layout.unread, layout.width, layout.step)
  }

  #nextEncoding(): void {
    if (this.#rest === 0) return this.#skipAndEnd(0)
    this.#rest -= 1
    this.#expect(0, 4, 'encoding')
  }

  #nextClipboardEntry(dataBefore: number): void {
    if (this.#rest === 0) return this.#skipAndEnd(dataBefore)
    this.#rest -= 1
    this.#expect(dataBefore, 1, 'clipboard-mime')
  }

  /** A negative length means extended clipboard, which starts with flags. A server's int cannot negate -2^31. */
  #cutText(length: number): void {
    if (length >= 0) {
      if (length > 0) this.#hasHumanInput = true
      return this.#skipAndEnd(length)
    }
    if (length > -4 || length === -0x8000_0000) return this.#stop('length')
    this.#rest = -length - 4
    this.#expect(0, 4, 'cut-text-flags')
  }

  #qemuMessage(type: number): void {
    if (type === rfb.QEMU_AUDIO && !this.#isKasm) {
      this.#cancelCut()
      return this.#expect(0, 2, 'qemu-audio')
    }
    if (type !== rfb.QEMU_KEY) return this.#stop('message-type')
    this.#hasHumanInput = true
    this.#skipAndEnd(10)
  }

  /** The message turns out to be allowed: forward it after all. */
  #cancelCut(): void {
    if (!this.#isDropping) return
    this.#isDropping = false
    if (this.#isTypeWithheld) this.#restored = rfb.QEMU
  }

  /** The message ends after this many bytes. */
  #skipAndEnd(bytes: number): void {
    this.#expect(bytes, 1, 'message-type')
  }

  #expect(unread: number, width: number, step: Step): void {
    this.#unread = unread
    this.#number = 0
    this.#missing = width
    this.#step = step
  }

  #stop(unknown: RfbUnknown): void {
    this.#unknown = unknown
    this.#unread = Number.POSITIVE_INFINITY
  }
}
