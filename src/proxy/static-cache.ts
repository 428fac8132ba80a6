// A cache of the web client's static files: files for a minute, missing names for a few seconds. Both have a bound of their own,
// so that invented names cannot push out files. Concurrent requests for a file share one fetch.

/** How long a file is served from the cache. After a restart of the desktop it is usually shorter: see `flush`. */
const FRESH_MS = 60_000
/** Maximum size of all files together. The client has about 850 kB, and a third more for the compressed copies. */
const MAX_BYTES = 33_554_432
/** How long a missing file is remembered. */
const MISSING_FRESH_MS = 5_000
const MAX_MISSING_BYTES = 1_048_576
/** Overhead of an entry, so that many small ones are bounded too. */
const ENTRY_BYTES = 2_048

export interface Fetched<T> {
  readonly value: T
  /** Undefined: only for the requests that are waiting now. */
  readonly bytes: number | undefined
  /** The desktop has no such file; `value` is its answer. */
  readonly isMissing?: boolean
}

export class StaticCache<T> {
  readonly #now: () => number
  readonly #files = new BoundedEntries<T>(FRESH_MS, MAX_BYTES)
  readonly #missing = new BoundedEntries<T>(MISSING_FRESH_MS, MAX_MISSING_BYTES)
  readonly #underWay = new Map<string, Promise<T>>()
  /** Between two flushes. */
  #generation = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** The entry of `key`, cached or being fetched; undefined: neither. Rejects like the fetch. */
  find(key: string): Promise<T> | undefined {
    const now = this.#now()
    const entry = this.#files.find(key, now) ?? this.#missing.find(key, now)
    return entry === undefined ? this.#underWay.get(key) : Promise.resolve(entry.value)
  }

  /** The entry of `key`, or the result of `fetch`. Rejects like `fetch`; failures are not cached. */
  get(key: string, fetch: () => Promise<Fetched<T>>): Promise<T> {
    const found = this.find(key)
    if (found !== undefined) return found
    const generation = this.#generation
    const fetched: Promise<T> = fetch()
      .then(({ value, bytes, isMissing = false }) => {
        if (bytes !== undefined && generation === this.#generation) {
          const kept = isMissing ? this.#missing : this.#files
          kept.add(key, value, bytes, this.#now())
        }
        return value
      })
      .finally(() => {
        if (this.#underWay.get(key) === fetched) this.#underWay.delete(key)
      })
    this.#underWay.set(key, fetched)
    return fetched
  }

  /** Empties the cache. Running fetches serve only the requests that are waiting now. */
  flush(): void {
    this.#generation += 1
    this.#files.clear()
    this.#missing.clear()
    this.#underWay.clear()
  }
}

interface Entry<T> {
  readonly value: T
  readonly bytes: number
  readonly staleAt: number
}

/** A map with a bound in bytes. The oldest entry is removed first. */
class BoundedEntries<T> {
  readonly #freshMs: number
  readonly #maxBytes: number
  /** Oldest first. */
  readonly #entries = new Map<string, Entry<T>>()
  #bytes = 0

  constructor(freshMs: number, maxBytes: number) {
    this.#freshMs = freshMs
    this.#maxBytes = maxBytes
  }

  find(key: string, now: number): Entry<T> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || now < entry.staleAt) return entry
    this.#drop(key, entry)
    return undefined
  }

  add(key: string, value: T, bytes: number, now: number): void {
    const entry = { value, bytes: bytes + ENTRY_BYTES, staleAt: now + this.#freshMs }
    this.#entries.set(key, entry)
    this.#bytes += entry.bytes
    for (const [oldestKey, oldest] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break
      this.#drop(oldestKey, oldest)
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #drop(key: string, entry: Entry<T>): void {
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}
