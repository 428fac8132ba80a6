// RFB 3.8 (RFC 6143) as bytes: the numbers both sides use and the messages our server sends.

import type { Rectangle } from './rectangle.ts'

export const VERSION = 'RFB 003.008\n'
export const SECURITY_NONE = 1
/** One type on offer, None. */
export const SECURITY_TYPES = Buffer.of(1, SECURITY_NONE)
export const SECURITY_OK = Buffer.alloc(4)

/** 32 bits a pixel, depth 24, little endian, true colour; red, green, blue, nothing in the order of their bytes. */
export const PIXEL_FORMAT = Buffer.from('2018000100ff00ff00ff000810000000', 'hex')

export const ENCODING = { raw: 0, zlib: 6, cursor: -239 } as const

export const CLIENT_MESSAGE = {
  setPixelFormat: 0,
  setEncodings: 2,
  updateRequest: 3,
  key: 4,
  pointer: 5,
  cutText: 6,
} as const

/** The pointer's shape; `pixels` as in a framebuffer, `mask` a bit a pixel, rows padded to bytes. */
export interface Cursor {
  readonly width: number
  readonly height: number
  readonly hotspot: { readonly x: number; readonly y: number }
  readonly pixels: Buffer
  readonly mask: Buffer
}

export function serverInit(width: number, height: number, name: string): Buffer {
  const text = Buffer.from(name)
  return Buffer.concat([uint16(width), uint16(height), PIXEL_FORMAT, uint32(text.length), text])
}

/** `body` is as many rectangles. */
export function framebufferUpdate(count: number, body: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(0, 0), uint16(count), ...body])
}

export function rawRectangle(area: Rectangle, pixels: Buffer): Buffer {
  return Buffer.concat([rectangleHeader(area, ENCODING.raw), pixels])
}

export function zlibRectangle(area: Rectangle, compressed: Buffer): Buffer {
  const header = rectangleHeader(area, ENCODING.zlib)
  return Buffer.concat([header, uint32(compressed.length), compressed])
}

export function cursorRectangle({ width, height, hotspot, pixels, mask }: Cursor): Buffer {
  const header = rectangleHeader({ ...hotspot, width, height }, ENCODING.cursor)
  return Buffer.concat([header, pixels, mask])
}

function rectangleHeader({ x, y, width, height }: Rectangle, encoding: number): Buffer {
  const header = Buffer.alloc(12)
  for (const [index, value] of [x, y, width, height].entries())
    header.writeUInt16BE(value, index * 2)
  header.writeInt32BE(encoding, 8)
  return header
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
