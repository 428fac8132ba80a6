// Where sessions live. A store keeps sealed records by id and knows nothing of what is in them.
// Every method may fail with a GatewayError `store-unavailable`; none of them ever means "signed out" by failing.

export interface SessionRecord {
  /** Sealed under the session secret: any replica reads it. */
  readonly envelope: string
  /** Sealed under a key that needs the cookie; undefined once the session ended. */
  readonly vault: string | undefined
  /** The session counts as active up to this time (ms since the epoch); 0 once it ended. */
  readonly activeUntil: number
  /** The store forgets the record at this time (ms since the epoch). */
  readonly keepUntil: number
}

export interface SessionStore {
  read(id: string): Promise<SessionRecord | undefined>
  write(id: string, record: SessionRecord): Promise<void>
  /** Sessions that are active at `now`. */
  countActive(now: number): Promise<number>
  close(): Promise<void>
}
