// The painted desktop's background: an evening sky, a faint ghost, and a hint at what to do here.

import { createCanvas } from '@napi-rs/canvas'
import type { Canvas, SKRSContext2D } from '@napi-rs/canvas'
import { SANS } from './fonts.ts'

const HINT = 'Drag a window. Type in the terminal.'

export function paintWallpaper(width: number, height: number): Canvas {
  const canvas = createCanvas(width, height)
  const context = canvas.getContext('2d')
  const dusk = context.createLinearGradient(0, 0, width * 0.6, height)
  dusk.addColorStop(0, '#232a5c')
  dusk.addColorStop(0.55, '#4a5aa8')
  dusk.addColorStop(1, '#7d8fd0')
  context.fillStyle = dusk
  context.fillRect(0, 0, width, height)
  glow(context, width * 0.95, height * 0.95, width * 0.55, '242 167 195')
  glow(context, width * 0.1, height * 0.9, width * 0.4, '110 190 210')
  drawGhost(context, width * 0.885, height * 0.57, height * 0.3)
  context.font = `13px ${SANS}`
  context.fillStyle = 'rgb(255 255 255 / 65%)'
  context.fillText(HINT, 28, height - 28)
  return canvas
}

function glow(context: SKRSContext2D, x: number, y: number, radius: number, rgb: string): void {
  const light = context.createRadialGradient(x, y, 0, x, y, radius)
  light.addColorStop(0, `rgb(${rgb} / 55%)`)
  light.addColorStop(1, `rgb(${rgb} / 0%)`)
  context.fillStyle = light
  context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius)
}

/** A dome with a wavy hem and two eyes, `size` high, around `x` and from `y` down. */
function drawGhost(context: SKRSContext2D, x: number, y: number, size: number): void {
  const radius = size * 0.4
  const hem = y + size * 0.92
  const scallop = radius / 3
  context.fillStyle = 'rgb(255 255 255 / 13%)'
  context.beginPath()
  context.arc(x, y + radius, radius, Math.PI, 2 * Math.PI)
  context.lineTo(x + radius, hem)
  for (let step = 0; step < 3; step += 1) {
    context.arc(x + radius - scallop * (2 * step + 1), hem, scallop, 0, Math.PI)
  }
  context.closePath()
  for (const side of [-1, 1]) {
    const [eyeX, eyeY] = [x + side * radius * 0.36, y + radius * 0.95]
    context.moveTo(eyeX + radius * 0.13, eyeY)
    context.ellipse(eyeX, eyeY, radius * 0.13, radius * 0.19, 0, 0, 2 * Math.PI)
  }
  context.fill('evenodd')
}
