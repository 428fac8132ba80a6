// Opens the file of the SQLite store for one process. Refuses files that are in use, damaged, or of another kind or version, and
// says why.

import { chmodSync, closeSync, openSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { codeOf, GatewayError } from '../lib/errors.ts'

/** "GwSs": what the file says it is (https://www.sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x47_77_53_73
const VERSION = 2

const SCHEMA = `
  CREATE TABLE session (
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    vault TEXT,
    active_until INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (gateway, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX session_active ON session (gateway, active_until);
  CREATE INDEX session_keep ON session (keep_until);
  CREATE TABLE session_index (
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (gateway, id, hash),
    FOREIGN KEY (gateway, id) REFERENCES session ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX session_index_hash ON session_index (gateway, hash);
  CREATE TABLE ended (
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (gateway, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE mark (
    gateway TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (gateway, key)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};
`

/** Rejects with `settings-invalid` and a sentence that names the file. */
export function openSqliteFile(path: string): DatabaseSync {
  const file = resolve(path)
  let database: DatabaseSync | undefined
  try {
    makePrivate(file)
    database = new DatabaseSync(file)
    takeAlone(database)
    checkSound(database)
    prepareSchema(database)
    return database
  } catch (error) {
    database?.close()
    const words = error instanceof Refusal ? error.message : inWords(error)
    throw new GatewayError('settings-invalid', `session.store: ${file} ${words}`, { cause: error })
  }
}

class Refusal extends Error {}

// Opens only a new file: closing any descriptor of a file drops all locks that this process has on it (POSIX).
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  const found = statSync(file)
  if (!found.isFile()) throw new Refusal('is not a file')
  // SQLite creates its auxiliary files with the mode of this file.
  if ((found.mode & 0o077) !== 0) chmodSync(file, 0o600)
}

function takeAlone(database: DatabaseSync): void {
  // The mode comes before the first access, so that the write-ahead log needs no shared memory; the empty transaction
  // takes the lock, which the system releases when this process ends. With FULL, a commit is on the disk before it is
  // confirmed: an ended session stays ended after a power cut. Sessions are written rarely, so this costs little.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA trusted_schema = OFF;
    BEGIN EXCLUSIVE;
    COMMIT;
  `)
}

function checkSound(database: DatabaseSync): void {
  const [answer] = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})
  if (answer !== 'ok') throw new Refusal(DAMAGED)
}

function prepareSchema(database: DatabaseSync): void {
  const read = (pragma: string): unknown =>
    Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count']
  if (tables === 0) {
    // In one transaction, version included: a crash leaves an empty file or a whole one.
    database.exec(`BEGIN EXCLUSIVE; ${SCHEMA} COMMIT;`)
    return
  }
  if (read('application_id') !== APPLICATION_ID) {
    throw new Refusal("is another program's database; name a file of the gateway's own")
  }
  const version = read('user_version')
  if (version === 1) {
    // Version 0.1 sealed its records in a way that no longer opens.
    database.exec(
      `BEGIN EXCLUSIVE; DROP TABLE session_index; DROP TABLE session; DROP TABLE mark; ${SCHEMA} COMMIT;`,
    )
  } else if (version !== VERSION) {
    throw new Refusal(
      'was written by another version of the gateway; use that version, or move the file away to start anew',
    )
  }
}

const DAMAGED = 'is damaged; move it away to start without sessions, or restore it'

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html) and the system's. */
function inWords(error: unknown): string {
  const result = (error as { errcode?: number }).errcode
  const words: Readonly<Record<string, string>> = {
    5: 'is in use by another process: one gateway has it for itself; several need a Redis store',
    8: 'cannot be written',
    10: 'cannot be read or written (I/O error)',
    11: DAMAGED,
    13: 'cannot be written: the disk is full',
    14: 'cannot be opened, or its folder cannot be written to',
    26: 'is not a session database; name another file',
    ENOENT: 'cannot be made: there is no such folder',
    ENOTDIR: 'cannot be made: there is no such folder',
    EACCES: 'cannot be made: permission denied',
    EPERM: 'cannot be made private to the gateway: it belongs to another user',
    EROFS: 'cannot be made: the file system is read-only',
    ENOSPC: 'cannot be made: the disk is full',
  }
  const code = result === undefined ? codeOf(error) : String(result & 0xff)
  return words[code ?? ''] ?? `cannot be opened: ${(error as Error).message}`
}
