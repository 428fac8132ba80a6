// The pixels that viewers see, independent of the code that draws them.

import type { Rectangle } from './rectangle.ts'

const BYTES_PER_PIXEL = 4

export interface Framebuffer {
  readonly width: number
  readonly height: number
  /** `pixels` are those of `area` alone, row by row, four bytes each: red, green, blue, anything. */
  write(area: Rectangle, pixels: Uint8Array): void
  /** A copy of the pixels of `area`, as `write` takes them. */
  read(area: Rectangle): Buffer
}

/** Areas must lie within it. */
export function createFramebuffer(width: number, height: number): Framebuffer {
  const all = Buffer.alloc(width * height * BYTES_PER_PIXEL)
  return {
    width,
    height,
    write(area, pixels) {
      const row = area.width * BYTES_PER_PIXEL
      for (let y = 0; y < area.height; y += 1) {
        const at = ((area.y + y) * width + area.x) * BYTES_PER_PIXEL
        all.set(pixels.subarray(y * row, (y + 1) * row), at)
      }
    },
    read(area) {
      const row = area.width * BYTES_PER_PIXEL
      const pixels = Buffer.allocUnsafe(row * area.height)
      for (let y = 0; y < area.height; y += 1) {
        const at = ((area.y + y) * width + area.x) * BYTES_PER_PIXEL
        all.copy(pixels, y * row, at, at + row)
      }
      return pixels
    },
  }
}
