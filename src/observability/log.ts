// Creates the log, which writes one JSON line per event. Levels: error = someone must act now; warn = look into it today;
// info = start, stop and changes of state; debug = single requests.

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
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(protocol === undefined ? {} : { error: protocol }),
    ...(cause instanceof Error && depth < 3 ? { cause: describe(cause, depth + 1) } : {}),
  }
}
