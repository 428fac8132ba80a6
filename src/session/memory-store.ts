// Sessions in the memory of this process, for one replica. They are lost when it stops.

import type { SessionRecord, SessionStore } from './session-store.ts'
import { createSingleProcess, isNewer } from './single-process.ts'

const SWEEP_EVERY_MS = 60_000

export function createMemoryStore(now: () => number): SessionStore {
  const records = new Map<string, SessionRecord>()
  /** Until when a session that has ended can not be brought back. */
  const ended = new Map<string, number>()
  const marks = new Map<string, { readonly value: string; readonly until: number }>()
  const singleProcess = createSingleProcess(now)
  const sweeping = setInterval(() => {
    for (const [id, { keepUntil }] of records) if (keepUntil <= now()) records.delete(id)
    for (const [id, until] of ended) if (until <= now()) ended.delete(id)
    for (const [key, { until }] of marks) if (until <= now()) marks.delete(key)
    singleProcess.sweep()
  }, SWEEP_EVERY_MS)
  sweeping.unref()

  function kept(id: string): SessionRecord | undefined {
    const record = records.get(id)
    if (record === undefined || record.keepUntil <= now()) return undefined
    return hasEnded(id) && record.activeUntil !== 0 ? undefined : record
  }
  function hasEnded(id: string): boolean {
    return (ended.get(id) ?? 0) > now()
  }
  function put(id: string, record: SessionRecord): void {
    const activeBefore = records.get(id)?.activeUntil ?? 0
    if (record.activeUntil === 0) ended.set(id, Math.max(record.keepUntil, activeBefore))
    records.set(id, record)
  }
  function idsWhere(holds: (record: SessionRecord) => boolean): string[] {
    return [...records]
      .filter(([, record]) => record.keepUntil > now() && holds(record))
      .map(([id]) => id)
  }
  const active = (): string[] => idsWhere(({ activeUntil }) => activeUntil > now())
  const recall = (key: string): string | undefined => {
    const mark = marks.get(key)
    return mark !== undefined && mark.until > now() ? mark.value : undefined
  }

  return {
    ...singleProcess,
    async create(id, record) {
      put(id, record)
    },
    async read(ids) {
      return ids.map(kept)
    },
    async replace(id, record, expectedGeneration) {
      if (kept(id)?.generation !== expectedGeneration) return false
      put(id, record)
      return true
    },
    async restore(id, record) {
      if (record.activeUntil !== 0 && hasEnded(id)) return false
      if (!isNewer(record, kept(id))) return false
      put(id, record)
      return true
    },
    async find(index) {
      return idsWhere(({ indexes }) => indexes.includes(index))
    },
    async list() {
      return active()
    },
    async countActive() {
      return active().length
    },
    async raise(key, number, ms) {
      const value = String(Math.max(number, Number(recall(key) ?? number)))
      marks.set(key, { value, until: now() + ms })
    },
    async recall(key) {
      return recall(key)
    },
    async close() {
      clearInterval(sweeping)
      singleProcess.close()
    },
  }
}
