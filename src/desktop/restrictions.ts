// The messages that a browser may not send to the desktop, by dialect and role. Type numbers come from KasmVNC's
// SMsgReader.cxx and from rfbproto's registry.

import type { Permission, Role } from '../config/config.ts'
import type { RfbDialect } from './rfb-messages.ts'

export interface Restrictions {
  /** Types of messages that are not forwarded. */
  readonly drops: ReadonlySet<number>
  /** Of QEMU's messages, only key events are not forwarded. */
  readonly dropsQemuKeys: boolean
  /** This person may do less than others. A stream that cannot be parsed must then end. */
  readonly isRestricting: boolean
}

/** For streams that no rule restricts. */
export const NO_RESTRICTIONS: Restrictions = {
  drops: new Set(),
  dropsQemuKeys: false,
  isRestricting: false,
}

const KEY = 4
const POINTER = 5
const CUT_TEXT = 6
const BINARY_CLIPBOARD = 180
/** With UDP, picture and input would bypass the gateway. */
const UPGRADE_TO_UDP = 181
const SUBSCRIBE_UNIX_RELAY = 182
const UNIX_RELAY = 183
const DIRECT_MOUSE = 188
/** Can shut down the server's machine. */
const XVP = 250
const SET_DESKTOP_SIZE = 251
/** General input: the client defines its own input devices. */
const GII = 253
const QEMU = 255

const DENIED_TO_ALL: Readonly<Record<RfbDialect, readonly number[]>> = {
  kasmvnc: [UPGRADE_TO_UDP],
  rfb: [],
}

const DENIED_TO_VIEWERS: Readonly<Record<RfbDialect, readonly number[]>> = {
  kasmvnc: [
    KEY,
    POINTER,
    CUT_TEXT,
    BINARY_CLIPBOARD,
    SUBSCRIBE_UNIX_RELAY,
    UNIX_RELAY,
    DIRECT_MOUSE,
    SET_DESKTOP_SIZE,
    QEMU,
  ],
  rfb: [KEY, POINTER, CUT_TEXT, XVP, SET_DESKTOP_SIZE, GII],
}

/** Extended ones too: TigerVNC can leave bytes of one unread and take them for messages. */
const CLIPBOARD: Readonly<Record<RfbDialect, readonly number[]>> = {
  kasmvnc: [CUT_TEXT, BINARY_CLIPBOARD],
  rfb: [CUT_TEXT],
}

export function restrictionsFor(
  dialect: RfbDialect,
  role: Role,
  clipboardIn: Permission,
): Restrictions {
  const isViewer = role === 'view'
  return {
    drops: new Set([
      ...DENIED_TO_ALL[dialect],
      ...(isViewer ? DENIED_TO_VIEWERS[dialect] : []),
      ...(clipboardIn === 'deny' ? CLIPBOARD[dialect] : []),
    ]),
    dropsQemuKeys: isViewer && dialect === 'rfb',
    isRestricting: isViewer || clipboardIn === 'deny',
  }
}
