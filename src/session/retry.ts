// Work that the store did not take yet.

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
      // The store has told the log.
    }
  } while (now() < until)
}
