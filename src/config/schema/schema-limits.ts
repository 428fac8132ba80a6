// `limits:` How much one person may hold at once.

import * as z from 'zod'

import { map, text } from './leaf.ts'
import { byDefault } from './setting.ts'
import type { WrittenSettings } from './written-settings.ts'

const MAX_PER_PERSON = 1_000

/** A whole number from 1 to `most`. */
function count(most: number): z.ZodType<number> {
  const must = `must be a whole number from 1 to ${most}`
  const leaf = text(must, (written, refuse) => {
    const number = /^\d{1,9}$/.test(written) ? Number(written) : 0
    return number < 1 || number > most ? refuse(must) : number
  })
  return z.preprocess((input) => (typeof input === 'number' ? String(input) : input), leaf)
}

export const limitsSchema: z.ZodType<WrittenSettings['limits']> = map({
  sessionsPerPerson: byDefault(count(MAX_PER_PERSON), '20', {
    env: 'GATEWAY_LIMITS_SESSIONS_PER_PERSON',
    meaning:
      'How many sessions one person (issuer and subject) may have at once, from 1 to 1000. One sign-in more ends the oldest (`superseded`).',
  }),
})
