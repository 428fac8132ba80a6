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
      // `err` is a fault of ours, and where it was thrown matters; a `cause` was foreseen, and its words are enough.
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

// A library's error can carry a whole request, tokens included: only its names, words and causes are written down.
function describe(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error
  const { name, cause } = error
  // JSON.parse quotes what it could not read, and that may have been a token.
  const message = error instanceof SyntaxError ? 'not shown' : error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const protocol = 'error' in error && typeof error.error === 'string' ? error.error : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(protocol === undefined ? {} : { error: protocol }),
    ...(cause instanceof Error && depth < 3 ? { cause: describe(cause, depth + 1) } : {}),
  }
}
