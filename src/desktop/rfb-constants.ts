// Numbers of RFB (RFC 6143 7.1, rfbproto's registry) and of KasmVNC ("SR" is its SMsgReader.cxx).

/** `RFB `, `003.`, and `007` or `008` with the line's end. */
export const PROTOCOL_NAME = 0x52_46_42_20
export const VERSION_3 = 0x30_30_33_2e
export const VERSION_3_7 = 0x30_30_37_0a
export const VERSION_3_8 = 0x30_30_38_0a
export const SECURITY_NONE = 1
export const SECURITY_VNC_AUTH = 2
export const VNC_AUTH_RESPONSE_BYTES = 16
/** ClientInit's only byte. With any other value the server disconnects all other clients. */
export const SHARED = 1

/** The client shipped with KasmVNC up to 1.4.0 sends this key by itself every 5 s. */
export const KEEP_ALIVE_KEYSYM = 1
/** After a longer name KasmVNC stops reading the message and leaves its data unread (SR:420). */
export const MAX_RELAY_NAME = 63
export const QEMU = 255
export const QEMU_KEY = 0
export const QEMU_AUDIO = 1
/** QEMU's audio operations: 0 on, 1 off, 2 format. */
export const LAST_AUDIO_OPERATION = 2

/** General input: the low seven bits are the sub-type, the top bit is the byte order. */
export const GII_EVENT = 0
export const BIG_ENDIAN = 0x80

/**
 * Extended clipboard, "notify": the client announces formats because a person copied something. Clients send the other
 * actions without a person: capabilities (all action bits at once), requests, and data when a remote program pastes.
 */
export const CLIPBOARD_NOTIFY = 0x08
export const CLIPBOARD_FORMATS = 0xffff
