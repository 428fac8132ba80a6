// What a browser tells the desktop, message by message: the client's half of RFB (RFC 6143 7.1 and 7.5, rfbproto's
// registry), in the standard's dialect or KasmVNC's (its SMsgReader.cxx is named SR). It is read where it lies, masked
// and in any split; only the bytes that say how long a message is are looked at, and none is kept.

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
const CLIENT_INIT_BYTES = 1

/** What the client that KasmVNC up to 1.4.0 ships "types" every 5 s, by itself. */
const KEEP_ALIVE_KEYSYM = 1
/** A longer name makes KasmVNC leave the message there, data unread (SR:420). */
const LONGEST_RELAY_NAME = 63
const QEMU_KEY = 0
const QEMU_AUDIO = 1
/** QEMU's audio operations: 0 on, 1 off, 2 format. */
const LAST_AUDIO_OPERATION = 2

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

/** Follows one client's stream; all it holds is where it is. */
export class RfbClientReader {
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

  constructor(dialect: RfbDialect) {
    this.#isKasm = dialect === 'kasmvnc'
    this.#layouts = this.#isKasm ? KASMVNC_MESSAGES : STANDARD_MESSAGES
  }

  /** What made the reader stop, for good: from there on it does not know what the bytes mean. */
  get unknown(): RfbUnknown | undefined {
    return this.#unknown
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
   * first byte. Writes to the chunk where a request must not reach the server.
   */
  read(chunk: Uint8Array, from: number, to: number, mask: Uint8Array, phase: number): void {
    const shift = phase - from
    let at = from
    while (at < to) {
      if (this.#unread > 0) {
        const passed = Math.min(this.#unread, to - at)
        this.#unread -= passed
        at += passed
        continue
      }
      const byte = (chunk[at] as number) ^ (mask[(at + shift) & 3] as number)
      this.#number = this.#number * 256 + byte
      this.#missing -= 1
      if (this.#missing === 0) {
        if (this.#step === 'encoding' && this.#number === EXTENDED_MOUSE_BUTTONS) {
          // Masked or not, the same bits change.
          chunk[at] = (chunk[at] as number) ^ NEUTRALISE
        }
        this.#understand(this.#number)
      }
      at += 1
    }
  }

  /** The number is whole; decides what follows it. */
  #understand(number: number): void {
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
        if (number === SECURITY_NONE) return this.#pass(CLIENT_INIT_BYTES)
        if (number !== SECURITY_VNC_AUTH) return this.#stop('security-type')
        return this.#pass(VNC_AUTH_RESPONSE_BYTES + CLIENT_INIT_BYTES)
      case 'message-type':
        return this.#beginMessage(number)
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
        if (number > LONGEST_RELAY_NAME) return this.#pass(number)
        return this.#expect(number, 4, 'bytes')
      case 'qemu-type':
        return this.#qemuMessage(number)
      case 'qemu-audio':
        if (number > LAST_AUDIO_OPERATION) return this.#stop('message-type')
        return this.#pass(number === LAST_AUDIO_OPERATION ? 6 : 0)
    }
  }

  #beginMessage(type: number): void {
    const layout = this.#layouts.get(type)
    if (layout === undefined) return this.#stop('message-type')
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
    if (type === QEMU_AUDIO && !this.#isKasm) return this.#expect(0, 2, 'qemu-audio')
    if (type !== QEMU_KEY) return this.#stop('message-type')
    this.#hasHumanInput = true
    this.#pass(10)
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
