import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSessionStore } from '../../src/session/open-session-store.ts'
import { until } from '../support/until.ts'

const WRITER = fileURLToPath(new URL('../support/session-writer.ts', import.meta.url))

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ghostwire-crash-'))
  file = join(folder, 'sessions.db')
})
const writers: Writer[] = []
afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.kill()
  rmSync(folder, { recursive: true })
})

interface Writer {
  readonly child: ChildProcess
  /** The last acknowledged generation of each session. */
  readonly acknowledged: Map<string, number>
  kill(): Promise<void>
}

function startWriter(name: string): Writer {
  const child = spawn(process.execPath, [WRITER, `sqlite:${file}`, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged = new Map<string, number>()
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [id = '', generation] = line.split(' ')
      if (generation !== undefined) acknowledged.set(id, Number(generation))
    }
  })
  const writer: Writer = {
    child,
    acknowledged,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
  }
  writers.push(writer)
  return writer
}

describe('a gateway killed at any point', { timeout: 60_000 }, () => {
  it('has kept every session and every end that it acknowledged, in an intact file', async () => {
    const acknowledged = new Map<string, number>()
    for (let round = 0; round < 8; round += 1) {
      const writer = startWriter(`round-${round}`)
      // Half of them are killed while they open the file or soon after, the others while they write.
      await once(writer.child.stdout ?? writer.child, 'data')
      await sleep(Math.random() * (round % 2 === 0 ? 15 : 150))
      await writer.kill()
      for (const [id, generation] of writer.acknowledged) acknowledged.set(id, generation)

      const store = await openSessionStore(`sqlite:${file}`)
      const ids = [...acknowledged.keys()]
      const records = await store.read(ids)
      const lost = ids.filter(
        (id, n) => (records[n]?.generation ?? 0) < (acknowledged.get(id) ?? 0),
      )
      expect(lost).toEqual([])
      for (const [n, record] of records.entries()) {
        // A write is complete, or missing.
        const { generation = 0, envelope, vault, indexes = [] } = record ?? {}
        expect(envelope).toBe(`envelope ${generation}`.repeat(100))
        expect(vault === undefined).toBe(generation === 3)
        const [name] = /^round-\d+/.exec(ids[n] ?? '') ?? []
        expect([...indexes].sort()).toEqual([name, `${name} ${generation}`])
      }
      await store.close()
      const database = new DatabaseSync(file)
      expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
      database.close()
    }
    expect(acknowledged.size).toBeGreaterThan(10)
  })
})

describe('a file that another process has open', { timeout: 60_000 }, () => {
  it('is refused with an error that names it, and can be opened once that process is gone, even if it was killed', async () => {
    const writer = startWriter('other')
    await until(() => writer.acknowledged.size > 0)
    await expect(openSessionStore(`sqlite:${file}`)).rejects.toMatchObject({
      code: 'settings-invalid',
      message: expect.stringContaining(`${file} is in use by another process`) as string,
    })
    // The refusal does not affect the process that has the file.
    const before = writer.acknowledged.size
    await until(() => writer.acknowledged.size > before)
    await expect(openSessionStore(`sqlite:${file}`)).rejects.toThrow('in use by another process')
    await writer.kill()
    const store = await openSessionStore(`sqlite:${file}`)
    expect(await store.find('other')).not.toEqual([])
    await store.close()
  })
})
