// What a browser tells the desktop, message by message: the client's half of RFB (RFC 6143 7.1 and 7.5, rfbproto's
// registry), in the standard's dialect or KasmVNC's (its SMsgReader.cxx is named SR). It is read where it lies, masked
// and in any split; only the bytes that say how long a message is are looked at, and none is kept.

import type { Restrictions } from './restrictions.ts'
import { KASMVNC_MESSAGES, STANDARD_MESSAGES, type Layout, type Step } from './rfb-messages.ts'

export type RfbDialect = 'kasmvnc' | 'rfb'

/** What could not be followed. */
export type RfbUnknown = 'version' | 'security-type' | 'message-type' | 'length'

/** `RFB `, `003.`, and `007` or `008` with the line's end. */
const PROTOCOL_NAME = 0x52_46_42_20
const VERSION_3 = 0x30_30_33_2e
const VERSION_3_7 = 0x30_30_37_0a
const VERSION_3_8 = 0x30_30_38_0a
const SECURITY_NONE = 1
const SECURITY_VNC_AUTH = 2
const VNC_AUTH_RESPONSE_BYTES = 16
/** ClientInit's only byte; anything else has the server throw everybody else out, whoever asks. */
const SHARED = 1

/** What the client that KasmVNC up to 1.4.0 ships "types" every 5 s, by itself. */
const KEEP_ALIVE_KEYSYM = 1
/** A longer name makes KasmVNC leave the message there, data unread (SR:420). */
const MAX_RELAY_NAME = 63
const QEMU = 255
/** More than there are in any chunk. */
const UNBOUNDED = 2 ** 30 - 1
const QEMU_KEY = 0
const QEMU_AUDIO = 1
/** QEMU's audio operations: 0 on, 1 off, 2 format. */
const LAST_AUDIO_OPERATION = 2

/** General input's sub-type in seven bits, and above them which way round its numbers are. */
const GII_EVENT = 0
const BIG_ENDIAN = 0x80

/**
 * Extended clipboard: "I have something, in these formats", which is what a person's copy becomes. Clients answer the
 * rest by themselves: capabilities (every action's bit at once), requests and, when a program over there pastes, data.
 */
const CLIPBOARD_NOTIFY = 0x08
const CLIPBOARD_FORMATS = 0xffff

/**
 * A server that is asked for ExtendedMouseButtons reads 7 bytes of a pointer event with the marker bit where it read 6,
 * and one that does not know the extension goes on reading 6: nobody between them can tell which. So no server is asked.
 * The request becomes one for -365, which nobody has: rfbproto's registry hands numbers out downwards and has come to
 * -317, TurboVNC's begin at -412, and servers skip what they do not know. Only the last byte differs, so no length does.
 */
const EXTENDED_MOUSE_BUTTONS = -316 >>> 0
const NOBODYS_ENCODING = -365 >>> 0
const NEUTRALISE = EXTENDED_MOUSE_BUTTONS ^ NOBODYS_ENCODING

const NO_RESTRICTIONS: Restrictions = {
  drops: new Set(),
  dropsQemuKeys: false,
  isRestricting: false,
}

/** Follows one client's stream; all it holds is where it is. */
export class RfbClientReader {
  /** Places in the chunk that was read last, in pairs: from the first, up to the second, nothing may go on. */
  readonly cuts: number[] = []
  readonly #restrictions: Restrictions
  readonly #isKasm: boolean
  readonly #layouts: ReadonlyMap<number, Layout>
  /** Bytes to go by before the next number. */
  #unread = 0
  /** The number being read: so much of it, so many bytes of it missing, and what it says. */
  #number = 0
  #missing = 4
  #step: Step = 'version-name'
  /** What is still to come of the message after the part being read: entries, encodings or bytes. */
  #rest = 0
  #unknown: RfbUnknown | undefined
  #hasHumanInput = false
  /** The message being read goes no further. */
  #isDropping = false
  #cutFrom = 0
  /** The type was held back at the end of what was read before: what it begins was not known yet. */
  #isTypeHeld = false
  #restored: number | undefined
  #numbersRead = 0

  constructor(dialect: RfbDialect, restrictions: Restrictions = NO_RESTRICTIONS) {
    this.#restrictions = restrictions
    this.#isKasm = dialect === 'kasmvnc'
    this.#layouts = this.#isKasm ? KASMVNC_MESSAGES : STANDARD_MESSAGES
  }

  /** What made the reader stop, for good: from there on it does not know what the bytes mean. */
  get unknown(): RfbUnknown | undefined {
    return this.#unknown
  }

  /**
   * What the bytes mean is not known, and somebody may not send all that there is. Nobody needs another version at a
   * KasmVNC, which takes one all the same: it would be a way for everybody around what nobody may.
   */
  get isBeyondControl(): boolean {
    if (this.#isKasm && this.#unknown === 'version') return true
    return this.#unknown !== undefined && this.#restrictions.isRestricting
  }

  /** A byte that was held back before and goes on now, ahead of what was read last. */
  get restored(): number | undefined {
    return this.#restored
  }

  /** Of what was read last; what reading costs goes by it. */
  get numbersRead(): number {
    return this.#numbersRead
  }

  /** The next byte is the type of a message. */
  get isBetweenMessages(): boolean {
    return this.#step === 'message-type' && this.#unread === 0
  }

  /** Whether a person typed, pointed or copied since this was last asked. */
  takeHumanInput(): boolean {
    const had = this.#hasHumanInput
    this.#hasHumanInput = false
    return had
  }

  /**
   * Goes over masked payload in `chunk`, from `from` up to `to`; `mask` is its frame's, `phase` the place in it of the
   * first byte. Writes to the chunk where a request must not reach the server. The answer is how far it went: to the
   * end, or to where it had read `maxNumbers` numbers.
   */
  read(
    chunk: Uint8Array,
    from: number,
    to: number,
    mask: Uint8Array,
    phase: number,
    maxNumbers = UNBOUNDED,
  ): number {
    let numbersLeft = maxNumbers
    const shift = phase - from
    this.cuts.length = 0
    this.#restored = undefined
    this.#cutFrom = from
    this.#isTypeHeld = this.#isDropping && this.#step === 'qemu-type'
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
        // Masked or not, the same bits change.
        chunk[at] = (chunk[at] as number) ^ this.#correctionOf(this.#number)
        this.#understand(this.#number, at)
      }
      at += 1
    }
    if (this.#isDropping) this.#cut(at)
    this.#numbersRead = maxNumbers - numbersLeft
    return at
  }

