// The YAML list `access` as written: whom an entry matches, and as what.

import * as z from 'zod'

import { choice, line, list, map } from './leaf.ts'
import { email, emailDomain } from './sign-in-leaves.ts'
import type { WrittenRule } from './written-settings.ts'

const claimValue = z
  .union([z.string(), z.number(), z.boolean()], 'must be text, a number, true or false')
  .transform(String)

/** Not split at commas, unlike the lists of people: a claim's value may hold one. */
const claimValues = z.preprocess(
  (input) => (typeof input === 'object' || input === undefined ? input : [input]),
  z.array(claimValue, 'must be a list of values').min(1, 'must name at least one value'),
)

const match = map({
  groups: list(line).prefault([]),
  emails: list(email).prefault([]),
  emailDomains: list(emailDomain).prefault([]),
  claims: z.record(z.string(), claimValues, 'must be a map of claims').prefault({}),
})

const permission = choice('allow', 'deny')

const rule = map({
  match: match.optional(),
  role: choice('control', 'view', 'owner').optional(),
  clipboardIn: permission.optional(),
  downloads: permission.optional(),
})

/** `role` and `match` are required by access-rules.ts, which tells it beside what else is wrong with a rule. */
export const accessRules: z.ZodType<readonly WrittenRule[]> = z.array(
  rule,
  'must be a list of rules',
)

/** Every key of a rule, as a path; `[]` stands for its number. */
export const RULE_PATHS: readonly string[] = [
  ...Object.keys(rule.shape).map((key) => `access[].${key}`),
  ...Object.keys(match.shape).map((key) => `access[].match.${key}`),
]
