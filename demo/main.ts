// `npm run demo`: what it is told, what it says, and how it ends.

import { codeOf } from '../src/lib/errors.ts'
import { startDemo } from './demo.ts'
import type { Demo } from './demo.ts'
import { parseDemoCommand, USAGE } from './demo-options.ts'
import type { DemoOptions } from './demo-options.ts'
import { alice, bob, mallory } from './people.ts'
import type { Person } from './people.ts'

/** npm passes on the terminal's signal a second time; one this soon is no second Ctrl-C. */
const ECHO_MS = 300
const CREDENTIALS_WIDTH = 17

function main(): void {
  const command = parseDemoCommand(process.argv.slice(2))
  switch (command.kind) {
    case 'help':
      process.stdout.write(USAGE)
      break
    case 'mistake':
      process.stderr.write(`${command.message}\n\n${USAGE}`)
      process.exitCode = 1
      break
    case 'run':
      run(command.options)
      break
  }
}

function run(options: DemoOptions): void {
  const starting = startDemo(options)
  stopOnSignal(starting)
  starting.then(introduce, (error: unknown) => {
    process.stderr.write(`The demo did not start: ${explain(error, options)}\n`)
    process.exitCode = 1
  })
}

function introduce({ publicUrl, issuer, desktop, caution, isForViewers }: Demo): void {
  const bobMay = isForViewers
    ? 'may watch it'
    : 'may not enter: your KasmVNC needs --viewer-username and --viewer-password for him'
  process.stdout.write(`Ghostwire demo ready: ${publicUrl}

  People     ${credentials(alice)}  may control the desktop
             ${credentials(bob)}  ${bobMay}
             ${credentials(mallory)}  may sign in, may not enter
  Provider   ${issuer}
  Desktop    ${desktop}
${caution === undefined ? '' : `  Caution    ${caution}\n`}  Stop       Ctrl-C

What follows is the audit, one line for each decision.
`)
}

function credentials({ username, password }: Person): string {
  return `${username} / ${password}`.padEnd(CREDENTIALS_WIDTH)
}

function stopOnSignal(starting: Promise<Demo>): void {
  let stoppingSince: number | undefined
  const stop = (): void => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > ECHO_MS) process.exit(1)
      return
    }
    stoppingSince = performance.now()
    starting
      .then((demo) => demo.stop())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  // Nobody reads on: the other end of a pipe has gone.
  process.stdout.on('error', stop)
}

function explain(error: unknown, { port }: DemoOptions): string {
  if (codeOf(error) === 'EADDRINUSE') {
    return `port ${port} is in use; name another one with -- --port N`
  }
  return error instanceof Error ? error.message : String(error)
}

main()