  /** The bits that must not reach the server as they are. */
  #correctionOf(number: number): number {
    if (this.#step === 'encoding') return number === EXTENDED_MOUSE_BUTTONS ? NEUTRALISE : 0
    return this.#step === 'client-init' ? number ^ SHARED : 0
  }

  #beginCut(at: number): void {
    this.#isDropping = true
    this.#isTypeHeld = false
    this.#cutFrom = at
  }

  #endCut(at: number): void {
    this.#cut(at)
    this.#isDropping = false
  }

  #cut(to: number): void {
    if (to > this.#cutFrom) this.cuts.push(this.#cutFrom, to)
  }

  /** The number is whole; decides what follows it. */
  #understand(number: number, at: number): void {
    switch (this.#step) {
      case 'version-name':
        return number === PROTOCOL_NAME
          ? this.#expect(0, 4, 'version-major')
          : this.#stop('version')
      case 'version-major':
        return number === VERSION_3 ? this.#expect(0, 4, 'version-minor') : this.#stop('version')
      case 'version-minor':
        // To an older client the server tells the security type. Of the newer ones, macOS's 3.889 sends no ClientInit
        // to some servers and one to others (LibVNCServer's auth.c).
        return number === VERSION_3_7 || number === VERSION_3_8
          ? this.#expect(0, 1, 'security-type')
          : this.#stop('version')
      case 'security-type':
        if (number === SECURITY_NONE) return this.#expect(0, 1, 'client-init')
        if (number !== SECURITY_VNC_AUTH) return this.#stop('security-type')
        return this.#expect(VNC_AUTH_RESPONSE_BYTES, 1, 'client-init')
      case 'client-init':
        return this.#pass(0)
      case 'message-type':
        return this.#beginMessage(number, at)
      case 'keysym':
        if (number !== KEEP_ALIVE_KEYSYM) this.#hasHumanInput = true
        return this.#pass(0)
      case 'bytes':
        return this.#pass(number)
      case 'numbers':
        return this.#pass(4 * number)
      case 'screens':
        return this.#pass(1 + 16 * number)
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
        if (number >>> 24 === CLIPBOARD_NOTIFY && (number & CLIPBOARD_FORMATS) !== 0) {
          this.#hasHumanInput = true
        }
        return this.#pass(this.#rest)
      case 'relay-name':
        if (number > MAX_RELAY_NAME) return this.#pass(number)
        return this.#expect(number, 4, 'bytes')
      case 'qemu-type':
        return this.#qemuMessage(number)
      case 'qemu-audio':
        if (number > LAST_AUDIO_OPERATION) return this.#stop('message-type')
        return this.#pass(number === LAST_AUDIO_OPERATION ? 6 : 0)
      case 'gii-type':
        if ((number & ~BIG_ENDIAN) === GII_EVENT) this.#hasHumanInput = true
        return this.#expect(0, 2, number & BIG_ENDIAN ? 'bytes' : 'gii-length-swapped')
      case 'gii-length-swapped':
        return this.#pass(((number & 0xff) << 8) | (number >>> 8))
    }
  }

  #beginMessage(type: number, at: number): void {
    const layout = this.#layouts.get(type)
    if (layout === undefined) return this.#stop('message-type')
    const { drops, dropsQemuKeys } = this.#restrictions
    if (drops.has(type) || (type === QEMU && dropsQemuKeys)) this.#beginCut(at)
    if (layout.isHuman) this.#hasHumanInput = true
    this.#expect(layout.unread, layout.width, layout.step)
  }

  #nextEncoding(): void {
    if (this.#rest === 0) return this.#pass(0)
    this.#rest -= 1
    this.#expect(0, 4, 'encoding')
  }

  #nextClipboardEntry(dataBefore: number): void {
    if (this.#rest === 0) return this.#pass(dataBefore)
    this.#rest -= 1
    this.#expect(dataBefore, 1, 'clipboard-mime')
  }

  /** A negative length is the extended clipboard's, whose flags come first; -2^31 has no opposite in a server's int. */
  #cutText(length: number): void {
    if (length >= 0) {
      if (length > 0) this.#hasHumanInput = true
      return this.#pass(length)
    }
    if (length > -4 || length === -0x8000_0000) return this.#stop('length')
    this.#rest = -length - 4
    this.#expect(0, 4, 'cut-text-flags')
  }

  #qemuMessage(type: number): void {
    if (type === QEMU_AUDIO && !this.#isKasm) {
      this.#keepAfterAll()
      return this.#expect(0, 2, 'qemu-audio')
    }
    if (type !== QEMU_KEY) return this.#stop('message-type')
    this.#hasHumanInput = true
    this.#pass(10)
  }

  /** What was cut since its type is no message to cut. */
  #keepAfterAll(): void {
    if (!this.#isDropping) return
    this.#isDropping = false
    if (this.#isTypeHeld) this.#restored = QEMU
  }

  /** So many bytes end the message. */
  #pass(bytes: number): void {
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
