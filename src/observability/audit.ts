// Writes the audit: one JSON line per decision about a person, to stdout and, if configured, to a file. The fields are
// listed one by one, so that no token, cookie or code can get in.

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
  | 'cookie_repeated'

/** The person that the event is about. Before there is a session, some fields are unknown. */
export interface AuditSubject {
  readonly session?: string | undefined
  readonly sub?: string | undefined
  readonly email?: string | undefined
  readonly role?: string | undefined
}

export interface AuditEvent extends AuditSubject {
  readonly event: AuditEventName
  readonly request?: string | undefined
  /** Name of the provider that the person signs in at. */
  readonly provider?: string | undefined
  readonly address?: string | undefined
  readonly desktop?: string | undefined
  /** The reason id: the rule that matched, why access was refused, or why a session or tunnel ended. */
  readonly reason?: string | undefined
  readonly seconds?: number
  /** For an `admin_action`: how many sessions it ended. */
  readonly ended?: number
  readonly bytesToBrowser?: number
  readonly bytesToDesktop?: number
}

export interface Audit {
  write(event: AuditEvent): void
  close(): Promise<void>
}

/** How long to wait after a failed write, such as on a full disk, before the file is opened again. */
const REOPEN_DELAY_MS = 10_000

export function createAudit(
  output: NodeJS.WritableStream,
  file: string | undefined,
  now: () => number,
  onError: (error: Error) => void,
): Audit {
  let sink: WriteStream | undefined
  let failedAt: number | undefined

  function openSink(): WriteStream | undefined {
    if (file === undefined || sink !== undefined) return sink
    // Math.abs: the clock may have been set back meanwhile.
    if (failedAt !== undefined && Math.abs(now() - failedAt) < REOPEN_DELAY_MS) return undefined
    const opened = createWriteStream(file, { flags: 'a', mode: 0o640 })
    opened.on('error', (error) => {
      sink = undefined
      failedAt = now()
      onError(error)
    })
    // The failed write may have left an incomplete line.
    if (failedAt !== undefined) opened.write('\n')
    sink = opened
    return sink
  }

  openSink()
  return {
    write(event) {
      const line = `${JSON.stringify({ audit: true, time: new Date(now()).toISOString(), ...event })}\n`
      output.write(line)
      openSink()?.write(line)
    },
    close: () =>
      new Promise((resolve) => {
        if (sink === undefined || sink.destroyed) resolve()
        else sink.end(resolve)
      }),
  }
}

/** The audit fields of a session. */
export function subjectOf({ id, identity, role }: Session): AuditSubject {
  return { session: id, sub: identity.sub, email: identity.email, role }
}
