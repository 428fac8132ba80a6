// Creates the log, which writes one JSON line per event. Levels: error = someone must act now; warn = look into it today;
// info = start, stop and changes of state; debug = single requests.

import { pino, stdTimeFunctions, type Logger } from 'pino'
import type { Settings } from '../config/config.ts'
import { printable } from '../lib/printable.ts'

export type Log = Logger

/** `output` is stdout in the gateway itself. */
export function createLog(level: Settings['logLevel'], output: NodeJS.WritableStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // `err` is for unexpected errors, which need a stack trace. `cause` is for expected ones: the message is enough.
      serializers: { err: withStack, cause: describe },
    },
    output,
  )
}

function withStack(error: unknown): unknown {
  const described = describe(error)
  if (!(error instanceof Error) || error instanceof SyntaxError) return described
  return { ...(described as object), stack: error.stack }
}

// An error of a library can contain a whole request with tokens. Only name, message, codes and causes are logged.
function describe(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error
  const { name, cause } = error
  // JSON.parse quotes the text that it could not read, which may be a token.
  const message = error instanceof SyntaxError ? 'not shown' : error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const protocol = 'error' in error && typeof error.error === 'string' ? error.error : undefined
  const description = 'error_description' in error ? wordsOf(error.error_description) : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(protocol === undefined ? {} : { error: protocol }),
    ...(description === undefined ? {} : { error_description: description }),
    ...mismatch(cause),
    ...(cause instanceof Error && depth < 3 ? { cause: describe(cause, depth + 1) } : {}),
  }
}

const MAX_DESCRIPTION = 300

/** The provider's own words (RFC 6749 5.2). */
function wordsOf(text: unknown): string | undefined {
  return typeof text === 'string' ? printable(text, MAX_DESCRIPTION) : undefined
}

/** A wrong issuer is told with both values: oauth4webapi keeps them in the cause. */
function mismatch(cause: unknown): { expected?: string; found?: string } {
  if (typeof cause !== 'object' || cause === null) return {}
  const { attribute, expected, body } = cause as Record<string, unknown>
  if (attribute !== 'issuer' || typeof expected !== 'string') return {}
  const found = wordsOf((body as Record<string, unknown> | undefined)?.['issuer'])
  return { expected, ...(found === undefined ? {} : { found }) }
}
