// The static files of the desktop's web client, in memory for a minute, and for seconds which of them the desktop does not
// have. Both are bounded, and apart from each other: made-up names push out no file. A file that is being fetched is
// fetched once for all who ask.

/** How long a file is given out. A new image of the desktop mostly shows sooner: see `flush`. */
const FRESH_MS = 60_000
/** Of all files together. The client has some 850 kB, a third of it more compressed. */
const MAX_BYTES = 33_554_432
/** How long the desktop is not asked again for a file that it does not have. */
const MISSING_FRESH_MS = 5_000
const MAX_MISSING_BYTES = 1_048_576
/** What an entry costs beside its bytes, so that many small ones are bounded too. */
const ENTRY_BYTES = 2_048

export interface Fetched<T> {
  readonly value: T
  /** Undefined: for those who wait for it now, and nobody after them. */
  readonly bytes: number | undefined
  /** The desktop has no such file; `value` is how it says so. */
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

  /** What is kept under `key`, or is being fetched; undefined: neither. Rejects as that fetch does. */
  find(key: string): Promise<T> | undefined {
    const now = this.#now()
    const entry = this.#files.find(key, now) ?? this.#missing.find(key, now)
    return entry === undefined ? this.#underWay.get(key) : Promise.resolve(entry.value)
  }

  /** What `find` finds, or what `fetch` brings. Rejects as it does; a failure is not kept. */
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

  /** Forgets everything; what is being fetched goes to those who wait for it and to nobody after them. */
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

/** So many bytes and no more; the oldest entry goes first. */
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
