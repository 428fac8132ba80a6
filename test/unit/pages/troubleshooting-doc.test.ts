import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { FAILURES } from '../../../src/messages/failures.ts'

const page = readFileSync('docs/troubleshooting.md', 'utf8')

/** The rows of its tables as pairs of reason and status. */
const rows = [...page.matchAll(/^\| (`[^|]*`) \| ([\d, ]+) \|/gm)].flatMap(
  ([, reasons = '', statuses = '']) => {
    const codes = statuses.split(', ').map(Number)
    return [...reasons.matchAll(/`([^`]+)`/g)].map(([, reason], at) => [reason, codes[at]] as const)
  },
)

it('docs/troubleshooting.md lists each reason once, with its status', () => {
  const policy = ['no-rule-matches', 'email-not-verified', 'groups-omitted'].map((reason) => [
    reason,
    403,
  ])
  const pages = Object.entries(FAILURES).map(([kind, { status }]) => [kind, status])
  expect(rows.toSorted()).toEqual([...policy, ...pages].toSorted())
})
