// The desktops of the demo, with real sockets and processes.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { startPaintedDesktop, type PaintedDesktop } from '../../demo/painted-desktop.ts'
import { startXDesktop, type XDesktop } from '../../demo/x-desktop.ts'
import { createProcessGroups } from '../../demo/x/process-groups.ts'
import { connectRfb } from '../unit/demo/rfb-client.ts'

const run = promisify(execFile)
const ZLIB = 6

const websockify = ({ url }: { url: URL }): string => `ws://${url.host}/websockify`

/** The processes of the desktop in `directory` (Linux). Each has the path in its environment. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${directory}\0`)
    } catch {
      return false
    }
  })
}

describe('the X desktop', () => {
  let desktop: XDesktop | undefined
  afterEach(() => desktop?.stop())

  it('answers through the bridge and shows changes of the X display', async () => {
    desktop = await startXDesktop({ geometry: '1200x900' })
    const client = await connectRfb(websockify(desktop))
    const { width, height, name } = await client.shakeHands()
    expect({ width, height }).toEqual({ width: 1200, height: 900 })
    expect(name).toContain('Demo desktop')
    client.setEncodings()
    client.request(false)
    await client.update()

    const env = { ...process.env, DISPLAY: desktop.display, XAUTHORITY: desktop.xauthority }
    // An area without a window.
    client.request(true, { x: 1160, y: 860, width: 40, height: 40 })
    await run('xsetroot', ['-solid', '#ff0000'], { env })
    const pixels = (await client.update()).flatMap(({ data }) => [...data.subarray(0, 3)])
    // The server's initial pixel format is blue, green, red.
    expect(pixels.slice(0, 3)).toEqual([0, 0, 255])
  })

  it('refuses programs without its X cookie', async () => {
    desktop = await startXDesktop()
    const env = { ...process.env, DISPLAY: desktop.display, XAUTHORITY: '/dev/null' }
    await expect(run('xprop', ['-root'], { env })).rejects.toThrow(/authorization/i)
  })

  it('can run several times, each with its own display', async () => {
    const [one, two] = await Promise.all([startXDesktop(), startXDesktop()])
    expect(one.display).not.toBe(two.display)
    await Promise.all([one.stop(), two.stop()])
  })

  it('leaves no process and no file when it stops, and disconnects its viewers', async () => {
    desktop = await startXDesktop()
    const home = dirname(desktop.xauthority)
    expect(processesOf(home).length).toBeGreaterThanOrEqual(3)
    const client = await connectRfb(websockify(desktop))
    const closed = once(client.socket, 'close')
    await desktop.stop()
    await closed
    await expect.poll(() => processesOf(home), { timeout: 3_000 }).toEqual([])
    expect(existsSync(home)).toBe(false)
  })
})

describe('process groups', () => {
  it('end with their parent process, even when it is killed', async () => {
    const program = `
      const { createProcessGroups } = await import('./demo/x/process-groups.ts')
      const directory = process.argv[1]
      const groups = createProcessGroups(directory)
      const env = { PATH: process.env.PATH, HOME: directory }
      // A group of three processes. One of them ignores SIGTERM.
      const script = 'sleep 60 & (trap "" TERM; while :; do sleep 1; done) & wait'
      groups.start('/bin/sh', ['-c', script], { env }).on('spawn', () => setTimeout(() => console.log('up'), 200))
    `
    const directory = mkdtempSync(join(tmpdir(), 'ghostwire-test-'))
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(createInterface(parent.stdout), 'line')
    expect(processesOf(directory).length).toBeGreaterThanOrEqual(3)
    parent.kill('SIGKILL')
    await expect.poll(() => processesOf(directory), { timeout: 5_000 }).toEqual([])
    await expect.poll(() => existsSync(directory)).toBe(false)
  })

  it('end when stopped, and their directory is removed with its content', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ghostwire-test-'))
    const groups = createProcessGroups(directory)
    const env = { PATH: process.env['PATH'], HOME: directory }
    const child = groups.start('/bin/sh', ['-c', 'touch file; sleep 60'], { env })
    const ended = once(child, 'exit')
    await groups.stop()
    expect((await ended)[1]).toBe('SIGTERM')
    expect(existsSync(directory)).toBe(false)
  })
})

describe('the painted desktop', () => {
  let desktop: PaintedDesktop
  afterEach(() => desktop.stop())

  it('paints, has moving content and reacts to keys', async () => {
    desktop = await startPaintedDesktop()
    const client = await connectRfb(websockify(desktop))
    const { width, height, name } = await client.shakeHands()
    expect({ width, height, name }).toEqual({ width: 1280, height: 800, name: 'Demo desktop' })
    client.setEncodings(ZLIB)
    client.request(false)
    const [all] = await client.update()
    expect(all).toMatchObject({ x: 0, y: 0, width: 1280, height: 800 })
    expect(new Set(all?.data).size).toBeGreaterThan(100)

    // The waves are animated.
    client.request(true)
    expect((await client.update()).length).toBeGreaterThan(0)

    // After a key, the terminal's tile is among the changes.
    client.send(Buffer.from('0401000000000061', 'hex'))
    const isTerminal = ({ x, y }: { x: number; y: number }): boolean => x < 512 && y < 256
    await expect
      .poll(async () => {
        client.request(true)
        return (await client.update()).some(isTerminal)
      })
      .toBe(true)
  })

  it('asks for a password when one is set', async () => {
    desktop = await startPaintedDesktop({
      credentials: { username: 'gateway', password: 'secret' },
    })
    await expect(connectRfb(websockify(desktop))).rejects.toThrow('401')
  })
})
