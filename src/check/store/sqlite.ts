// Checks a SQLite store: who owns the file and who can read it, and whether it can be written.

import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { openSqliteFile } from '../../session/sqlite-file.ts'
import type { Findings } from '../finding.ts'

export function checkSqlite(path: string, findings: Findings): void {
  const file = resolve(path)
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined) {
    // Made by whoever runs the check, it might not be the gateway's to write.
    findings.skip(
      'write',
      `${file} does not exist yet. The gateway makes it, and its folder can be written.`,
    )
    return
  }
  const mode = (found.mode & 0o777).toString(8).padStart(3, '0')
  if ((found.mode & 0o077) === 0)
    findings.ok('mode', `Only its owner can read ${file} (mode ${mode}).`)
  else {
    findings.warn(
      'mode',
      `Others can read or write ${file} (mode ${mode}; expected 600). The gateway corrects that at its start; keep copies of the file private too.`,
    )
  }
  const user = process.getuid?.()
  if (user !== undefined && found.uid !== user) {
    findings.skip(
      'write',
      `${file} belongs to the user ${found.uid}, and this check runs as the user ${user}. Run it as the user of the gateway.`,
    )
    return
  }
  write(file, findings)
}

function write(file: string, findings: Findings): void {
  let database
  try {
    database = openSqliteFile(file)
    const key = ['check', randomUUID()]
    database
      .prepare('INSERT INTO mark (gateway, key, value, until) VALUES (?, ?, ?, ?)')
      .run(...key, 'check', Date.now())
    const found = database
      .prepare('SELECT value FROM mark WHERE gateway = ? AND key = ?')
      .get(...key)
    database.prepare('DELETE FROM mark WHERE gateway = ? AND key = ?').run(...key)
    if (found?.['value'] === 'check') {
      findings.ok('write', `A key was written to ${file}, read, and deleted.`)
    } else findings.fail('write', `A key written to ${file} was not read back.`)
  } catch (error) {
    if (isInUse(error)) {
      findings.skip(
        'write',
        `${file} is in use by another process, as it is while the gateway runs. Stop the gateway to check more.`,
      )
    } else findings.fail('write', `${(error as Error).message}.`)
  } finally {
    database?.close()
  }
}

/** SQLITE_BUSY (https://www.sqlite.org/rescode.html). */
const BUSY = 5

function isInUse(error: unknown): boolean {
  const { errcode } = ((error as Error).cause ?? {}) as { errcode?: number }
  return errcode !== undefined && (errcode & 0xff) === BUSY
}
