// Sessions in one SQLite file (node:sqlite), for one replica; they survive a restart. An answered write is on the disk. The
// statements block the process for microseconds, and writes for one fsync.

import type { StatementSync } from 'node:sqlite'
import type { SessionRecord, SessionStore } from './session-store.ts'
import { createSingleProcess, isNewer } from './single-process.ts'
import { openSqliteFile } from './sqlite-file.ts'
import type { StoreTrouble } from './store-failure.ts'

const SWEEP_EVERY_MS = 60_000

export interface SqliteStoreOptions {
  /** Part of every row: the file may have belonged to another gateway before. */
  readonly gatewayId: string
  readonly now: () => number
  readonly trouble: StoreTrouble
}

/** Throws a GatewayError `settings-invalid` that says why the file cannot be used. */
export function openSqliteStore(
  path: string,
  { gatewayId: gateway, now, trouble: { attempt, tell } }: SqliteStoreOptions,
): SessionStore {
  const database = openSqliteFile(path)
  const prepare = (sql: string): StatementSync => database.prepare(sql)
  const statements = {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),
    read: prepare(`
      SELECT envelope, vault, generation, active_until AS activeUntil, keep_until AS keepUntil,
        (SELECT json_group_array(hash) FROM session_index
         WHERE gateway = session.gateway AND id = session.id) AS indexes
      FROM session WHERE gateway = ? AND id = ? AND keep_until > ?`),
    create: prepare(`
      INSERT OR REPLACE INTO session (envelope, vault, generation, active_until, keep_until, gateway, id)
      VALUES (?, ?, ?, ?, ?, ?, ?)`),
    replace: prepare(`
      UPDATE session SET envelope = ?, vault = ?, generation = ?, active_until = ?, keep_until = ?
      WHERE gateway = ? AND id = ? AND generation = ? AND keep_until > ?`),
    dropIndexes: prepare('DELETE FROM session_index WHERE gateway = ? AND id = ?'),
    addIndex: prepare('INSERT OR IGNORE INTO session_index (gateway, id, hash) VALUES (?, ?, ?)'),
    find: prepare(`
      SELECT id FROM session_index JOIN session USING (gateway, id)
      WHERE gateway = ? AND hash = ? AND keep_until > ?`),
    list: prepare(
      'SELECT id FROM session WHERE gateway = :gateway AND active_until > :now AND keep_until > :now',
    ),
    readEnded: prepare('SELECT 1 FROM ended WHERE gateway = ? AND id = ? AND until > ?'),
    setEnded: prepare('INSERT OR REPLACE INTO ended (gateway, id, until) VALUES (?, ?, ?)'),
    dropMark: prepare('DELETE FROM mark WHERE gateway = ? AND key = ? AND until <= ?'),
    raiseMark: prepare(
      `INSERT INTO mark (gateway, key, value, until) VALUES (?, ?, ?, ?)
       ON CONFLICT (gateway, key) DO UPDATE SET until = excluded.until,
       value = iif(CAST(value AS REAL) > CAST(excluded.value AS REAL), value, excluded.value)`,
    ),
    recall: prepare('SELECT value FROM mark WHERE gateway = ? AND key = ? AND until > ?'),
    sweepSessions: prepare('DELETE FROM session WHERE keep_until <= ?'),
    sweepEnded: prepare('DELETE FROM ended WHERE until <= ?'),
    sweepMarks: prepare('DELETE FROM mark WHERE until <= ?'),
  }
  const singleProcess = createSingleProcess(now)
  const sweeping = setInterval(() => {
    singleProcess.sweep()
    try {
      statements.sweepSessions.run(now())
      statements.sweepEnded.run(now())
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
      // When the disk is full, SQLite has rolled back already.
      if (database.isTransaction) statements.rollback.run()
      throw error
    }
  }
  function setIndexes(id: string, indexes: readonly string[]): void {
    statements.dropIndexes.run(gateway, id)
    for (const index of indexes) statements.addIndex.run(gateway, id, index)
  }
  const hasEnded = (id: string): boolean =>
    statements.readEnded.get(gateway, id, now()) !== undefined
  function read(id: string): SessionRecord | undefined {
    const record = recordOf(statements.read.get(gateway, id, now()))
    return record !== undefined && record.activeUntil !== 0 && hasEnded(id) ? undefined : record
  }
  function noteEnd(id: string, { activeUntil, keepUntil }: SessionRecord): void {
    if (activeUntil !== 0) return
    const before = recordOf(statements.read.get(gateway, id, now()))
    statements.setEnded.run(gateway, id, Math.max(keepUntil, before?.activeUntil ?? 0))
  }
  function put(id: string, record: SessionRecord): void {
    noteEnd(id, record)
    statements.create.run(...columnsOf(record), gateway, id)
    setIndexes(id, record.indexes)
  }
  const list = (): string[] => idsOf(statements.list.all({ gateway, now: now() }))

  return {
    ...singleProcess,
    create: (id, record) => attempt(() => inTransaction(() => put(id, record))),
    read: (ids) => attempt(() => ids.map(read)),
    replace: (id, record, expectedGeneration) =>
      attempt(() =>
        inTransaction(() => {
          if (read(id)?.generation !== expectedGeneration) return false
          noteEnd(id, record)
          statements.replace.run(...columnsOf(record), gateway, id, expectedGeneration, now())
          setIndexes(id, record.indexes)
          return true
        }),
      ),
    restore: (id, record) =>
      attempt(() =>
        inTransaction(() => {
          if (record.activeUntil !== 0 && hasEnded(id)) return false
          if (!isNewer(record, read(id))) return false
          put(id, record)
          return true
        }),
      ),
    find: (index) => attempt(() => idsOf(statements.find.all(gateway, index, now()))),
    list: () => attempt(list),
    countActive: () => attempt(() => list().length),
    raise: (key, number, ms) =>
      attempt(() =>
        inTransaction(() => {
          statements.dropMark.run(gateway, key, now())
          statements.raiseMark.run(gateway, key, String(number), now() + ms)
        }),
      ),
    recall: (key) =>
      attempt(() => statements.recall.get(gateway, key, now())?.['value'] as string | undefined),
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
