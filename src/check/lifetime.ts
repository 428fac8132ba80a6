// How long a certificate is still valid.

import type { X509Certificate } from 'node:crypto'
import type { FindingState } from './finding.ts'

const DAY_MS = 86_400_000
const WARN_BEFORE_DAYS = 21

export interface Lifetime {
  readonly state: Exclude<FindingState, 'skipped'>
  /** Words that follow "the certificate". */
  readonly words: string
}

export function lifetimeOf(
  { validFromDate, validToDate }: Pick<X509Certificate, 'validFromDate' | 'validToDate'>,
  now: number,
): Lifetime {
  const day = (date: Date): string => date.toISOString().slice(0, 10)
  const days = Math.floor((validToDate.getTime() - now) / DAY_MS)
  if (validFromDate.getTime() > now) {
    return { state: 'failed', words: `is not valid before ${day(validFromDate)}` }
  }
  if (validToDate.getTime() <= now) {
    return { state: 'failed', words: `ended on ${day(validToDate)}; renew it` }
  }
  if (days < WARN_BEFORE_DAYS) {
    return { state: 'warning', words: `ends in ${days} days, on ${day(validToDate)}; renew it` }
  }
  return { state: 'ok', words: `ends on ${day(validToDate)}` }
}
