// The log: one JSON line per life event. error = someone must act now; warn = look today; info = a line per event of
// the gateway's life; debug = per request.

import { pino, stdTimeFunctions, type Logger } from 'pino'
import type { Settings } from '../config/config.ts'

export type Log = Logger

/** `output` is stdout in the gateway itself. */
export function createLog(level: Settings['logLevel'], output: NodeJS.WritableStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    output,
  )
}

// A library's error can carry a whole request, tokens included: only its names, words and causes are written down.
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error
  const { name, message, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const protocol = 'error' in error && typeof error.error === 'string' ? error.error : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(protocol === undefined ? {} : { error: protocol }),
    ...(depth === 0 ? { stack } : {}),
    ...(cause instanceof Error && depth < 3 ? { cause: describeError(cause, depth + 1) } : {}),
  }
}
