import { describe, expect, it } from 'vitest'

import { accepted, COMPLETE, problemsFrom, refusal, settingsFrom } from '../loading.ts'

const NAME = 'GATEWAY_LIMITS_TUNNELS_PER_PERSON'

it.each([
  ['1', 1],
  ['32', 32],
  ['1000', 1_000],
])('limits.tunnelsPerPerson may be %s', (written, read) => {
  expect(accepted(NAME, written).limits.tunnelsPerPerson).toBe(read)
  expect(
    settingsFrom(COMPLETE, `limits: { tunnelsPerPerson: ${written} }`).limits.tunnelsPerPerson,
  ).toBe(read)
})

it.each(['0', '-1', '1001', '99999999999999999999', '1e2', '3.5', '08', ' 8', 'off', 'NaN'])(
  'limits.tunnelsPerPerson is not %j',
  (written) => {
    expect(refusal(NAME, written)).toBe(
      `${NAME} (limits.tunnelsPerPerson): must be a whole number from 1 to 1000; got ${JSON.stringify(written)}`,
    )
  },
)

it.each(['0', '-1', '1e9', '3.5', '.inf', 'true', '[32]'])(
  'limits.tunnelsPerPerson is not %s in YAML',
  (written) => {
    expect(problemsFrom(COMPLETE, `limits: { tunnelsPerPerson: ${written} }`)).toEqual([
      expect.stringContaining(`${NAME} (limits.tunnelsPerPerson): must be `),
    ])
  },
)

describe('limits.sessionsPerPerson', () => {
  const name = 'GATEWAY_LIMITS_SESSIONS_PER_PERSON'

  it.each(['1', '20', '1000'])('takes %s', (written) => {
    expect(accepted(name, written).limits.sessionsPerPerson).toBe(Number(written))
  })

  it.each(['0', '-1', '1001', '99999999999999999999', '1.5', '1e2', 'off', 'Infinity', ' 3'])(
    'refuses %s in words',
    (written) => {
      expect(refusal(name, written)).toContain('must be a whole number from 1 to 1000')
    },
  )
})
