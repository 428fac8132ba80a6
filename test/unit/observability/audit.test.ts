import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { createAudit } from '../../../src/observability/audit.ts'

it('a file that failed is opened again after a delay, and each failure is reported', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-audit-'))
  const file = join(folder, 'later', 'audit.log')
  const failed: string[] = []
  let time = 0
  const audit = createAudit(
    new PassThrough().resume(),
    file,
    () => time,
    (error) => failed.push(error.message),
  )
  try {
    await expect.poll(() => failed).toHaveLength(1)
    mkdirSync(join(folder, 'later'))
    audit.write({ event: 'login', sub: 'too soon' })
    time += 10_000
    audit.write({ event: 'login', sub: 'alice' })
    await audit.close()
    expect(readFileSync(file, 'utf8')).toMatch(/^\n\{[^\n]*"sub":"alice"\}\n$/)
    expect(failed).toHaveLength(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('a file that failed is opened again even when the clock is set back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ghostwire-audit-'))
  const file = join(folder, 'later', 'audit.log')
  const failed: Error[] = []
  let time = 3_600_000
  const audit = createAudit(
    new PassThrough().resume(),
    file,
    () => time,
    (error) => failed.push(error),
  )
  try {
    await expect.poll(() => failed).toHaveLength(1)
    mkdirSync(join(folder, 'later'))
    time = 0
    audit.write({ event: 'login', sub: 'alice' })
    await audit.close()
    expect(readFileSync(file, 'utf8')).toContain('"sub":"alice"')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
