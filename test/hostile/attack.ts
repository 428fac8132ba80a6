// An attack uses several processes, because one process may not open enough files for all connections.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Kind, Orders, Toll } from './attacker.ts'

const MAX_PER_PROCESS = 5_000

export interface Attack {
  toll(): Promise<Toll>
  stop(): Promise<void>
}

export interface Target {
  readonly host: string
  readonly port: number
}

let nextHost = 2

/** Each process has its own address, from 127.0.0.2 upward. People use 127.0.0.1. */
export function startAttack(kind: Kind, count: number, { host, port }: Target): Attack {
  const children: ChildProcess[] = []
  for (let left = count; left > 0; left -= MAX_PER_PROCESS) {
    const child = fork(new URL('attacker.ts', import.meta.url))
    const from = `127.0.0.${nextHost}`
    nextHost = nextHost === 250 ? 2 : nextHost + 1
    const orders: Orders = { kind, host, port, from, count: Math.min(left, MAX_PER_PROCESS) }
    child.send(orders)
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.off('exit', kill))
    children.push(child)
  }
  return {
    async toll() {
      const tolls = await Promise.all(children.map(ask))
      const sum = (key: keyof Toll): number => tolls.reduce((total, toll) => total + toll[key], 0)
      return { attempted: sum('attempted'), connected: sum('connected'), closed: sum('closed') }
    },
    async stop() {
      await Promise.all(
        children.map((child) => {
          const gone = once(child, 'exit')
          child.kill('SIGKILL')
          return gone
        }),
      )
    },
  }
}

async function ask(child: ChildProcess): Promise<Toll> {
  const answer = once(child, 'message')
  child.send({})
  const [toll] = (await answer) as [Toll]
  return toll
}
