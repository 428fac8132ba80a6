// How an end becomes known: on this replica by an event, on the others by a message through the store.

import { EventEmitter } from 'node:events'
import { END_REASONS, type EndReason, type Session } from './session.ts'
import type { SessionStore } from './session-store.ts'

/** What the sessions tell the rest of this replica. */
export interface SessionEvents {
  /** This replica ended a session; once for each. `requestId` names the request that ended it, where one did. */
  readonly endedHere: [session: Session, reason: EndReason, requestId: string | undefined]
  /** A session ended on some replica; perhaps told twice. */
  readonly endedAnywhere: [sessionId: string, reason: EndReason]
  /** Ends of the last moments may not have been heard: whoever holds sessions reads them again. */
  readonly endsMissed: []
  /** The store lost its records: whoever holds sessions hands them to `collect`, to be written back. */
  readonly recordsLost: [collect: (held: readonly Session[]) => void]
}

export type SessionEventEmitter = EventEmitter<{
  [name in keyof SessionEvents]: SessionEvents[name]
}>

export class EndBroadcast {
  readonly events: SessionEventEmitter = new EventEmitter()
  readonly #store: SessionStore

  /** `onHeard` comes before the event. */
  constructor(store: SessionStore, onHeard: (sessionId: string, reason: EndReason) => void) {
    this.#store = store
    store.subscribe(
      (message) => {
        // Anything else on this channel, a later version's messages included, ends nothing here.
        const end = readEnd(message)
        if (end === undefined) return
        onHeard(end.id, end.reason)
        this.events.emit('endedAnywhere', end.id, end.reason)
      },
      () => this.events.emit('endsMissed'),
    )
  }

  /** Tells the other replicas; one that does not hear it finds the tombstone. */
  async publish(id: string, reason: EndReason): Promise<void> {
    await this.#store.publish(JSON.stringify({ id, reason })).catch(() => {})
  }

  /** The sessions in use on this replica. */
  collectHeld(): readonly Session[] {
    const all: Session[] = []
    this.events.emit('recordsLost', (held) => all.push(...held))
    return all
  }
}

function readEnd(message: string): { id: string; reason: EndReason } | undefined {
  try {
    const { id, reason } = JSON.parse(message) as { id?: unknown; reason?: unknown }
    const known = END_REASONS.find((one) => one === reason)
    return typeof id === 'string' && known !== undefined ? { id, reason: known } : undefined
  } catch {
    return undefined
  }
}
