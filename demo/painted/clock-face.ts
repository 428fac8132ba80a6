// The clock's window: this machine's time, updated each second.

import type { SKRSContext2D } from '@napi-rs/canvas'
import { SANS } from './fonts.ts'
import type { WindowContent } from './window-content.ts'

const WIDTH = 236
const HEIGHT = 268
const RADIUS = 92
const CENTRE = { x: WIDTH / 2, y: 112 }

const INK = '#1f2540'
const SOFT_INK = '#6a7396'
const FACE = '#eef1fb'
const SECOND_HAND = '#e0567a'

export function createClockFace(): WindowContent {
  let shownSecond = -1
  return {
    title: 'Clock',
    look: 'light',
    width: WIDTH,
    height: HEIGHT,
    paint(context, now) {
      const second = Math.floor(now / 1000)
      if (second === shownSecond) return undefined
      shownSecond = second
      const time = new Date(second * 1000)
      context.clearRect(0, 0, WIDTH, HEIGHT)
      drawFace(context)
      drawHands(context, time)
      drawWords(context, time)
      return { x: 0, y: 0, width: WIDTH, height: HEIGHT }
    },
  }
}

function drawFace(context: SKRSContext2D): void {
  context.fillStyle = FACE
  context.beginPath()
  context.arc(CENTRE.x, CENTRE.y, RADIUS, 0, 2 * Math.PI)
  context.fill()
  for (let minute = 0; minute < 60; minute += 1) {
    const isHour = minute % 5 === 0
    drawRay(context, minute / 60, RADIUS - (isHour ? 14 : 9), RADIUS - 5, {
      colour: isHour ? INK : SOFT_INK,
      thickness: isHour ? 2.5 : 1,
    })
  }
}

function drawHands(context: SKRSContext2D, time: Date): void {
  const seconds = time.getSeconds()
  const minutes = time.getMinutes() + seconds / 60
  const hours = (time.getHours() % 12) + minutes / 60
  drawRay(context, hours / 12, -10, RADIUS * 0.52, { colour: INK, thickness: 6 })
  drawRay(context, minutes / 60, -12, RADIUS * 0.78, { colour: INK, thickness: 4 })
  drawRay(context, seconds / 60, -18, RADIUS * 0.84, { colour: SECOND_HAND, thickness: 2 })
  context.fillStyle = SECOND_HAND
  context.beginPath()
  context.arc(CENTRE.x, CENTRE.y, 4.5, 0, 2 * Math.PI)
  context.fill()
}

function drawWords(context: SKRSContext2D, time: Date): void {
  context.textAlign = 'center'
  context.textBaseline = 'alphabetic'
  context.fillStyle = INK
  context.font = `bold 18px ${SANS}`
  context.fillText(time.toLocaleTimeString('en-GB'), CENTRE.x, HEIGHT - 36)
  context.fillStyle = SOFT_INK
  context.font = `12px ${SANS}`
  const date = { weekday: 'long', day: 'numeric', month: 'long' } as const
  context.fillText(time.toLocaleDateString('en-GB', date), CENTRE.x, HEIGHT - 16)
}

/** A line from the centre outwards, `turn` of a whole turn clockwise from twelve. */
function drawRay(
  context: SKRSContext2D,
  turn: number,
  from: number,
  to: number,
  { colour, thickness }: { colour: string; thickness: number },
): void {
  const [x, y] = [Math.sin(turn * 2 * Math.PI), -Math.cos(turn * 2 * Math.PI)]
  context.strokeStyle = colour
  context.lineWidth = thickness
  context.lineCap = 'round'
  context.beginPath()
  context.moveTo(CENTRE.x + x * from, CENTRE.y + y * from)
  context.lineTo(CENTRE.x + x * to, CENTRE.y + y * to)
  context.stroke()
}
