// A process of the bench. Its first log line says where it listens, and it answers one request at a time.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Listening {
  readonly port: number
  /** The gateway's. */
  readonly adminPort?: number
}

export interface Child {
  readonly listening: Listening
  /** From the spawn to the line that says `listening`. */
  readonly start: Start
  /** The type of the answer is not checked, because both processes belong to the same bench. */
  ask<Answer>(question: object): Promise<Answer>
  stop(): Promise<void>
}

export interface Start {
  readonly wallMs: number
  /** What the process itself used of it, in user and kernel, all threads; in steps of the kernel's tick. */
  readonly cpuMs: number
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly nodeOptions?: readonly string[]
  /** Without this, only the script itself runs, and it answers no requests. */
  readonly answers?: boolean
  /** The CPUs it may run on, in the syntax of taskset(1). */
  readonly cores?: string
}

const ROOT = new URL('../../', import.meta.url)
const START_TIMEOUT_MS = 15_000
/** Linux counts in USER_HZ, which is 100 everywhere. */
const MS_PER_TICK = 10

/** `script` is a path from the root of the repository. */
export async function startChild(script: string, options: ChildOptions = {}): Promise<Child> {
  const { env = process.env, nodeOptions = [], answers = true, cores } = options
  const bound = cores === undefined ? [] : ['taskset', '-c', cores]
  const [command, ...words] = [...bound, process.execPath, ...nodeOptions, script]
  const startedAt = performance.now()
  const child = spawn(command, words, {
    cwd: fileURLToPath(ROOT),
    env,
    stdio: ['ignore', 'pipe', 'inherit', ...(answers ? (['ipc'] as const) : [])],
  })
  const ended = once(child, 'exit')
  // When the bench ends, its processes end too.
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  const stop = async (): Promise<void> => {
    process.off('exit', kill)
    kill()
    await ended
  }
  try {
    const listening = await firstListening(child, script)
    const start = { wallMs: performance.now() - startedAt, cpuMs: cpuMsOf(child.pid) }
    return { listening, start, stop, ask: (question) => ask(child, script, question) }
  } catch (error) {
    await stop()
    throw error
  }
}

async function firstListening(child: ChildProcess, script: string): Promise<Listening> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new Error(`${script} ${why}\n${lines.join('\n')}`))
    }
    const timer = setTimeout(fail, START_TIMEOUT_MS, 'did not listen in time')
    child.on('error', (error) => fail(error.message))
    child.on('exit', () => fail('ended'))
    // Read until the process ends, because a full pipe would block it.
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (lines.length < 20) lines.push(line)
      if (!line.includes('"listening"')) return
      clearTimeout(timer)
      resolve(JSON.parse(line) as Listening)
    })
  })
}

/** proc(5): utime and stime are fields 14 and 15; the second, the name, may hold anything but ends at the last `)`. */
function cpuMsOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

async function ask<Answer>(child: ChildProcess, script: string, question: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error(`${script} ended`))
    child.once('exit', onExit)
    child.once('message', (answer: { error?: string }) => {
      child.off('exit', onExit)
      if (answer.error === undefined) resolve(answer as Answer)
      else reject(new Error(`${script}: ${answer.error}`))
    })
    child.send(question)
  })
}
