// The programs on the X desktop: openbox, a plain background and a terminal that restarts when it is closed.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { commandLine } from './command-line.ts'
import { findOnPath } from './find-on-path.ts'
import type { ProcessGroups } from './process-groups.ts'

const run = promisify(execFile)

const READY_TIMEOUT_MS = 5_000
const PACE_MS = 20
/** A terminal that ended sooner than this is broken, not closed. */
const MIN_TERMINAL_MS = 1_000

const BACKGROUND = '#33406b'
const XTERM_ARGS = commandLine({
  title: 'Terminal',
  geometry: '96x28+48+48',
  b: '10',
  bw: '0',
  fa: 'DejaVu Sans Mono',
  fs: '11',
  bg: '#161a27',
  fg: '#e4e8f5',
  cr: '#8c9bff',
  // The browser's paste arrives as clipboard text and the key that asked for it.
  xrm: '*VT100.translations: #override Ctrl <Key>V: insert-selection(CLIPBOARD)',
})

/** `env` names the display. Programs that this machine does not have are left out. */
export async function startXSession(groups: ProcessGroups, env: NodeJS.ProcessEnv): Promise<void> {
  const xsetroot = findOnPath('xsetroot')
  if (xsetroot !== undefined) await run(xsetroot, ['-solid', BACKGROUND], { env })

  const openbox = findOnPath('openbox')
  if (openbox !== undefined) await startWindowManager(groups, openbox, env)

  const xterm = findOnPath('xterm')
  if (xterm === undefined) return
  keepTerminal(groups, xterm, env)
  if (openbox !== undefined) await somethingHasFocus(env)
}

/**
 * Resolves when the window manager accepts windows: an xterm that starts earlier waits five seconds for it. It owns the screen
 * a little before that, so we wait until it runs its start-up command.
 */
async function startWindowManager(
  groups: ProcessGroups,
  openbox: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const manager = groups.start(openbox, ['--startup', 'echo ready'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS)
  await Promise.race([
    once(manager.stdout as Readable, 'data', { signal }),
    once(manager, 'exit', { signal }),
  ])
  // Programs that are started from its menu write there too.
  manager.stdout?.resume()
}

/** Waits for the terminal to have the focus, because earlier keys are lost. Without xprop it does not wait. */
async function somethingHasFocus(env: NodeJS.ProcessEnv): Promise<void> {
  const xprop = findOnPath('xprop')
  if (xprop === undefined) return
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (Date.now() < deadline) {
    const { stdout } = await run(xprop, ['-root', '_NET_ACTIVE_WINDOW'], { env })
    if (/# 0x[1-9a-f]/.test(stdout)) return
    await sleep(PACE_MS)
  }
}

function keepTerminal(groups: ProcessGroups, xterm: string, env: NodeJS.ProcessEnv): void {
  const startedAt = Date.now()
  groups.start(xterm, XTERM_ARGS, { env }).on('exit', () => {
    if (Date.now() - startedAt > MIN_TERMINAL_MS) keepTerminal(groups, xterm, env)
  })
}
