// The process: arguments, settings, signals and exit codes. Of the gateway, only this file reads the environment.

import { parseArgs } from 'node:util'
import { describeSettings } from './config/describe-settings.ts'
import { loadSettings } from './config/load.ts'
import { startGateway, VERSION } from './gateway.ts'
import { createLog } from './observability/log.ts'

const USAGE = `ghostwire-gateway ${VERSION}

  --config FILE    YAML file with settings (default: $GATEWAY_CONFIG); the environment overrides it
  --check-config   check the settings, print them with secrets hidden, and exit
  --help, --version
`

async function main(): Promise<void> {
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
  const loaded = loadSettings({ env: process.env, configFile: args.config })
  if (args['check-config'] === true) {
    const { problems = [], warnings = [] } = loaded as { problems?: string[]; warnings?: string[] }
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
    for (const problem of problems) process.stderr.write(`${problem}\n`)
    if (loaded.ok) process.stdout.write(describeSettings(loaded.settings))
    else process.exitCode = 1
    return
  }
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
