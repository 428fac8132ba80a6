// How a store reports failures: with one code, logged once a minute, and without the data of the call.

import { codeOf, GatewayError } from '../lib/errors.ts'

const REPEAT_MS = 60_000

/** Runs one store call. Any failure becomes `store-unavailable`. */
export type Attempt = <T>(call: () => T | Promise<T>) => Promise<T>

export interface StoreTrouble {
  readonly attempt: Attempt
  /** Reports a failure outside of any call. */
  readonly tell: (error: unknown) => void
  /** The next failure is logged again, even if it is the same. */
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
    // During an outage every request fails. The log needs each reason once, not each request.
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

/** Keeps only message and code of the cause: clients attach the whole command to their errors, passwords included. */
function storeUnavailable(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const { message, name } = error instanceof Error ? error : new Error(String(error))
  const code = codeOf(error)
  const cause = new Error(message === '' ? (code ?? name) : message)
  return new GatewayError('store-unavailable', 'the session store did not answer', {
    cause: code === undefined ? cause : Object.assign(cause, { code }),
  })
}
