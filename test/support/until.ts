// Waits for a condition, even on a busy machine.

/** Asks every 20 ms, for at most 15 s. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 15_000
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`in vain: ${isSo.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
