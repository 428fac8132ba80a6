// An attempt to reach a provider that is made until it succeeds, and again from time to time.

const INITIAL_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000
/** Shows an outage of the provider before the next person signs in. */
const AGAIN_MS = 60_000

export interface RepeatedAttempt {
  /** Makes the first attempt now. Call it once. */
  readonly start: () => void
  /** Makes the next attempt soon: something shows that it is needed. */
  readonly soon: () => void
  /** Resolves when an attempt has succeeded. */
  readonly succeeded: Promise<void>
  stop(): void
}

/** `onFailure` gets the error and the time until the next attempt, in ms. It is not called after `stop`. */
export function repeatAttempt(
  attempt: () => Promise<void>,
  onFailure: (error: unknown, retryMs: number) => void,
): RepeatedAttempt {
  const { promise: succeeded, resolve } = Promise.withResolvers<void>()
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let retryMs = INITIAL_RETRY_MS

  function schedule(delay: number): void {
    if (isStopped) return
    clearTimeout(timer)
    timer = setTimeout(() => void run(), delay)
    timer.unref()
  }

  async function run(): Promise<void> {
    try {
      await attempt()
      retryMs = INITIAL_RETRY_MS
      resolve()
      schedule(AGAIN_MS)
    } catch (error) {
      if (isStopped) return
      onFailure(error, retryMs)
      schedule(retryMs)
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)
    }
  }

  return {
    start: () => void run(),
    soon: () => schedule(INITIAL_RETRY_MS),
    succeeded,
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
