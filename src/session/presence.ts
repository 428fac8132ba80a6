// Who is there, and when they last did something: one record for each session and replica. It tells an idle session from
// one that is used on another replica, and lists open tunnels for administrators. A replica that is gone fades by itself.

import { randomBytes } from 'node:crypto'
import type { Role, SettingsHolder } from '../config/config.ts'
import type { SessionStore } from './session-store.ts'

const MAX_FLUSH_MS = 30_000
/** A replica that has not written for so long has no tunnels any more, whatever it said. */
const TUNNELS_FADE_MS = 2 * MAX_FLUSH_MS
/** Of what was written about a person's input, beyond the time that it matters. */
const MARGIN_MS = 60_000

/** All replicas together. */
export interface Presence {
  readonly tunnels: number
  /** Milliseconds since the epoch; undefined when nobody here knows of any. */
  readonly lastInput: number | undefined
}

interface Entry {
  tunnels: number
  role: Role | undefined
  lastInput: number | undefined
  /** When the latest tunnel came (ms since the epoch). */
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

  /** A person did something: a key, a click, a paste, a page they went to. Called for every such message. */
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

  /** Milliseconds since anybody with a tunnel here did something, or came; undefined when nobody has one. */
  leastIdle(): number | undefined {
    let latest: number | undefined
    for (const { tunnels, openedAt, lastInput } of this.#here.values()) {
      if (tunnels > 0) latest = Math.max(latest ?? 0, lastInput ?? openedAt)
    }
    return latest === undefined ? undefined : this.#now() - latest
  }

  /** What every replica says, this one's latest included. Rejects when the store does. */
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

  /** Writes what this replica knows; a store that is away gets it the next time. */
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

/** Nothing for what is not ours. */
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
