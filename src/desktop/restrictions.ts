// What a browser may not tell the desktop, by dialect and right. The types are those of KasmVNC's SMsgReader.cxx
// and of RFB's registry.

import type { Permission, Role } from '../config/config.ts'
import type { RfbDialect } from './rfb.ts'

export interface Restrictions {
  /** Messages of these types go no further. */
  readonly drops: ReadonlySet<number>
  /** Of QEMU's messages only key events go no further. */
  readonly dropsQemuKeys: boolean
  /** Somebody may not do what others may: what cannot be read cannot be let through. */
  readonly isRestricting: boolean
}

const KEY = 4
const POINTER = 5
const CUT_TEXT = 6
const BINARY_CLIPBOARD = 180
/** UDP would take the picture, and the input with it, past the gateway. */
const UPGRADE_TO_UDP = 181
const SUBSCRIBE_UNIX_RELAY = 182
const UNIX_RELAY = 183
const DIRECT_MOUSE = 188
/** Shuts a server's machine down. */
const XVP = 250
const SET_DESKTOP_SIZE = 251
/** General input: devices of the client's own making. */
const GII = 253
const QEMU = 255

const ALWAYS: Readonly<Record<RfbDialect, readonly number[]>> = {
  kasmvnc: [UPGRADE_TO_UDP],
  rfb: [],
}

const OF_VIEWERS: Readonly<Record<RfbDialect, readonly number[]>> = {
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

/** All of them: a server may leave bytes of an extended one unread and take those for messages (TigerVNC). */
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
      ...ALWAYS[dialect],
      ...(isViewer ? OF_VIEWERS[dialect] : []),
      ...(clipboardIn === 'deny' ? CLIPBOARD[dialect] : []),
    ]),
    dropsQemuKeys: isViewer && dialect === 'rfb',
    isRestricting: isViewer || clipboardIn === 'deny',
  }
}
