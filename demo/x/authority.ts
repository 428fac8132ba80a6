// An X authority file (Xau, `man 3 Xau`) with one random cookie. Without it, everybody on this machine could see the
// display and type on it.

import { randomBytes } from 'node:crypto'

const FAMILY_WILD = 0xffff

/** Valid for any host and display, so that it can be written before the server has chosen its number. */
export function createXAuthority(): Buffer {
  const field = (value: Buffer): Buffer => Buffer.concat([uint16(value.length), value])
  const anyAddress = Buffer.alloc(0)
  const anyDisplay = Buffer.alloc(0)
  return Buffer.concat([
    uint16(FAMILY_WILD),
    ...[anyAddress, anyDisplay, Buffer.from('MIT-MAGIC-COOKIE-1'), randomBytes(16)].map(field),
  ])
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}
