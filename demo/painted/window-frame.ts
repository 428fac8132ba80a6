// A window's frame: title bar, body and shadow, painted once for each of its two states and then only copied.

import { createCanvas } from '@napi-rs/canvas'
import type { Canvas } from '@napi-rs/canvas'
import { SANS } from './fonts.ts'
import type { WindowContent } from './window-content.ts'

export const TITLE_HEIGHT = 36
/** How far the shadow reaches around the window. */
export const SHADOW = 48
const RADIUS = 12

const LOOKS = {
  light: { body: '#fbfcff', bar: '#eef1f9', line: '#dfe4f2', ink: '#1f2540', soft: '#8089a8' },
  dark: { body: '#161a27', bar: '#20263a', line: '#0f121c', ink: '#e6eaf8', soft: '#7f88a6' },
} as const

/** The window without its content, a margin of `SHADOW` around it. */
export function paintFrame(content: WindowContent, isFocused: boolean): Canvas {
  const { width, title } = content
  const height = content.height + TITLE_HEIGHT
  const look = LOOKS[content.look]
  const canvas = createCanvas(width + 2 * SHADOW, height + 2 * SHADOW)
  const context = canvas.getContext('2d')
  context.translate(SHADOW, SHADOW)

  context.save()
  context.shadowColor = isFocused ? 'rgb(12 16 44 / 50%)' : 'rgb(12 16 44 / 30%)'
  context.shadowBlur = isFocused ? 36 : 20
  context.shadowOffsetY = isFocused ? 12 : 6
  context.fillStyle = look.body
  context.beginPath()
  context.roundRect(0, 0, width, height, RADIUS)
  context.fill()
  context.restore()

  context.fillStyle = look.bar
  context.beginPath()
  context.roundRect(0, 0, width, TITLE_HEIGHT, [RADIUS, RADIUS, 0, 0])
  context.fill()
  context.fillStyle = look.line
  context.fillRect(0, TITLE_HEIGHT - 1, width, 1)

  context.font = `bold 13px ${SANS}`
  context.fillStyle = isFocused ? look.ink : look.soft
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillText(title, width / 2, TITLE_HEIGHT / 2)
  return canvas
}
