// The interface of the session stores. A store keeps sealed records by id and cannot read them. All three stores pass one
// contract: test/support/session-store-contract.ts.
//
// Methods fail only with a GatewayError `store-unavailable`. A failure never means "signed out". A failed write may have
// happened (only its answer was lost), so read before you conclude. Times are whole milliseconds, durations at least 1 ms.
// Expired entries disappear by themselves.

export interface SessionRecord {
  /** Sealed under the session secret: every replica can read it. */
  readonly envelope: string
  /** Sealed under a key that needs the cookie; undefined after the session has ended. */
  readonly vault: string | undefined
  /** Keyed hashes that find the session without its cookie, in any order. */
  readonly indexes: readonly string[]
  /** Increases with every replacement. A replacement must name the stored generation. */
  readonly generation: number
  /** The session counts as active until then (ms since the epoch); 0 after it has ended. */
  readonly activeUntil: number
  /** The store deletes the record at this time (ms since the epoch). */
  readonly keepUntil: number
}

export interface SessionStore {
  /** Stores a new session. Its id is random, so nothing is stored under it yet. */
  create(id: string, record: SessionRecord): Promise<void>
  /** Reads one record per id in one round trip; undefined for ids without a record. */
  read(ids: readonly string[]): Promise<readonly (SessionRecord | undefined)[]>
  /** Compare-and-set: returns false and changes nothing when another generation or no record is stored. */
  replace(id: string, record: SessionRecord, expectedGeneration: number): Promise<boolean>
  /**
   * Writes back what the store may have lost: where nothing is stored, over an older generation, and with an end over
   * anything but an end. False, and nothing changed, otherwise, and where nobody may write back (any more).
   */
  restore(id: string, record: SessionRecord): Promise<boolean>
  /** Ids of the sessions with that index, including ended ones whose records are still kept. */
  find(index: string): Promise<readonly string[]>
  /** Ids of the active sessions. */
  list(): Promise<readonly string[]>
  countActive(): Promise<number>

  /** Acquires or renews a lease for `ms` from now; false while another holder has it. */
  hold(lease: string, holder: string, ms: number): Promise<boolean>
  /** Releases one's own lease; another holder's lease stays. */
  release(lease: string, holder: string): Promise<void>

  /** Sets a mark: `recall` returns the greatest number raised for a key, until `ms` after the last call. */
  raise(key: string, number: number, ms: number): Promise<void>
  recall(key: string): Promise<string | undefined>

  /** Replaces everything that this replica said about sessions; expires after `ms`. */
  writePresence(replica: string, entries: ReadonlyMap<string, string>, ms: number): Promise<void>
  /** Returns for each session id what each replica says about it. */
  readPresence(ids: readonly string[]): Promise<readonly (readonly string[])[]>

  /** Sends a message to all current subscribers, including the sender's own. */
  publish(message: string): Promise<void>
  /**
   * Listens until the store is closed. `onSubscribed` after every (re)subscription: messages may have been missed
   * before it, so that what they were about must be read again.
   */
  subscribe(onMessage: (message: string) => void, onSubscribed: () => void): void

  /**
   * The store is back after it was away, perhaps as another server, with older data or none: then what is missing may
   * be written back for `ms` from now, by any replica; else that is 0. Called before any other call succeeds.
   */
  onReturned(listener: (ms: number) => void): void

  close(): Promise<void>
}
