// Loaded into a relay before its own code (`node --import`). It answers with the CPU time and memory used so far.

import { setTimeout as sleep } from 'node:timers/promises'

export interface UsageQuestion {
  /** Collect all garbage first, and give the heap's empty pages back; needs `--expose-gc`. */
  readonly collect: boolean
}

export interface Usage {
  /** Of all threads since the start, in user and kernel. */
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapBytes: number
}

process.on('message', (question: UsageQuestion) => void answer(question))
// This must not keep the relay's process alive.
process.channel?.unref()

async function answer({ collect }: UsageQuestion): Promise<void> {
  if (collect) {
    // The second run frees what the finalizers of the first one released.
    for (let run = 0; run < 2; run += 1) {
      // Any lesser collection keeps the pages of the young generation, which may be tens of MB more or less.
      globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      await sleep(150)
    }
  }
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const usage: Usage = {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: rss,
    heapBytes: heapUsed,
  }
  process.send?.(usage)
}
