// The terminal's window: fixed-width text. Only changed rows are drawn again.

import type { SKRSContext2D } from '@napi-rs/canvas'
import { enclose } from '../rfb/rectangle.ts'
import type { Rectangle } from '../rfb/rectangle.ts'
import { MONO } from './fonts.ts'
import type { Terminal } from './terminal.ts'
import type { Line, Tone } from './terminal-commands.ts'
import type { WindowContent } from './window-content.ts'

const COLUMNS = 76
const ROWS = 20
const PADDING = 14
const ROW_HEIGHT = 20
const CHARACTER_WIDTH = 8.43
const FONT = `14px ${MONO}`
const BLINK_MS = 600

const COLOURS: Readonly<Record<Tone, string>> = {
  plain: '#dfe4f5',
  prompt: '#8fb6ff',
  path: '#7fdbca',
  accent: '#c9b3ff',
  problem: '#ff9d94',
}
const CURSOR_COLOUR = '#8fb6ff'
const UNDER_CURSOR_COLOUR = '#161a27'

export function createTerminalView(terminal: Terminal): WindowContent {
  const width = Math.ceil(COLUMNS * CHARACTER_WIDTH) + 2 * PADDING
  const height = ROWS * ROW_HEIGHT + 2 * PADDING
  /** What each row looked like when it was last drawn. */
  const drawn = Array.from({ length: ROWS }, () => '')
  return {
    title: 'Terminal',
    look: 'dark',
    width,
    height,
    keyboard: terminal,
    paint(context, now) {
      const { rows, cursor } = terminal.screen(COLUMNS, ROWS)
      const isLit = Math.floor(now / BLINK_MS) % 2 === 0
      let changed: Rectangle | undefined
      for (let index = 0; index < ROWS; index += 1) {
        const line = rows[index] ?? []
        const column = isLit && index === cursor.row ? cursor.column : undefined
        const look = JSON.stringify([line, column])
        if (look === drawn[index]) continue
        drawn[index] = look
        const area = { x: 0, y: PADDING + index * ROW_HEIGHT, width, height: ROW_HEIGHT }
        drawRow(context, area, line, column)
        changed = changed === undefined ? area : enclose(changed, area)
      }
      return changed
    },
  }
}

function drawRow(
  context: SKRSContext2D,
  area: Rectangle,
  line: Line,
  cursorColumn: number | undefined,
): void {
  context.clearRect(area.x, area.y, area.width, area.height)
  context.font = FONT
  context.textBaseline = 'middle'
  const middle = area.y + ROW_HEIGHT / 2
  let column = 0
  for (const { text, tone } of line) {
    context.fillStyle = COLOURS[tone]
    context.fillText(text, PADDING + column * CHARACTER_WIDTH, middle)
    column += text.length
  }
  if (cursorColumn === undefined) return
  const x = PADDING + cursorColumn * CHARACTER_WIDTH
  const character = line.map(({ text }) => text).join('')[cursorColumn] ?? ' '
  context.fillStyle = CURSOR_COLOUR
  context.fillRect(x, area.y + 1, CHARACTER_WIDTH, ROW_HEIGHT - 2)
  context.fillStyle = UNDER_CURSOR_COLOUR
  context.fillText(character, x, middle)
}
