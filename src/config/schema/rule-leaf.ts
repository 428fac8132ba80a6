// The YAML list `access`: the people that each rule matches, and their role.

import * as z from 'zod'

import { choice, duration, line, list, map } from './leaf.ts'
import { email, emailDomain } from './sign-in-leaves.ts'
import type { WrittenRule } from './written-settings.ts'

const claimValue = z
  .union([z.string(), z.number(), z.boolean()], 'must be text, a number, true or false')
  .transform(String)

/** Not split at commas, unlike lists of people: the value of a claim may contain a comma. */
const claimValues = z.preprocess(
  (input) => (typeof input === 'object' || input === undefined ? input : [input]),
  z.array(claimValue, 'must be a list of values').min(1, 'must name at least one value'),
)

const match = map({
  provider: list(line).prefault([]),
  groups: list(line).prefault([]),
  emails: list(email).prefault([]),
  emailDomains: list(emailDomain).prefault([]),
  claims: z.record(z.string(), claimValues, 'must be a map of claims').prefault({}),
})

const requirement = map({
  acr: z
    .preprocess(
      (input) => (typeof input === 'string' ? [input] : input),
      z.array(line, 'must be a list of values'),
    )
    .prefault([]),
  maxAge: duration(1_000, '1s').optional(),
}).transform(({ acr, maxAge }) => ({ acr, maxAge }))

const permission = choice('allow', 'deny')

const rule = map({
  match: match.optional(),
  role: choice('control', 'view', 'owner').optional(),
  require: requirement.optional(),
  clipboardIn: permission.optional(),
  downloads: permission.optional(),
})

/** access-rules.ts requires `role` and `match`, so that it can report all problems of a rule together. */
export const accessRules: z.ZodType<readonly WrittenRule[]> = z.array(
  rule,
  'must be a list of rules',
)

/** The path of each key of a rule; `[]` stands for the index. */
export const RULE_PATHS: readonly string[] = [
  ...Object.keys(rule.shape).map((key) => `access[].${key}`),
  ...Object.keys(match.shape).map((key) => `access[].match.${key}`),
  'access[].require.acr',
  'access[].require.maxAge',
]
