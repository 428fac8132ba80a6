// The process: arguments, settings, signals and exit codes. Of the gateway, only this file reads the environment.

import { parseArgs } from 'node:util'
import { loadSettings } from './config/load.ts'
import { startGateway, VERSION } from './gateway.ts'
import { createLog } from './observability/log.ts'

const USAGE = `ghostwire-gateway ${VERSION}

  --config FILE    YAML file with settings (default: $GATEWAY_CONFIG); the environment overrides it
  --check-config   the same as check without --online
  --help, --version

  check [--online]            check the settings, and with --online also the parts that they name (--help says more)
  import-oauth2-proxy FILE…   print settings made from a configuration of oauth2-proxy (--help says more)
`

interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Each gets the arguments after its name. They are loaded on use, so that the gateway starts without them. */
const COMMANDS: ReadonlyMap<string, (args: readonly string[]) => Promise<Outcome>> = new Map([
  ['check', check],
  [
    'import-oauth2-proxy',
    async (args) => (await import('./import/import-oauth2-proxy.ts')).importOauth2Proxy(args),
  ],
])

async function check(args: readonly string[]): Promise<Outcome> {
  return (await import('./check/check.ts')).check(args, process.env)
}

function finish({ exitCode, stdout, stderr }: Outcome): void {
  process.stderr.write(stderr)
  process.stdout.write(stdout)
  process.exitCode = exitCode
}

async function main(): Promise<void> {
  const [name = '', ...rest] = process.argv.slice(2)
  const command = COMMANDS.get(name)
  if (command !== undefined) return finish(await command(rest))
  const log = createLog('info', process.stdout)
  let args
  try {
    args = parseArgs({
      options: {
        config: { type: 'string' },
        'check-config': { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    process.exitCode = 1
    return
  }
  if (args.help === true || args.version === true) {
    process.stdout.write(args.help === true ? USAGE : `${VERSION}\n`)
    return
  }
  if (args['check-config'] === true) {
    const file = args.config === undefined ? [] : ['--config', args.config]
    return finish(await check(file))
  }
  const loaded = loadSettings({ env: process.env, configFile: args.config })
  if (!loaded.ok) {
    log.fatal({ problems: loaded.problems }, 'the settings are invalid')
    process.exitCode = 1
    return
  }
  for (const warning of loaded.warnings) log.warn(warning)

  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error) => {
      log.fatal({ err: error }, event)
      process.exit(1)
    })
  }
  const nodeOptions = [...process.execArgv, process.env['NODE_OPTIONS']].join(' ')
  const gateway = await startGateway(loaded.settings, { nodeOptions }).catch((error: unknown) => {
    log.fatal({ err: error }, 'the gateway did not start')
    process.exit(1)
  })
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      gateway.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.fatal({ err: error }, 'the gateway did not stop cleanly')
          process.exit(1)
        },
      )
    })
  }
}

await main()
