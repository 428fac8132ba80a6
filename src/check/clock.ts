// The difference between the clock of a server and the clock of this machine, by the header Date (RFC 9110 6.6.1).

import type { Findings } from './finding.ts'

/** The gateway tolerates a minute. */
const MAX_DIFFERENCE_S = 60
const WARN_FROM_S = 30

export interface Exchange {
  readonly headers: Pick<Headers, 'get'>
  /** Milliseconds since the epoch. */
  readonly askedAt: number
  readonly answeredAt: number
}

export function checkClock({ headers, askedAt, answeredAt }: Exchange, findings: Findings): void {
  const date = Date.parse(headers.get('date') ?? '')
  if (Number.isNaN(date)) {
    findings.skip('clock', 'The answers have no header Date, so the clocks cannot be compared.')
    return
  }
  // A cache in between gives an older date and says how old it is.
  const age = Number(headers.get('age') ?? 0) || 0
  // The date has whole seconds: on average it is half a second old.
  const theirs = date + 500 + age * 1_000
  const difference = Math.round((theirs - (askedAt + answeredAt) / 2) / 1_000)
  const seconds = Math.abs(difference)
  const words =
    seconds === 0
      ? "The provider's clock and this machine's agree."
      : `The provider's clock is ${seconds} s ${difference < 0 ? 'behind' : 'ahead of'} this machine's.`
  const advice = 'Synchronise both clocks (NTP).'
  if (seconds > MAX_DIFFERENCE_S) {
    findings.fail('clock', `${words} Beyond ${MAX_DIFFERENCE_S} s sign-ins fail. ${advice}`)
  } else if (seconds > WARN_FROM_S) {
    findings.warn('clock', `${words} Beyond ${MAX_DIFFERENCE_S} s sign-ins will fail. ${advice}`)
  } else findings.ok('clock', words)
}
