// `ghostwire-gateway check [--online]`: checks the settings and, with `--online`, asks the parts that they name.

import { parseArgs } from 'node:util'
import { describeSettings } from '../config/describe-settings.ts'
import { loadSettings, type SettingsSource } from '../config/load.ts'
import { renderFindings, renderJson } from './render.ts'

const CHECK_USAGE = `check [--config FILE] [--online] [--json]

  Checks the settings and prints them with secrets hidden.

  --config FILE   YAML file with settings (default: $GATEWAY_CONFIG); the environment overrides it
  --online        also ask providers, desktop, store and certificates, and print a line for each check
  --json          print the result as JSON

  Exit code: 0 no problem was found (warnings are none), 1 a problem was found.
`

export interface Outcome {
  readonly exitCode: 0 | 1
  readonly stdout: string
  readonly stderr: string
}

/** `args` follow the name of the command. */
export async function check(args: readonly string[], env: SettingsSource['env']): Promise<Outcome> {
  let parsed
  try {
    parsed = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        online: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    return { exitCode: 1, stdout: '', stderr: `${(error as Error).message}\n\n${CHECK_USAGE}` }
  }
  const { config, online, json, help } = parsed
  if (help === true) return { exitCode: 0, stdout: CHECK_USAGE, stderr: '' }

  const loaded = loadSettings({ env, configFile: config })
  if (!loaded.ok) {
    const { problems } = loaded
    return json
      ? { exitCode: 1, stdout: renderJson({ problems, warnings: [] }), stderr: '' }
      : { exitCode: 1, stdout: '', stderr: lines(problems) }
  }
  const { settings, warnings } = loaded
  // The parts take a while to load.
  const findings = online
    ? await (await import('./check-online.ts')).checkOnline(settings)
    : undefined
  const exitCode = findings?.some(({ state }) => state === 'failed') === true ? 1 : 0
  if (json) {
    const stdout = renderJson({ problems: [], warnings, settings, findings })
    return { exitCode, stdout, stderr: '' }
  }
  const stdout = findings === undefined ? describeSettings(settings) : renderFindings(findings)
  return { exitCode, stdout, stderr: lines(warnings.map((warning) => `warning: ${warning}`)) }
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}
