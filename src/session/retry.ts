// Repeats work that the store has not accepted yet.

const RETRY_MS = 2_000

/** Tries again every two seconds until it succeeds or `until` has passed (ms since the epoch). Never rejects. */
export async function retryUntil(
  until: number,
  now: () => number,
  work: () => Promise<unknown>,
): Promise<void> {
  do {
    await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS).unref())
    try {
      await work()
      return
    } catch {
      // The store has already logged the failure.
    }
  } while (now() < until)
}
