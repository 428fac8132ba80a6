// The audit: one JSON line per decision about a person, on stdout beside the log and in a file of its own if asked.
// Fields are chosen here, one by one, so that no token, cookie or code can slip in.

import { createWriteStream, type WriteStream } from 'node:fs'
import type { Session } from '../session/session.ts'

export type AuditEventName =
  | 'login'
  | 'login_refused'
  | 'access_denied'
  | 'session_ended'
  | 'tunnel_opened'
  | 'tunnel_closed'
  | 'admin_action'

/** Whom the event is about; all that is known of a person before there is a session. */
export interface AuditSubject {
  readonly session?: string | undefined
  readonly sub?: string | undefined
  readonly email?: string | undefined
  readonly role?: string | undefined
}

export interface AuditEvent extends AuditSubject {
  readonly event: AuditEventName
  readonly request?: string | undefined
  readonly address?: string | undefined
  readonly desktop?: string | undefined
  /** The reason id: a rule, a refusal, a cause of an end. */
  readonly reason?: string | undefined
  readonly seconds?: number
  /** How many sessions an administrator ended. */
  readonly ended?: number
  readonly bytesToBrowser?: number
  readonly bytesToDesktop?: number
}

export interface Audit {
  write(event: AuditEvent): void
  close(): Promise<void>
}

/** After a failure, a full disk perhaps, the file is left alone for so long. */
const REOPEN_MS = 10_000

export function createAudit(
  output: NodeJS.WritableStream,
  file: string | undefined,
  now: () => number,
  onError: (error: Error) => void,
): Audit {
  let sink: WriteStream | undefined
  let failedAt: number | undefined

  function sinkNow(): WriteStream | undefined {
    if (file === undefined || sink !== undefined) return sink
    // Whichever way the clock was set meanwhile.
    if (failedAt !== undefined && Math.abs(now() - failedAt) < REOPEN_MS) return undefined
    const opened = createWriteStream(file, { flags: 'a', mode: 0o640 })
    opened.on('error', (error) => {
      sink = undefined
      failedAt = now()
      onError(error)
    })
    // What failed may have left half a line.
    if (failedAt !== undefined) opened.write('\n')
    sink = opened
    return sink
  }

  sinkNow()
  return {
    write(event) {
      const line = `${JSON.stringify({ audit: true, time: new Date(now()).toISOString(), ...event })}\n`
      output.write(line)
      sinkNow()?.write(line)
    },
    close: () =>
      new Promise((resolve) => {
        if (sink === undefined || sink.destroyed) resolve()
        else sink.end(resolve)
      }),
  }
}

/** The audit's fields of a session. */
export function subjectOf({ id, identity, role }: Session): AuditSubject {
  return { session: id, sub: identity.sub, email: identity.email, role }
}
