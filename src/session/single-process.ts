// Leases, presence and messages for stores with one process. They need not outlive it: leases and presence of a stopped process
// mean nothing.

import type { SessionRecord, SessionStore } from './session-store.ts'

export type SingleProcess = Pick<
  SessionStore,
  'hold' | 'release' | 'writePresence' | 'readPresence' | 'publish' | 'subscribe' | 'onReturned'
> & {
  /** Drops expired entries. */
  sweep(): void
  close(): void
}

/** Decides whether `restore` writes. */
export function isNewer(record: SessionRecord, stored: SessionRecord | undefined): boolean {
  if (stored === undefined) return true
  const hasEnded = ({ activeUntil }: SessionRecord): boolean => activeUntil === 0
  if (hasEnded(stored)) return false
  return hasEnded(record) || record.generation > stored.generation
}

export function createSingleProcess(now: () => number): SingleProcess {
  const leases = new Map<string, { readonly holder: string; readonly until: number }>()
  const presence = new Map<
    string,
    { readonly entries: ReadonlyMap<string, string>; readonly until: number }
  >()
  const listeners: ((message: string) => void)[] = []

  return {
    async hold(lease, holder, ms) {
      const held = leases.get(lease)
      if (held !== undefined && held.until > now() && held.holder !== holder) return false
      leases.set(lease, { holder, until: now() + ms })
      return true
    },
    async release(lease, holder) {
      if (leases.get(lease)?.holder === holder) leases.delete(lease)
    },
    async writePresence(replica, entries, ms) {
      presence.set(replica, { entries: new Map(entries), until: now() + ms })
    },
    async readPresence(ids) {
      const fresh = [...presence.values()].filter(({ until }) => until > now())
      return ids.map((id) => fresh.flatMap(({ entries }) => entries.get(id) ?? []))
    },
    async publish(message) {
      // Asynchronous, as with the other stores: no listener runs inside the sender's call.
      for (const listener of listeners) setImmediate(listener, message)
    },
    subscribe(onMessage, onSubscribed) {
      listeners.push(onMessage)
      setImmediate(onSubscribed)
    },
    // This store never goes away.
    onReturned() {},
    sweep() {
      for (const [lease, { until }] of leases) if (until <= now()) leases.delete(lease)
      for (const [replica, { until }] of presence) if (until <= now()) presence.delete(replica)
    },
    close() {
      listeners.length = 0
    },
  }
}
