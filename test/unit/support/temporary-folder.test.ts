// What the bench and the tests make in the temporary folder is gone when they are, however they end.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

let temporary: string
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'ghostwire-left-behind-'))
})
afterEach(() => rmSync(temporary, { recursive: true }))

/** A process without redis-server on its PATH, whose temporary folder is our own. */
const run = (program: string) => {
  const env = { PATH: '/nowhere', TMPDIR: temporary }
  const words = ['--input-type=module-typescript', '--eval', program]
  return spawnSync(process.execPath, words, { env, encoding: 'utf8' })
}
const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)

it('a Redis that does not start leaves no folder behind', () => {
  const { stderr, status } = run(
    `const { startRedis } = await import(${url('../../support/redis-server.ts')}); await startRedis()`,
  )
  expect(stderr).toContain('redis-server is missing')
  expect(status).toBe(1)
  expect(readdirSync(temporary)).toEqual([])
})

it.each([
  ['removes it', 'a.remove()', 0],
  ['throws', 'throw new Error("on purpose")', 1],
  ['exits', 'process.exit(2)', 2],
])('a process that makes two folders and %s leaves none behind', (_how, end, code) => {
  const { status } = run(
    `import { readdirSync } from 'node:fs'
     const { makeTemporaryFolder } = await import(${url('../../support/temporary-folder.ts')})
     const [a, b] = [makeTemporaryFolder('a'), makeTemporaryFolder('b')]
     if (readdirSync(${JSON.stringify(temporary)}).length !== 2) process.exit(9)
     ${end}`,
  )
  expect(status).toBe(code)
  expect(readdirSync(temporary)).toEqual([])
})
