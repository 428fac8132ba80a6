// The desktop for a machine without an X server: painted in this process and served by our own RFB server. Nothing is
// painted while there are no viewers.

import { createFramebuffer } from './rfb/framebuffer.ts'
import { createRfbServer } from './rfb-server.ts'
import { createClockFace } from './painted/clock-face.ts'
import { registerFonts } from './painted/fonts.ts'
import { pointerShape } from './painted/pointer-shape.ts'
import { createScene } from './painted/scene.ts'
import { runCommand } from './painted/terminal-commands.ts'
import type { Line } from './painted/terminal-commands.ts'
import { createTerminalView } from './painted/terminal-view.ts'
import { createTerminal } from './painted/terminal.ts'
import { createWavePlot } from './painted/wave-plot.ts'
import { startPageServer } from './page-server.ts'
import type { Credentials } from './page-server.ts'

const WIDTH = 1280
const HEIGHT = 800
/** The interval of animations. */
const TICK_MS = 80
/** The interval of updates that follow input. */
const FRAME_MS = 16

const GREETING: readonly Line[] = [
  [{ text: 'Welcome to the painted desktop.', tone: 'accent' }],
  [{ text: 'Type help for what it knows, or cat readme.txt.', tone: 'plain' }],
  [],
]

export interface PaintedDesktop {
  /** The page; its WebSocket is at `/websockify`. */
  readonly url: URL
  stop(): Promise<void>
}

/** 1280 by 800, the same desktop for every viewer. */
export async function startPaintedDesktop(
  options: { readonly credentials?: Credentials } = {},
): Promise<PaintedDesktop> {
  registerFonts()
  const startedAt = new Date()
  const terminal = createTerminal(GREETING, (line) =>
    runCommand(line, { now: new Date(), startedAt }),
  )
  const scene = createScene(WIDTH, HEIGHT, [
    { content: createClockFace(), x: 972, y: 72 },
    { content: createWavePlot(), x: 540, y: 492 },
    { content: createTerminalView(terminal), x: 72, y: 96 },
  ])
  const framebuffer = createFramebuffer(WIDTH, HEIGHT)

  let renderedAt = 0
  let followUp: NodeJS.Timeout | undefined
  const render = (): void => {
    clearTimeout(followUp)
    followUp = undefined
    renderedAt = performance.now()
    for (const { area, pixels } of scene.render(Date.now())) {
      framebuffer.write(area, pixels)
      server.damage(area)
    }
  }
  /** Combines many pointer events into one picture. */
  const renderSoon = (): void => {
    followUp ??= setTimeout(render, Math.max(0, renderedAt + FRAME_MS - performance.now()))
  }

  const server = createRfbServer({
    name: 'Demo desktop',
    framebuffer,
    cursor: pointerShape(),
    input: {
      onPointer(x, y, buttons) {
        scene.onPointer(x, y, buttons)
        renderSoon()
      },
      onKey(keysym, isDown) {
        scene.onKey(keysym, isDown)
        renderSoon()
      },
      onCutText: scene.onCutText,
    },
  })
  render()
  const ticks = setInterval(() => {
    if (server.viewers > 0) render()
  }, TICK_MS)
  const page = await startPageServer({ onViewer: (socket) => server.add(socket), ...options })
  return {
    url: page.url,
    async stop() {
      clearInterval(ticks)
      clearTimeout(followUp)
      await page.stop()
    },
  }
}
