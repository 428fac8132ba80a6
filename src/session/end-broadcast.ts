// Makes an end known: on this replica by an event, on other replicas by a message through the store.

import { EventEmitter } from 'node:events'
import { END_REASONS, type EndReason, type Session } from './session.ts'
import type { SessionStore } from './session-store.ts'

/** Events of the sessions on this replica. */
export interface SessionEvents {
  /** This replica ended a session; once per session. `requestId` names the request that ended it, if one did. */
  readonly endedHere: [session: Session, reason: EndReason, requestId: string | undefined]
  /** A session ended on any replica; possibly twice for the same session. */
  readonly endedAnywhere: [sessionId: string, reason: EndReason]
  /** Messages about ends may have been lost: read the sessions in use again. */
  readonly endsMissed: []
  /** The store lost records: pass the sessions in use to `collect`, so that they are written back. */
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
        // Ignore unknown messages: a newer version may publish kinds that this one does not know.
        const end = readEnd(message)
        if (end === undefined) return
        onHeard(end.id, end.reason)
        this.events.emit('endedAnywhere', end.id, end.reason)
      },
      () => this.events.emit('endsMissed'),
    )
  }

  /** Tells the other replicas. A replica that misses the message finds the tombstone. */
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
