// `limits:` What one person may hold, so that the others keep theirs.

import * as z from 'zod'

import { map, text } from './leaf.ts'
import { byDefault } from './setting.ts'
import type { WrittenSettings } from './written-settings.ts'

/** More tunnels than this for one person is a mistake in writing, or no limit at all. */
const MAX_TUNNELS_PER_PERSON = 1_000

/** A whole number, as YAML or an environment variable writes it. */
function count(max: number): z.ZodType<number> {
  const must = `must be a whole number from 1 to ${max}`
  const leaf = text(must, (written, refuse) => {
    const number = /^[1-9]\d{0,9}$/.test(written) ? Number(written) : 0
    return number >= 1 && number <= max ? number : refuse(must)
  })
  return z.preprocess((input) => (typeof input === 'number' ? String(input) : input), leaf)
}

export const limitsSchema: z.ZodType<WrittenSettings['limits']> = map({
  tunnelsPerPerson: byDefault(count(MAX_TUNNELS_PER_PERSON), '32', {
    env: 'GATEWAY_LIMITS_TUNNELS_PER_PERSON',
    meaning: `Tunnels that one person (issuer and subject) may have, those still being opened included, over all their sessions; from 1 to ${MAX_TUNNELS_PER_PERSON}. One more is refused with 429. Each replica counts its own: with N replicas a person may have N times as many.`,
  }),
})
