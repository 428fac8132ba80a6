// One window in the scene: its position, and the pictures it consists of.

import { createCanvas } from '@napi-rs/canvas'
import type { SKRSContext2D } from '@napi-rs/canvas'
import type { Rectangle } from '../rfb/rectangle.ts'
import type { WindowContent } from './window-content.ts'
import { paintFrame, SHADOW, TITLE_HEIGHT } from './window-frame.ts'

export interface SceneWindow {
  readonly content: WindowContent
  /** The area in which a pointer hits the window. */
  readonly frame: Rectangle
  /** The area from which the window can be dragged. */
  readonly titleBar: Rectangle
  /** The area it covers, including its shadow. */
  readonly bounds: Rectangle
  moveBy(dx: number, dy: number): void
  /** Updates the content; returns the areas of the screen that changed. */
  paint(now: number): Rectangle | undefined
  draw(context: SKRSContext2D, isFocused: boolean): void
}

export function createSceneWindow(
  content: WindowContent,
  startX: number,
  startY: number,
): SceneWindow {
  const { width } = content
  const height = content.height + TITLE_HEIGHT
  const focused = paintFrame(content, true)
  const unfocused = paintFrame(content, false)
  const surface = createCanvas(content.width, content.height)
  const surfaceContext = surface.getContext('2d')
  let x = startX
  let y = startY

  return {
    content,
    get frame() {
      return { x, y, width, height }
    },
    get titleBar() {
      return { x, y, width, height: TITLE_HEIGHT }
    },
    get bounds() {
      return { x: x - SHADOW, y: y - SHADOW, width: focused.width, height: focused.height }
    },
    moveBy(dx, dy) {
      x += dx
      y += dy
    },
    paint(now) {
      const area = content.paint(surfaceContext, now)
      return area && { ...area, x: area.x + x, y: area.y + y + TITLE_HEIGHT }
    },
    draw(context, isFocused) {
      context.drawImage(isFocused ? focused : unfocused, x - SHADOW, y - SHADOW)
      context.drawImage(surface, x, y + TITLE_HEIGHT)
    },
  }
}
