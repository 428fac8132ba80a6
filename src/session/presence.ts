// Presence: who has tunnels and when they last did something, per session and replica. It distinguishes an idle session from
// one in use on another replica, and lists open tunnels for administrators. Entries of a dead replica expire by themselves.

import { randomBytes } from 'node:crypto'
import type { Role, SettingsHolder } from '../config/config.ts'
import type { SessionStore } from './session-store.ts'

const MAX_FLUSH_MS = 30_000
/** A replica that has not written for this long no longer counts as having tunnels. */
const TUNNELS_FADE_MS = 2 * MAX_FLUSH_MS
/** How much longer entries about input are kept than they matter. */
const MARGIN_MS = 60_000

/** Presence over all replicas. */
export interface Presence {
  readonly tunnels: number
  /** Milliseconds since the epoch; undefined if no replica knows of any input. */
  readonly lastInput: number | undefined
}

interface Entry {
  tunnels: number
  role: Role | undefined
  lastInput: number | undefined
  /** When the latest tunnel opened (ms since the epoch). */
  openedAt: number
  /** When it was written (ms since the epoch). */
  at: number
}

export class PresenceBook {
  readonly #settings: SettingsHolder
  readonly #store: SessionStore
  readonly #now: () => number
  readonly #replica = randomBytes(8).toString('base64url')
  readonly #here = new Map<string, Entry>()
  #timer: NodeJS.Timeout | undefined

  constructor(settings: SettingsHolder, store: SessionStore, now: () => number) {
    this.#settings = settings
    this.#store = store
    this.#now = now
    this.#schedule()
  }

  /** Notes human input: a key, a click, a paste, a navigation. Called for every such message. */
  noteInput(sessionId: string): void {
    this.#entry(sessionId).lastInput = this.#now()
  }

  tunnelOpened(sessionId: string, role: Role): void {
    const entry = this.#entry(sessionId)
    entry.tunnels += 1
    entry.role = role
    entry.openedAt = this.#now()
  }

  tunnelClosed(sessionId: string): void {
    this.#entry(sessionId).tunnels -= 1
  }

  /** On this replica alone, without asking the store. */
  lastInputHere(sessionId: string): number | undefined {
    return this.#here.get(sessionId)?.lastInput
  }

  /** Milliseconds since the last input or opening of any tunnel on this replica; undefined without tunnels. */
  leastIdle(): number | undefined {
    let latest: number | undefined
    for (const { tunnels, openedAt, lastInput } of this.#here.values()) {
      if (tunnels > 0) latest = Math.max(latest ?? 0, lastInput ?? openedAt)
    }
    return latest === undefined ? undefined : this.#now() - latest
  }

  /** Presence over all replicas, including what this one has not written yet. Rejects when the store does. */
  async read(sessionIds: readonly string[]): Promise<readonly Presence[]> {
    const written = await this.#store.readPresence(sessionIds)
    return sessionIds.map((id, index) => {
      const here = this.#here.get(id)
      const others = (written[index] ?? [])
        .flatMap(readEntry)
        .filter(({ replica }) => replica !== this.#replica)
      const all = here === undefined ? others : [...others, { ...here, at: this.#now() }]
      const inputs = all.flatMap(({ lastInput }) => (lastInput === undefined ? [] : [lastInput]))
      const fresh = all.filter(({ at }) => at > this.#now() - TUNNELS_FADE_MS)
      return {
        tunnels: fresh.reduce((sum, { tunnels }) => sum + tunnels, 0),
        lastInput: inputs.length === 0 ? undefined : Math.max(...inputs),
      }
    })
  }

  /** Writes what this replica knows. After a failure, the next call writes it. */
  async flush(): Promise<void> {
    const { idleTimeout } = this.#settings.current.session
    const forgetBefore = this.#now() - Math.max(idleTimeout, MAX_FLUSH_MS)
    const entries = new Map<string, string>()
    for (const [id, entry] of this.#here) {
      if (entry.tunnels === 0 && (entry.lastInput ?? 0) < forgetBefore) this.#here.delete(id)
      else {
        entry.at = this.#now()
        entries.set(id, JSON.stringify({ ...entry, replica: this.#replica }))
      }
    }
    await this.#store.writePresence(this.#replica, entries, idleTimeout + MARGIN_MS)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #entry(sessionId: string): Entry {
    let entry = this.#here.get(sessionId)
    if (entry === undefined) {
      const at = this.#now()
      entry = { tunnels: 0, role: undefined, lastInput: undefined, openedAt: at, at }
      this.#here.set(sessionId, entry)
    }
    return entry
  }

  #schedule(): void {
    const { idleTimeout } = this.#settings.current.session
    const every = idleTimeout === 0 ? MAX_FLUSH_MS : Math.min(MAX_FLUSH_MS, idleTimeout / 10)
    this.#timer = setTimeout(() => {
      void this.flush()
        .catch(() => {})
        .finally(() => this.#schedule())
    }, every).unref()
  }
}

/** Returns nothing for data of another kind. */
function readEntry(text: string): (Entry & { readonly replica: string })[] {
  try {
    const entry = JSON.parse(text) as (Entry & { readonly replica: string }) | null
    const isOurs = Number.isSafeInteger(entry?.tunnels) && Number.isSafeInteger(entry?.at)
    const { lastInput } = entry ?? {}
    const isInput = lastInput === undefined || Number.isSafeInteger(lastInput)
    return entry !== null && isOurs && isInput ? [entry] : []
  } catch {
    return []
  }
}
