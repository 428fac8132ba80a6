// The arrow that viewers draw as their own pointer, so that it does not lag.

import type { Cursor } from '../rfb/protocol.ts'

/** `#` is the rim, `.` the inside. */
const ARROW = [
  '#           ',
  '##          ',
  '#.#         ',
  '#..#        ',
  '#...#       ',
  '#....#      ',
  '#.....#     ',
  '#......#    ',
  '#.......#   ',
  '#........#  ',
  '#.........# ',
  '#......#####',
  '#...#..#    ',
  '#..# #..#   ',
  '#.#  #..#   ',
  '##    #..#  ',
  '#     #..#  ',
  '       ##   ',
] as const

const RIM = [255, 255, 255, 255]
const INSIDE = [28, 32, 54, 255]
const NOTHING = [0, 0, 0, 0]

export function pointerShape(): Cursor {
  const width = ARROW[0].length
  const rowBytes = Math.ceil(width / 8)
  const mask = Buffer.alloc(rowBytes * ARROW.length)
  const pixels = ARROW.flatMap((row, y) =>
    row.split('').flatMap((mark, x) => {
      if (mark === ' ') return NOTHING
      const at = y * rowBytes + (x >> 3)
      mask.writeUInt8(mask.readUInt8(at) | (0x80 >> (x & 7)), at)
      return mark === '#' ? RIM : INSIDE
    }),
  )
  const hotspot = { x: 0, y: 0 }
  return { width, height: ARROW.length, hotspot, pixels: Buffer.from(pixels), mask }
}
