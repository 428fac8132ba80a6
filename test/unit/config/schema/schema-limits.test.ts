import { describe, expect, it } from 'vitest'
import { accepted, refusal } from '../loading.ts'

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
