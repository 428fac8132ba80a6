// How a store says that it failed: in one code, told to the log once a minute, and without what the call carried.

import { codeOf, GatewayError } from '../lib/errors.ts'

const REPEAT_MS = 60_000

/** Runs one store call; whatever goes wrong comes out as `store-unavailable`. */
export type Attempt = <T>(call: () => T | Promise<T>) => Promise<T>

export interface StoreTrouble {
  readonly attempt: Attempt
  /** Tells of a failure that no call met. */
  readonly tell: (error: unknown) => void
  /** Forgets what was told: the next failure is news again. */
  readonly reset: () => void
}

export function createStoreTrouble(
  now: () => number,
  onTrouble: (error: GatewayError) => void,
): StoreTrouble {
  const told = new Map<string, number>()

  function tell(error: unknown): GatewayError {
    const failure = storeUnavailable(error)
    const what = String(failure.cause)
    const before = told.get(what)
    // A store that is away fails every request: the log needs each reason, not each request.
    if (before === undefined || before + REPEAT_MS <= now()) {
      if (told.size > 100) told.clear()
      told.set(what, now())
      onTrouble(failure)
    }
    return failure
  }

  return {
    async attempt(call) {
      try {
        return await call()
      } catch (error) {
        throw tell(error)
      }
    },
    tell,
    reset: () => told.clear(),
  }
}

/** The cause keeps message and code only: clients hang the whole command on their errors, a password included. */
function storeUnavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const { message, name } = error instanceof Error ? error : new Error(String(error))
  const code = codeOf(error)
  const cause = new Error(message === '' ? (code ?? name) : message)
  return new GatewayError('store-unavailable', 'the session store did not answer', {
    cause: code === undefined ? cause : Object.assign(cause, { code }),
  })
}
