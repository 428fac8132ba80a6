// Sessions in this process: one replica, gone with it. Records expire by themselves.

import type { SessionRecord, SessionStore } from './session-store.ts'

const SWEEP_EVERY_MS = 60_000

export function createMemoryStore(now: () => number): SessionStore {
  const records = new Map<string, SessionRecord>()
  const sweep = setInterval(() => {
    const time = now()
    for (const [id, record] of records) if (record.keepUntil <= time) records.delete(id)
  }, SWEEP_EVERY_MS)
  sweep.unref()

  return {
    read(id) {
      const record = records.get(id)
      return Promise.resolve(record !== undefined && record.keepUntil > now() ? record : undefined)
    },
    write(id, record) {
      records.set(id, record)
      return Promise.resolve()
    },
    countActive(time) {
      let active = 0
      for (const record of records.values()) if (record.activeUntil > time) active += 1
      return Promise.resolve(active)
    },
    close() {
      clearInterval(sweep)
      return Promise.resolve()
    },
  }
}
