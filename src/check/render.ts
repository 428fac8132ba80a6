// The output of `check`: lines for people, JSON for programs.

import type { Settings } from '../config/config.ts'
import { withoutSecrets } from '../config/describe-settings.ts'
import type { Finding, FindingState } from './finding.ts'

const WIDTH = 'warning'.length

/** One line for each finding, then a line that counts them. */
export function renderFindings(findings: readonly Finding[]): string {
  const lines = findings.map(({ id, subject, state, message }) => {
    const name = subject === undefined ? id : `${id} (${subject})`
    return `${state.padEnd(WIDTH)}  ${name}: ${message}\n`
  })
  const count = (state: FindingState): number =>
    findings.filter((finding) => finding.state === state).length
  return `${lines.join('')}\nok: ${count('ok')}, warning: ${count('warning')}, failed: ${count('failed')}, skipped: ${count('skipped')}\n`
}

export interface Result {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** Undefined: they are invalid. */
  readonly settings?: Settings
  /** Undefined: the parts were not asked. */
  readonly findings?: readonly Finding[] | undefined
}

/** A setting that is not set is `null`. */
export function renderJson({ problems, warnings, settings, findings }: Result): string {
  const failed = findings?.some(({ state }) => state === 'failed') === true
  const result = {
    ok: problems.length === 0 && !failed,
    problems,
    warnings,
    settings: settings && withoutSecrets(settings),
    ...(findings === undefined ? {} : { findings }),
  }
  const withNull = (_: string, value: unknown): unknown => (value === undefined ? null : value)
  return `${JSON.stringify(result, withNull, 2)}\n`
}
