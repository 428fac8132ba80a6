// Reads single values. Each leaf accepts the text of an environment variable and the value that YAML makes of the same
// text. A refusal is text that follows the setting's name: "must be …".

import * as z from 'zod'

import { parseDuration } from '../../lib/duration.ts'

/** Reports a problem. The caller returns its result: `return refuse('must be …')`. */
export type Refuse = (words: string) => never

/** `quote` returns the part of the text that a problem may repeat. A leaf that can hold a password hides it. */
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

/** Any text on one line. Longer text is not repeated: it may be a key, pasted where its file name belongs. */
export const line: z.ZodType<string> = text('must be text', readLine, (written) =>
  isOneLine(written) ? written : undefined,
)

/** The check of `line`, for a leaf with further conditions. */
export function readLine(written: string, refuse: Refuse): string {
  if (written.trim() === '') return refuse('must not be empty; leave it out instead')
  return isOneLine(written) ? written : refuse('must be one line without control characters')
}

function isOneLine(written: string): boolean {
  return !/\p{Cc}/u.test(written)
}

/** Milliseconds; `0` needs no unit. */
export function duration(minMs = 0, minText = ''): z.ZodType<number> {
  const must = 'must be a duration such as 90s, 30m or 12h'
  const leaf = text(must, (written, refuse) => {
    const ms = parseDuration(written)
    if (ms === undefined) return refuse(must)
    return ms < minMs ? refuse(`must be at least ${minText}`) : ms
  })
  return z.preprocess((input) => (typeof input === 'number' ? String(input) : input), leaf)
}

/** An integer from `min` to `max`, written with digits alone. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const must = `must be a whole number from ${min} to ${max}`
  const leaf = text(must, (written, refuse) => {
    const value = /^(?:0|[1-9]\d{0,14})$/.test(written) ? Number(written) : Number.NaN
    return value >= min && value <= max ? value : refuse(must)
  })
  return z.preprocess((input) => (typeof input === 'number' ? String(input) : input), leaf)
}

/** `true` or `false`. Not `yes`, `1` or `on`. */
export const flag: z.ZodType<boolean> = z.preprocess(
  (input) => (input === 'true' ? true : input === 'false' ? false : input),
  z.boolean('must be true or false'),
)

/** One of the given words. */
export function choice<const T extends string>(...values: readonly [T, ...T[]]): z.ZodType<T> {
  return z.enum(values, `must be one of ${values.join(', ')}`)
}

/** A YAML list, or text separated by commas. */
export function list<T>(entry: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.preprocess(
    (input) => (typeof input === 'string' ? split(input) : input),
    z.array(entry, 'must be a list, or text separated by commas'),
  )
}

function split(written: string): string[] {
  return written
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** A map with these keys only. */
export function map<S extends z.core.$ZodShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'invalid_type' ? 'must be a map of settings' : undefined),
  })
}
