// The plot's window: two moving waves, which show at a glance whether the stream works.

import type { SKRSContext2D } from '@napi-rs/canvas'
import { SANS } from './fonts.ts'
import type { WindowContent } from './window-content.ts'

const WIDTH = 460
const HEIGHT = 214
const FRAME_MS = 80
const PLOT = { left: 18, right: WIDTH - 18, top: 44, bottom: HEIGHT - 20 }

const GRID = '#dde2f1'
const INK = '#6a7396'
const STEP = 4

interface Wave {
  readonly name: string
  readonly colour: string
  readonly fill: string
  /** -1 to 1; `x` in pixels, `t` in seconds. */
  at(x: number, t: number): number
}

const WAVES: readonly Wave[] = [
  {
    name: 'slow',
    colour: '#e0567a',
    fill: 'rgb(224 86 122 / 10%)',
    at: (x, t) => 0.55 * Math.sin(x / 74 - t * 0.9) + 0.25 * Math.sin(x / 31 - t * 1.3),
  },
  {
    name: 'fast',
    colour: '#4763e4',
    fill: 'rgb(71 99 228 / 14%)',
    at: (x, t) => 0.5 * Math.sin(x / 42 - t * 2.1) * Math.cos(x / 190 - t * 0.4) - 0.1,
  },
]

export function createWavePlot(): WindowContent {
  let paintedAt = -Infinity
  return {
    title: 'Waves',
    look: 'light',
    width: WIDTH,
    height: HEIGHT,
    paint(context, now) {
      if (now - paintedAt < FRAME_MS) return undefined
      const isFirst = paintedAt === -Infinity
      paintedAt = now
      if (isFirst) drawLegend(context)
      const { left, right, top, bottom } = PLOT
      const area = { x: left, y: top, width: right - left, height: bottom - top }
      context.save()
      context.beginPath()
      context.rect(area.x, area.y, area.width, area.height)
      context.clip()
      context.clearRect(area.x, area.y, area.width, area.height)
      drawGrid(context)
      for (const wave of WAVES) drawWave(context, wave, now / 1000)
      context.restore()
      return isFirst ? { x: 0, y: 0, width: WIDTH, height: HEIGHT } : area
    },
  }
}

function drawLegend(context: SKRSContext2D): void {
  context.font = `12px ${SANS}`
  context.textBaseline = 'middle'
  let x = PLOT.left
  for (const { name, colour } of WAVES) {
    context.fillStyle = colour
    context.beginPath()
    context.arc(x + 5, 24, 5, 0, 2 * Math.PI)
    context.fill()
    context.fillStyle = INK
    context.fillText(name, x + 16, 24)
    x += 72
  }
}

function drawGrid(context: SKRSContext2D): void {
  context.fillStyle = GRID
  const step = (PLOT.bottom - 1 - PLOT.top) / 4
  for (let line = 0; line <= 4; line += 1) {
    context.fillRect(PLOT.left, Math.round(PLOT.top + line * step), PLOT.right - PLOT.left, 1)
  }
}

function drawWave(context: SKRSContext2D, wave: Wave, t: number): void {
  const middle = (PLOT.top + PLOT.bottom) / 2
  const amplitude = (PLOT.bottom - PLOT.top) / 2 - 6
  const trace = (): void => {
    context.beginPath()
    for (let x = PLOT.left; x <= PLOT.right; x += STEP) {
      context.lineTo(x, middle - amplitude * wave.at(x, t))
    }
  }
  trace()
  context.lineTo(PLOT.right, PLOT.bottom)
  context.lineTo(PLOT.left, PLOT.bottom)
  context.fillStyle = wave.fill
  context.fill()
  trace()
  context.strokeStyle = wave.colour
  context.lineWidth = 2.5
  context.lineJoin = 'round'
  context.stroke()
}
