// A real X desktop: TigerVNC's X server with a window manager and a terminal, as far as this machine has them. The VNC
// side is a Unix socket in a private directory, which also contains HOME and the X authority and is removed with the desktop.

import { copyFile, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findOnPath } from './x/find-on-path.ts'
import { startPageServer } from './page-server.ts'
import type { Credentials } from './page-server.ts'
import { createProcessGroups } from './x/process-groups.ts'
import { bridgeTo } from './websocket-bridge.ts'
import { createXAuthority } from './x/authority.ts'
import { commandLine } from './x/command-line.ts'
import { startXServer } from './x/server.ts'
import { startXSession } from './x/session.ts'

const FONTS = fileURLToPath(
  new URL('.', import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf')),
)

const BASHRC = `
PS1='\\[\\e[1;34m\\]\\u@ghostwire\\[\\e[0m\\]:\\[\\e[1;36m\\]\\w\\[\\e[0m\\]\\$ '
alias ls='ls --color=auto'
`

/** A theme of this name in HOME takes precedence over openbox's own. */
const OPENBOX_DEFAULT_THEME = 'Clearlooks'

export interface XDesktopOptions {
  readonly geometry?: string
  readonly credentials?: Credentials
}

export interface XDesktop {
  /** The page; its WebSocket is at `/websockify`. */
  readonly url: URL
  /** The value for `DISPLAY`. */
  readonly display: string
  /** The value for `XAUTHORITY`; other clients cannot connect without it. */
  readonly xauthority: string
  stop(): Promise<void>
}

/** The X server that `startXDesktop` would use. */
export function findXServer(): string | undefined {
  return findOnPath('Xtigervnc', 'Xvnc')
}

/** Rejects, after cleaning up, if there is no X server or it does not start. */
export async function startXDesktop(options: XDesktopOptions = {}): Promise<XDesktop> {
  const { geometry = '1280x800', credentials } = options
  const command = findXServer()
  if (command === undefined) throw new Error('neither Xtigervnc nor Xvnc is on the PATH')

  const directory = await mkdtemp(join(tmpdir(), 'ghostwire-demo-'))
  const groups = createProcessGroups(directory)
  try {
    const env = await furnish(directory)
    const vncSocket = join(directory, 'vnc.sock')
    const args = commandLine({
      rfbunixpath: vncSocket,
      rfbport: '-1',
      SecurityTypes: 'None',
      desktop: 'Demo desktop',
      geometry,
      depth: '24',
      nolisten: 'tcp',
      auth: env.XAUTHORITY,
    })
    const display = await startXServer(groups, command, args, env)
    await startXSession(groups, { ...env, DISPLAY: display })
    const page = await startPageServer({ onViewer: bridgeTo(vncSocket), credentials })
    return {
      url: page.url,
      display,
      xauthority: env.XAUTHORITY,
      async stop() {
        await Promise.all([page.stop(), groups.stop()])
      },
    }
  } catch (error) {
    await groups.stop()
    throw error
  }
}

/** Makes `directory` a home, and returns the environment of everything that runs on the desktop. */
async function furnish(directory: string): Promise<NodeJS.ProcessEnv & { XAUTHORITY: string }> {
  const shared = join(directory, '.local', 'share')
  await mkdir(shared, { recursive: true })
  await symlink(FONTS, join(shared, 'fonts'))
  const XAUTHORITY = join(directory, '.Xauthority')
  await writeFile(XAUTHORITY, createXAuthority(), { mode: 0o600 })
  await writeFile(join(directory, '.bashrc'), BASHRC)
  const theme = join(directory, '.themes', OPENBOX_DEFAULT_THEME, 'openbox-3')
  await mkdir(theme, { recursive: true })
  await copyFile(new URL('x/openbox.themerc', import.meta.url), join(theme, 'themerc'))
  const { PATH, USER, LOGNAME, LANG = 'C.UTF-8' } = process.env
  const SHELL = findOnPath('bash') ?? '/bin/sh'
  return { PATH, USER, LOGNAME, LANG, SHELL, HOME: directory, XAUTHORITY }
}
