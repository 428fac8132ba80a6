// A control group with a memory limit, as in a container. If none can be created on this machine, V8's heap is limited and
// the memory is watched instead.

import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface MemoryLimit {
  /** How the limit is enforced, for the report. */
  readonly description: string
  /** Arguments to put before the command, so that the process starts inside the limit. */
  readonly launcher: readonly string[]
  readonly nodeOptions: readonly string[]
  /** Bytes in use now by the process of that id. */
  used(pid: number): number
  remove(): void
}

const V2_ROOT = '/sys/fs/cgroup'
const V1_ROOT = '/sys/fs/cgroup/memory'

export function limitMemory(bytes: number, name: string): MemoryLimit {
  return groupOfV2(bytes, name) ?? groupOfV1(bytes, name) ?? heapOnly(bytes)
}

function groupOfV2(bytes: number, name: string): MemoryLimit | undefined {
  if (!isReadable(join(V2_ROOT, 'cgroup.controllers'))) return undefined
  const folder = join(V2_ROOT, name)
  return group('cgroup v2', folder, 'memory.current', () => {
    writeFileSync(join(V2_ROOT, 'cgroup.subtree_control'), '+memory')
    mkdirSync(folder)
    writeFileSync(join(folder, 'memory.max'), String(bytes))
    if (isReadable(join(folder, 'memory.swap.max')))
      writeFileSync(join(folder, 'memory.swap.max'), '0')
  })
}

function groupOfV1(bytes: number, name: string): MemoryLimit | undefined {
  const folder = join(V1_ROOT, name)
  return group('cgroup v1', folder, 'memory.usage_in_bytes', () => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'memory.limit_in_bytes'), String(bytes))
  })
}

function group(
  kind: string,
  folder: string,
  usage: string,
  make: () => void,
): MemoryLimit | undefined {
  try {
    make()
  } catch {
    return undefined
  }
  return {
    description: `${kind}: ${folder}`,
    launcher: ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$@"`, 'sh'],
    nodeOptions: [],
    used: () => Number(readFileSync(join(folder, usage), 'utf8')),
    remove: () => rmdirSync(folder),
  }
}

function heapOnly(bytes: number): MemoryLimit {
  const mebibytes = Math.floor(bytes / 2 / 1_024 / 1_024)
  return {
    description: `NO CONTROL GROUP can be made here: --max-old-space-size=${mebibytes} bounds the heap, and the resident memory is only watched`,
    launcher: [],
    nodeOptions: [`--max-old-space-size=${mebibytes}`],
    used(pid) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1_024
    },
    remove: () => {},
  }
}

function isReadable(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
