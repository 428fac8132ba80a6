// Sessions in one SQLite file (node:sqlite): one replica whose sessions outlive it. A call that was answered is on the
// disk. The statements block this process, but for microseconds, a write for one fsync.

import type { StatementSync } from 'node:sqlite'
import type { SessionRecord, SessionStore } from './session-store.ts'
import { createSingleProcess } from './single-process.ts'
import { openSqliteFile } from './sqlite-file.ts'
import type { StoreTrouble } from './store-failure.ts'

const SWEEP_EVERY_MS = 60_000

/** Throws a GatewayError `settings-invalid` that says in words why the file will not do. */
export function openSqliteStore(
  path: string,
  now: () => number,
  { attempt, tell }: StoreTrouble,
): SessionStore {
  const database = openSqliteFile(path)
  const prepare = (sql: string): StatementSync => database.prepare(sql)
  const statements = {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),
    read: prepare(`
      SELECT envelope, vault, generation, active_until AS activeUntil, keep_until AS keepUntil,
        (SELECT json_group_array(hash) FROM session_index WHERE id = session.id) AS indexes
      FROM session WHERE id = ? AND keep_until > ?`),
    create: prepare(`
      INSERT OR REPLACE INTO session (envelope, vault, generation, active_until, keep_until, id)
      VALUES (?, ?, ?, ?, ?, ?)`),
    replace: prepare(`
      UPDATE session SET envelope = ?, vault = ?, generation = ?, active_until = ?, keep_until = ?
      WHERE id = ? AND generation = ? AND keep_until > ?`),
    dropIndexes: prepare('DELETE FROM session_index WHERE id = ?'),
    addIndex: prepare('INSERT OR IGNORE INTO session_index (id, hash) VALUES (?, ?)'),
    find: prepare(`
      SELECT id FROM session_index JOIN session USING (id) WHERE hash = ? AND keep_until > ?`),
    list: prepare('SELECT id FROM session WHERE active_until > :now AND keep_until > :now'),
    dropMark: prepare('DELETE FROM mark WHERE key = ? AND until <= ?'),
    addMark: prepare('INSERT OR IGNORE INTO mark (key, value, until) VALUES (?, ?, ?)'),
    raiseMark: prepare(
      `INSERT INTO mark (key, value, until) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET until = excluded.until,
       value = iif(CAST(value AS REAL) > CAST(excluded.value AS REAL), value, excluded.value)`,
    ),
    recall: prepare('SELECT value FROM mark WHERE key = ? AND until > ?'),
    sweepSessions: prepare('DELETE FROM session WHERE keep_until <= ?'),
    sweepMarks: prepare('DELETE FROM mark WHERE until <= ?'),
  }
  const singleProcess = createSingleProcess(now)
  const sweeping = setInterval(() => {
    singleProcess.sweep()
    try {
      statements.sweepSessions.run(now())
      statements.sweepMarks.run(now())
    } catch (error) {
      tell(error)
    }
  }, SWEEP_EVERY_MS)
  sweeping.unref()

  function inTransaction<T>(work: () => T): T {
    statements.begin.run()
    try {
      const result = work()
      statements.commit.run()
      return result
    } catch (error) {
      // A full disk has rolled back by itself already.
      if (database.isTransaction) statements.rollback.run()
      throw error
    }
  }
  function setIndexes(id: string, indexes: readonly string[]): void {
    statements.dropIndexes.run(id)
    for (const index of indexes) statements.addIndex.run(id, index)
  }
  const list = (): string[] => idsOf(statements.list.all({ now: now() }))

  return {
    ...singleProcess,
    create: (id, record) =>
      attempt(() =>
        inTransaction(() => {
          statements.create.run(...columnsOf(record), id)
          setIndexes(id, record.indexes)
        }),
      ),
    read: (ids) => attempt(() => ids.map((id) => recordOf(statements.read.get(id, now())))),
    replace: (id, record, expectedGeneration) =>
      attempt(() =>
        inTransaction(() => {
          const columns = columnsOf(record)
          const { changes } = statements.replace.run(...columns, id, expectedGeneration, now())
          if (changes === 0) return false
          setIndexes(id, record.indexes)
          return true
        }),
      ),
    find: (index) => attempt(() => idsOf(statements.find.all(index, now()))),
    list: () => attempt(list),
    countActive: () => attempt(() => list().length),
    remember: (key, value, ms) =>
      attempt(() =>
        inTransaction(() => {
          statements.dropMark.run(key, now())
          return statements.addMark.run(key, value, now() + ms).changes === 1
        }),
      ),
    raise: (key, number, ms) =>
      attempt(() =>
        inTransaction(() => {
          statements.dropMark.run(key, now())
          statements.raiseMark.run(key, String(number), now() + ms)
        }),
      ),
    recall: (key) =>
      attempt(() => statements.recall.get(key, now())?.['value'] as string | undefined),
    async close() {
      clearInterval(sweeping)
      singleProcess.close()
      if (database.isOpen) database.close()
    },
  }
}

type Row = ReturnType<StatementSync['get']>

function columnsOf(record: SessionRecord): [string, string | null, number, number, number] {
  const { envelope, vault = null, generation, activeUntil, keepUntil } = record
  return [envelope, vault, generation, activeUntil, keepUntil]
}

function recordOf(row: Row): SessionRecord | undefined {
  if (row === undefined) return undefined
  const { vault, indexes, ...rest } = row as unknown as Omit<SessionRecord, 'vault' | 'indexes'> & {
    readonly vault: string | null
    readonly indexes: string
  }
  return { ...rest, vault: vault ?? undefined, indexes: JSON.parse(indexes) as string[] }
}

function idsOf(rows: readonly Row[]): string[] {
  return rows.map((row) => row?.['id'] as string)
}
