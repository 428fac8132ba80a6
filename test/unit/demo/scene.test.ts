import { expect, it } from 'vitest'
import { createScene, type Painted } from '../../../demo/painted/scene.ts'
import type { WindowContent } from '../../../demo/painted/window-content.ts'
import { createFramebuffer } from '../../../demo/rfb/framebuffer.ts'

const WIDTH = 400
const HEIGHT = 300
const RED = [255, 0, 0]
const BLUE = [0, 0, 255]

/** A window of one colour, 100 by 60 below its title bar of 36. */
function plain(colour: string, typed: string[] = []): WindowContent {
  let isPainted = false
  return {
    title: colour,
    look: 'light',
    width: 100,
    height: 60,
    paint(context) {
      if (isPainted) return undefined
      isPainted = true
      context.fillStyle = colour
      context.fillRect(0, 0, 100, 60)
      return { x: 0, y: 0, width: 100, height: 60 }
    },
    keyboard: {
      type: (text) => void typed.push(text),
      press: (key) => void typed.push(`<${key}>`),
      control: (letter) => void typed.push(`^${letter}`),
    },
  }
}

function show(contents: readonly WindowContent[]) {
  const framebuffer = createFramebuffer(WIDTH, HEIGHT)
  const placed = contents.map((content, index) => ({ content, x: 60 + 40 * index, y: 60 }))
  const scene = createScene(WIDTH, HEIGHT, placed)
  const render = (): readonly Painted[] => {
    const painted = scene.render(0)
    for (const { area, pixels } of painted) framebuffer.write(area, pixels)
    return painted
  }
  const colourAt = (x: number, y: number): number[] => [
    ...framebuffer.read({ x, y, width: 1, height: 1 }).subarray(0, 3),
  ]
  render()
  return { scene, render, colourAt }
}

it('paints nothing if nothing changed', () => {
  const { scene, render } = show([plain('red')])
  scene.onPointer(10, 10, 0)
  expect(render()).toEqual([])
})

it('a window follows the pointer while its title bar is held, and then stops', () => {
  const { scene, render, colourAt } = show([plain('red')])
  expect(colourAt(110, 130)).toEqual(RED)
  scene.onPointer(100, 70, 1)
  scene.onPointer(180, 170, 1)
  scene.onPointer(180, 170, 0)
  scene.onPointer(0, 0, 0)
  render()
  expect(colourAt(190, 230)).toEqual(RED)
  expect(colourAt(110, 130)).not.toEqual(RED)
})

it('a window that is held elsewhere does not move, but comes to the top', () => {
  const { scene, render, colourAt } = show([plain('red'), plain('blue')])
  expect(colourAt(120, 130)).toEqual(BLUE)
  scene.onPointer(70, 130, 1)
  scene.onPointer(300, 200, 1)
  render()
  expect(colourAt(120, 130)).toEqual(RED)
})

it('keys go to the focused window, and Ctrl-V or the middle button pastes', () => {
  const typed: string[] = []
  const { scene } = show([plain('red', typed)])
  scene.onCutText('pasted')
  scene.onKey(0x61, true)
  scene.onKey(0x61, false)
  scene.onKey(0xff0d, true)
  scene.onKey(0xffe3, true)
  scene.onKey(0x63, true)
  scene.onKey(0x76, true)
  scene.onKey(0xffe3, false)
  scene.onPointer(10, 10, 2)
  expect(typed).toEqual(['a', '<Return>', '<Control>', '^c', 'pasted', 'pasted'])
})
