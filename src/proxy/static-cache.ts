// The static files of the desktop's web client, in memory for a minute: so many bytes and no more, and whoever asks for one
// that is being fetched waits for that one.

/** How long a file is given out. A new image of the desktop mostly shows sooner: see `flush`. */
const FRESH_MS = 60_000
/** Of all files together. The client has some 850 kB, a third of it more compressed. */
const MAX_BYTES = 33_554_432
/** What an entry costs beside its bytes, so that many small ones are bounded too. */
const ENTRY_BYTES = 2_048

export interface Kept<T> {
  readonly value: T
  /** Undefined: for those who wait for it now, and nobody after them. */
  readonly bytes: number | undefined
}

interface Entry<T> {
  readonly value: T
  readonly bytes: number
  readonly staleAt: number
}

export class StaticCache<T> {
  readonly #now: () => number
  /** Oldest first. */
  readonly #entries = new Map<string, Entry<T>>()
  readonly #underWay = new Map<string, Promise<T>>()
  #bytes = 0
  /** Between two flushes. */
  #generation = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** What is kept under `key`, or what `fetch` brings. Rejects as it does; a failure is kept by nobody. */
  async get(key: string, fetch: () => Promise<Kept<T>>): Promise<T> {
    const entry = this.#entries.get(key)
    if (entry !== undefined) {
      if (this.#now() < entry.staleAt) return entry.value
      this.#drop(key, entry)
    }
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return underWay
    const generation = this.#generation
    const fetched: Promise<T> = fetch()
      .then(({ value, bytes }) => {
        if (bytes !== undefined && generation === this.#generation) this.#keep(key, value, bytes)
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
    this.#entries.clear()
    this.#underWay.clear()
    this.#bytes = 0
  }

  #keep(key: string, value: T, bytes: number): void {
    const entry = { value, bytes: bytes + ENTRY_BYTES, staleAt: this.#now() + FRESH_MS }
    this.#entries.set(key, entry)
    this.#bytes += entry.bytes
    for (const [oldestKey, oldest] of this.#entries) {
      if (this.#bytes <= MAX_BYTES) break
      this.#drop(oldestKey, oldest)
    }
  }

  #drop(key: string, entry: Entry<T>): void {
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}
