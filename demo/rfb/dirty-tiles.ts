// The parts of the screen that must still be sent to one viewer, in tiles of 64 pixels.

import type { Rectangle } from './rectangle.ts'

const TILE = 64

export interface DirtyTiles {
  readonly isEmpty: boolean
  /** `area` lies within the screen. */
  mark(area: Rectangle): void
  /** The dirty tiles as a few rectangles; they count as clean from now on. */
  take(): Rectangle[]
}

export function createDirtyTiles(width: number, height: number): DirtyTiles {
  const columns = Math.ceil(width / TILE)
  const rows = Math.ceil(height / TILE)
  const dirty = new Uint8Array(columns * rows)
  const isDirty = (column: number, row: number): boolean => dirty[row * columns + column] === 1

  return {
    get isEmpty() {
      return !dirty.includes(1)
    },
    mark(area) {
      const first = Math.floor(area.x / TILE)
      const last = Math.floor((area.x + area.width - 1) / TILE)
      const bottom = Math.floor((area.y + area.height - 1) / TILE)
      for (let row = Math.floor(area.y / TILE); row <= bottom; row += 1) {
        dirty.fill(1, row * columns + first, row * columns + last + 1)
      }
    },
    take() {
      const areas: Rectangle[] = []
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
          if (!isDirty(column, row)) continue
          let end = column
          while (end < columns && isDirty(end, row)) end += 1
          // As far down as every tile of this run is dirty, too.
          let bottom = row
          while (
            bottom < rows &&
            dirty.subarray(bottom * columns + column, bottom * columns + end).every(Boolean)
          ) {
            dirty.fill(0, bottom * columns + column, bottom * columns + end)
            bottom += 1
          }
          const x = column * TILE
          const y = row * TILE
          areas.push({
            x,
            y,
            width: Math.min(end * TILE, width) - x,
            height: Math.min(bottom * TILE, height) - y,
          })
        }
      }
      return areas
    },
  }
}
