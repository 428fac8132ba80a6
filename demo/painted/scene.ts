// The painted desktop itself: windows over a wallpaper, raised and dragged with the pointer, typed into with the keyboard.
// Only changed parts are drawn again.

import { createCanvas } from '@napi-rs/canvas'
import { contains, enclose, intersect } from '../rfb/rectangle.ts'
import type { Rectangle } from '../rfb/rectangle.ts'
import type { RfbInput } from '../rfb/viewer.ts'
import { keyCharacter, keyName } from './keysyms.ts'
import { paintWallpaper } from './wallpaper.ts'
import type { Keyboard, WindowContent } from './window-content.ts'
import { createSceneWindow } from './scene-window.ts'
import type { SceneWindow } from './scene-window.ts'

const LEFT_BUTTON = 1
const MIDDLE_BUTTON = 2

export interface Placed {
  readonly content: WindowContent
  readonly x: number
  readonly y: number
}

/** A part of the screen and its pixels, as a framebuffer takes them. */
export interface Painted {
  readonly area: Rectangle
  readonly pixels: Uint8Array
}

export interface Scene extends RfbInput {
  /** Paints what has changed since the last call; `now` in milliseconds. */
  render(now: number): Painted[]
}

/** The last of `placed` lies on top. */
export function createScene(width: number, height: number, placed: readonly Placed[]): Scene {
  const screen = { x: 0, y: 0, width, height }
  const wallpaper = paintWallpaper(width, height)
  const context = createCanvas(width, height).getContext('2d')
  const windows = placed.map(({ content, x, y }) => createSceneWindow(content, x, y))
  let damaged: Rectangle[] = [screen]
  let buttons = 0
  let dragged: { window: SceneWindow; x: number; y: number } | undefined
  let isControlDown = false
  let cutText = ''

  function raise(window: SceneWindow): void {
    const top = windows.at(-1)
    if (top === undefined || top === window) return
    damaged.push(top.bounds, window.bounds)
    windows.splice(windows.indexOf(window), 1)
    windows.push(window)
  }

  function press(x: number, y: number): void {
    const window = windows.findLast(({ frame }) => contains(frame, x, y))
    if (window === undefined) return
    raise(window)
    if (contains(window.titleBar, x, y)) dragged = { window, x, y }
  }

  function drag(x: number, y: number): void {
    if (dragged === undefined) return
    const { window } = dragged
    const before = window.bounds
    window.moveBy(x - dragged.x, y - dragged.y)
    dragged = { window, x, y }
    damaged.push(enclose(before, window.bounds))
  }

  /** The only content that gets keyboard input, whichever window is on top, so that typing always works. */
  function keyboard(): Keyboard | undefined {
    return windows.find(({ content }) => content.keyboard !== undefined)?.content.keyboard
  }

  function compose(area: Rectangle): void {
    context.save()
    context.beginPath()
    context.rect(area.x, area.y, area.width, area.height)
    context.clip()
    context.drawImage(wallpaper, 0, 0)
    for (const window of windows) {
      if (intersect(window.bounds, area) !== undefined)
        window.draw(context, window === windows.at(-1))
    }
    context.restore()
  }

  return {
    onPointer(x, y, pressed) {
      const fresh = pressed & ~buttons
      buttons = pressed
      if (fresh & LEFT_BUTTON) press(x, y)
      if (fresh & MIDDLE_BUTTON) keyboard()?.type(cutText)
      if ((pressed & LEFT_BUTTON) === 0) dragged = undefined
      drag(x, y)
    },
    onKey(keysym, isDown) {
      const name = keyName(keysym)
      if (name === 'Control') isControlDown = isDown
      if (!isDown) return
      const character = keyCharacter(keysym)
      if (name !== undefined) keyboard()?.press(name)
      else if (character === undefined) return
      else if (!isControlDown) keyboard()?.type(character)
      else if (character.toLowerCase() === 'v') keyboard()?.type(cutText)
      else keyboard()?.control(character)
    },
    onCutText(text) {
      cutText = text
    },
    render(now) {
      for (const window of windows) {
        const changed = window.paint(now)
        if (changed !== undefined) damaged.push(changed)
      }
      const areas = disjoint(damaged.flatMap((area) => intersect(area, screen) ?? []))
      damaged = []
      return areas.map((area) => {
        compose(area)
        const { data } = context.getImageData(area.x, area.y, area.width, area.height)
        return { area, pixels: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
      })
    },
  }
}

/** Merges overlapping areas into their bounding area until none overlap. */
function disjoint(areas: readonly Rectangle[]): Rectangle[] {
  const apart: Rectangle[] = []
  for (const area of areas) {
    let grown = area
    for (;;) {
      const other = apart.findIndex((candidate) => intersect(candidate, grown) !== undefined)
      if (other === -1) break
      for (const joined of apart.splice(other, 1)) grown = enclose(grown, joined)
    }
    apart.push(grown)
  }
  return apart
}
