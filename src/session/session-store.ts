// Where sessions live. A store keeps sealed records by id and knows nothing of what is in them. Three stores, one
// contract: test/support/session-store-contract.ts.
//
// Every method fails with a GatewayError `store-unavailable` and with nothing else; none of them ever means "signed
// out" by failing. A write that failed may have happened all the same (the answer was lost): read before concluding.
// All times are whole milliseconds, spans at least one; what has had its time is gone by itself.

export interface SessionRecord {
  /** Sealed under the session secret: any replica reads it. */
  readonly envelope: string
  /** Sealed under a key that needs the cookie; undefined once the session ended. */
  readonly vault: string | undefined
  /** Under which the session is found without its cookie: keyed hashes, in no order. */
  readonly indexes: readonly string[]
  /** Grows with every replacement; whoever replaces must know the one that is stored. */
  readonly generation: number
  /** The session counts as active up to this time (ms since the epoch); 0 once it ended. */
  readonly activeUntil: number
  /** The store forgets the record at this time (ms since the epoch). */
  readonly keepUntil: number
}

export interface SessionStore {
  /** Stores a new session; its id is random, so nothing is there yet. */
  create(id: string, record: SessionRecord): Promise<void>
  /** One record for each id, in one round trip; undefined where there is none. */
  read(ids: readonly string[]): Promise<readonly (SessionRecord | undefined)[]>
  /** Compare-and-set: false, and nothing changed, when another generation is stored or none is. */
  replace(id: string, record: SessionRecord, expectedGeneration: number): Promise<boolean>
  /** Ids of the sessions under that index; ended ones too, while their records are kept. */
  find(index: string): Promise<readonly string[]>
  /** Ids of the active sessions. */
  list(): Promise<readonly string[]>
  countActive(): Promise<number>

  /** Takes a lease or renews one's own, for `ms` from now; false while somebody else has it. */
  hold(lease: string, holder: string, ms: number): Promise<boolean>
  /** Gives a lease back; somebody else's is left alone. */
  release(lease: string, holder: string): Promise<void>

  /** Set once: false when the key is known already, whatever its value. */
  remember(key: string, value: string, ms: number): Promise<boolean>
  /** The greatest number said of a key is what is recalled of it, for `ms` from when it was last said. */
  raise(key: string, number: number, ms: number): Promise<void>
  recall(key: string): Promise<string | undefined>

  /** What this replica has to say about sessions now, in place of all it said before; it fades after `ms`. */
  writePresence(replica: string, entries: ReadonlyMap<string, string>, ms: number): Promise<void>
  /** For each session id what every replica says of it. */
  readPresence(ids: readonly string[]): Promise<readonly (readonly string[])[]>

  /** Sends a message to every subscriber there is now, the sender's own included. */
  publish(message: string): Promise<void>
  /**
   * Listens until the store is closed. `onSubscribed` after every (re)subscription: messages may have been missed
   * before it, so that what they were about must be read again.
   */
  subscribe(onMessage: (message: string) => void, onSubscribed: () => void): void

  close(): Promise<void>
}
