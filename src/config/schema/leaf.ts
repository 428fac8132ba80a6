// How one value is read. Each leaf takes the text an environment variable holds as well as what YAML makes of the
// same thing, and refuses in words that follow the setting's name: "must be …".

import * as z from 'zod'

import { parseDuration } from '../../lib/duration.ts'

/** To be returned: `return refuse('must be …')`. */
export type Refuse = (words: string) => never

/** `quote` is what a refusal may repeat of the text; a leaf that can hold a password hides it there. */
export function text<T>(
  must: string,
  read: (written: string, refuse: Refuse) => T,
  quote: (written: string) => string | undefined = String,
): z.ZodType<T> {
  return z
    .string({ error: ({ input }) => (isScalar(input) ? 'must be text; put it in quotes' : must) })
    .transform((written, { issues }) =>
      read(written, (message) => {
        issues.push({ code: 'custom', message, input: quote(written) })
        return z.NEVER
      }),
    )
}

function isScalar(input: unknown): boolean {
  return typeof input === 'number' || typeof input === 'boolean'
}

/** Any text on one line. What is not one line may be a key pasted in place of its file and is not repeated. */
export const line: z.ZodType<string> = text('must be text', readLine, (written) =>
  isOneLine(written) ? written : undefined,
)

/** What `line` does, for a leaf that asks for more. */
export function readLine(written: string, refuse: Refuse): string {
  if (written.trim() === '') return refuse('must not be empty; leave it out instead')
  return isOneLine(written) ? written : refuse('must be one line without control characters')
}

function isOneLine(written: string): boolean {
  return !/\p{Cc}/u.test(written)
}

/** Milliseconds; `0` needs no unit. */
export function duration(leastMs = 0, leastText = ''): z.ZodType<number> {
  const must = 'must be a duration such as 90s, 30m or 12h'
  const leaf = text(must, (written, refuse) => {
    const ms = parseDuration(written)
    if (ms === undefined) return refuse(must)
    return ms < leastMs ? refuse(`must be at least ${leastText}`) : ms
  })
  return z.preprocess((input) => (typeof input === 'number' ? String(input) : input), leaf)
}

/** An integer from `min` to `max`, written with digits alone. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const must = `must be a whole number from ${min} to ${max}`
  const leaf = text(must, (written, refuse) => {
    const value = /^\d{1,15}$/.test(written) ? Number(written) : Number.NaN
    return value >= min && value <= max ? value : refuse(must)
  })
  return z.preprocess((input) => (typeof input === 'number' ? String(input) : input), leaf)
}

/** `true` or `false` and nothing that only means them. */
export const flag: z.ZodType<boolean> = z.preprocess(
  (input) => (input === 'true' ? true : input === 'false' ? false : input),
  z.boolean('must be true or false'),
)

/** One of these words. */
export function choice<const T extends string>(...values: readonly [T, ...T[]]): z.ZodType<T> {
  return z.enum(values, `must be one of ${values.join(', ')}`)
}

/** A YAML list, or one text with commas. */
export function list<T>(entry: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.preprocess(
    (input) => (typeof input === 'string' ? split(input) : input),
    z.array(entry, 'must be a list, or one text with commas'),
  )
}

function split(written: string): string[] {
  return written
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** A map with these keys and no others. */
export function map<S extends z.core.$ZodShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'invalid_type' ? 'must be a map of settings' : undefined),
  })
}
