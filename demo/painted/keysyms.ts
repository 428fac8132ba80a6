// X keysyms, the names RFB gives to keys (RFC 6143 section 7.5.4), as far as a terminal needs them.

const LATIN_1_END = 0xff
const UNICODE_START = 0x0100_0000
const UNICODE_END = 0x0110_ffff

const NAMES: Readonly<Record<number, KeyName>> = {
  0xff08: 'BackSpace',
  0xff0d: 'Return',
  0xff50: 'Home',
  0xff51: 'Left',
  0xff52: 'Up',
  0xff53: 'Right',
  0xff54: 'Down',
  0xff57: 'End',
  0xff8d: 'Return',
  0xffe3: 'Control',
  0xffe4: 'Control',
  0xffff: 'Delete',
}

export type KeyName =
  | 'BackSpace'
  | 'Return'
  | 'Home'
  | 'Left'
  | 'Up'
  | 'Right'
  | 'Down'
  | 'End'
  | 'Control'
  | 'Delete'

/** The key's name, or undefined for one that types a character or means nothing here. */
export function keyName(keysym: number): KeyName | undefined {
  return NAMES[keysym]
}

/** The character the key types, or undefined for one that types none. */
export function keyCharacter(keysym: number): string | undefined {
  if (keysym >= 0x20 && keysym <= LATIN_1_END && (keysym < 0x7f || keysym > 0x9f)) {
    return String.fromCodePoint(keysym)
  }
  if (keysym > UNICODE_START && keysym <= UNICODE_END) {
    return String.fromCodePoint(keysym - UNICODE_START)
  }
  return undefined
}
