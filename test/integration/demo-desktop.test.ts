// The demo's desktops over real sockets, with real processes.

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

/** What of the desktop in `directory` runs (Linux): each was given its path. */
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

  it('greets through the bridge and shows what happens on the X side', async () => {
    desktop = await startXDesktop({ geometry: '1200x900' })
    const client = await connectRfb(websockify(desktop))
    const { width, height, name } = await client.shakeHands()
    expect({ width, height }).toEqual({ width: 1200, height: 900 })
    expect(name).toContain('Demo desktop')
    client.setEncodings()
    client.request(false)
    await client.update()

    const env = { ...process.env, DISPLAY: desktop.display, XAUTHORITY: desktop.xauthority }
    // Where no window is.
    client.request(true, { x: 1160, y: 860, width: 40, height: 40 })
    await run('xsetroot', ['-solid', '#ff0000'], { env })
    const pixels = (await client.update()).flatMap(({ data }) => [...data.subarray(0, 3)])
    // Blue, green, red: the order the server starts with.
    expect(pixels.slice(0, 3)).toEqual([0, 0, 255])
  })

  it('is closed to whoever does not have its cookie', async () => {
    desktop = await startXDesktop()
    const env = { ...process.env, DISPLAY: desktop.display, XAUTHORITY: '/dev/null' }
    await expect(run('xprop', ['-root'], { env })).rejects.toThrow(/authorization/i)
  })

  it('is there more than once, each on a display of its own', async () => {
    const [one, two] = await Promise.all([startXDesktop(), startXDesktop()])
    expect(one.display).not.toBe(two.display)
    await Promise.all([one.stop(), two.stop()])
  })

  it('leaves no process and no file when it stops, and ends its viewers', async () => {
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
  it('end with the process that made them, however that ends', async () => {
    const program = `
      const { createProcessGroups } = await import('./demo/x/process-groups.ts')
      const directory = process.argv[1]
      const groups = createProcessGroups(directory)
      const env = { PATH: process.env.PATH, HOME: directory }
      // A group of three, one of which has to be told twice.
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

  it('end when they are told, with what their programs left in the directory', async () => {
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

  it('paints, moves by itself and answers what is typed', async () => {
    desktop = await startPaintedDesktop()
    const client = await connectRfb(websockify(desktop))
    const { width, height, name } = await client.shakeHands()
    expect({ width, height, name }).toEqual({ width: 1280, height: 800, name: 'Demo desktop' })
    client.setEncodings(ZLIB)
    client.request(false)
    const [all] = await client.update()
    expect(all).toMatchObject({ x: 0, y: 0, width: 1280, height: 800 })
    expect(new Set(all?.data).size).toBeGreaterThan(100)

    // The waves.
    client.request(true)
    expect((await client.update()).length).toBeGreaterThan(0)

    // A key, and the terminal's tile is among what changes.
    client.send(Buffer.from('0401000000000061', 'hex'))
    const isTerminal = ({ x, y }: { x: number; y: number }): boolean => x < 512 && y < 256
    await expect
      .poll(async () => {
        client.request(true)
        return (await client.update()).some(isTerminal)
      })
      .toBe(true)
  })

  it('has a password when it is given one', async () => {
    desktop = await startPaintedDesktop({
      credentials: { username: 'gateway', password: 'secret' },
    })
    await expect(connectRfb(websockify(desktop))).rejects.toThrow('401')
  })
})
