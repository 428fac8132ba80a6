// Counts and audits requests that have one of the gateway's cookies more than once: another site, or a proxy, may try to
// replace somebody's session.

import type { Audit } from './audit.ts'
import type { Metrics } from './metrics.ts'

/** Anybody can send such requests, so the audit has at most one line in this time. */
const AUDIT_INTERVAL_MS = 60_000

/** The result takes the kind of the cookie: `session`, `login` or `logout`. */
export function createReportRepeatedCookie(
  { cookiesRepeated }: Pick<Metrics, 'cookiesRepeated'>,
  audit: Pick<Audit, 'write'>,
  now: () => number,
): (cookie: string) => void {
  let auditedAt: number | undefined

  return function reportRepeatedCookie(cookie) {
    cookiesRepeated.inc({ cookie })
    const time = now()
    // Math.abs: somebody may have set the clock back.
    if (auditedAt !== undefined && Math.abs(time - auditedAt) < AUDIT_INTERVAL_MS) return
    auditedAt = time
    audit.write({ event: 'cookie_repeated', reason: cookie })
  }
}
