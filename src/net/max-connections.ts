// Computes how many connections this process can hold with the available memory.

import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Settings } from '../config/config.ts'

/** The limits of the process, in bytes; `openFiles` is a count. */
export interface Resources {
  /** Memory limit of the container (cgroup v2 or v1); without one, the memory of the machine. */
  readonly memory: number
  /** Maximum size of V8's old generation. Without options it is about half of the container's memory. */
  readonly heap: number
  readonly openFiles: number
}

// What one connection can cost, with 16 KiB of unfinished header in fields of the most expensive length: measured on
// Node 24, 34 KiB of heap, and as much again for sockets, parser and buffers; OpenSSL's part comes on top.
const HEAP_PER_CONNECTION = 48 * 1_024
const MEMORY_PER_CONNECTION = 96 * 1_024
const MEMORY_PER_TLS_CONNECTION = 160 * 1_024
/** The rest is for sessions, buffers of tunnels, cached files, and the gateway itself. */
const SHARE = 0.5
/** A tunnel has two sockets, and some open files are not sockets. */
const FILES_PER_CONNECTION = 2
const OTHER_FILES = 100
const MIN_CONNECTIONS = 64

/** The default of `limits.connections`. */
export function maxConnectionsFor(
  { memory, heap, openFiles }: Resources,
  { tls }: { readonly tls: boolean },
): number {
  const perConnection = tls ? MEMORY_PER_TLS_CONNECTION : MEMORY_PER_CONNECTION
  const most = Math.min(
    (memory * SHARE) / perConnection,
    (heap * SHARE) / HEAP_PER_CONNECTION,
    (openFiles - OTHER_FILES) / FILES_PER_CONNECTION,
  )
  return Math.max(MIN_CONNECTIONS, Math.floor(most))
}

/**
 * The limit of the public listener. `nodeOptions` are those that Node was started with. `warn` is told when the settings ask for more than the memory is good for: it is
 * then the operator's risk that a flood ends the process.
 */
export function chooseMaxConnections(
  { limits, tls }: Settings,
  nodeOptions: string,
  warn: (message: string) => void,
): number {
  const byMemory = maxConnectionsFor(resourcesOfThisProcess(nodeOptions), {
    tls: tls !== undefined,
  })
  const { connections = byMemory } = limits
  if (connections > byMemory) {
    warn(
      `GATEWAY_LIMITS_CONNECTIONS (limits.connections) is ${connections}, and this process has memory and open files for ${byMemory}: lower the setting, or give the container more`,
    )
  }
  return connections
}

function resourcesOfThisProcess(nodeOptions: string): Resources {
  // Without a limit the value is 0 or, on cgroup v1, larger than any machine's memory.
  const constrained = process.constrainedMemory()
  return {
    memory: constrained === 0 ? totalmem() : Math.min(constrained, totalmem()),
    heap: maxHeapOfThisProcess(nodeOptions),
    openFiles: openFilesOfThisProcess(),
  }
}

// With an option for the old generation, V8's figure also includes the young generation: up to 192 MiB that do not help.
function maxHeapOfThisProcess(nodeOptions: string): number {
  const { heap_size_limit: limit } = getHeapStatistics()
  const [, mebibytes] = /--max[-_]old[-_]space[-_]size[= ](\d+)/.exec(nodeOptions) ?? []
  return mebibytes === undefined ? limit : Math.min(limit, Number(mebibytes) * 1_024 * 1_024)
}

// Only Linux reports it. On other systems only memory counts.
function openFilesOfThisProcess(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}
