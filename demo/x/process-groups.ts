// Programs that must not outlive this process, each leader of a process group of its own so that a Ctrl-C in the terminal
// reaches us and not them. A reaper, a shell, reads which groups live; when its input ends, because we asked or because
// this process is gone (crash and SIGKILL included), it ends them and removes their directory.

import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'

// `kill -s` and not `kill -TERM`: dash takes no `--` after the latter.
const REAPER = `
  groups=
  while read -r line; do groups=$line; done
  for group in $groups; do kill -s TERM -- "-$group"; done
  for group in $groups; do
    tries=0
    while [ $tries -lt 20 ] && kill -s 0 -- "-$group"; do sleep 0.1; tries=$((tries + 1)); done
    kill -s KILL -- "-$group"
  done
  rm -rf -- "$1"
`

export interface StartOptions {
  readonly env: NodeJS.ProcessEnv
  readonly stdio?: StdioOptions
}

export interface ProcessGroups {
  start(command: string, args: readonly string[], options: StartOptions): ChildProcess
  /** Ends every group and removes the directory. */
  stop(): Promise<void>
}

/** `directory` is what the programs may write to. */
export function createProcessGroups(directory: string): ProcessGroups {
  const reaper = spawn('/bin/sh', ['-c', REAPER, 'ghostwire-demo-reaper', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // It ended before us, so there is nothing to send.
  reaper.stdin.on('error', () => {})
  const reaped = once(reaper, 'exit')
  const living = new Set<number>()
  const announce = (): void => {
    if (reaper.stdin.writable) reaper.stdin.write(`${[...living].join(' ')}\n`)
  }

  return {
    start(command, args, { env, stdio = 'ignore' }) {
      const child = spawn(command, args, { detached: true, env, stdio, cwd: directory })
      const { pid } = child
      child.on('error', () => {})
      if (pid !== undefined) {
        living.add(pid)
        announce()
        child.on('exit', () => {
          living.delete(pid)
          announce()
        })
      }
      return child
    },
    async stop() {
      reaper.stdin.end()
      await reaped
    },
  }
}
