// Loads the settings at start: reads the YAML file, overlays the environment, reads secrets from their files, and then
// reports all problems at once. docs/configuration.md documents names and meanings.

import { checkAccess, compileRules } from './check/access-rules.ts'
import { assembleSettings } from './assemble-settings.ts'
import { checkFiles } from './check/check-files.ts'
import { checkRequired, checkTogether, warningsAbout } from './check/check-together.ts'
import type { Settings } from './config.ts'
import { readConfigFile } from './read/config-file.ts'
import { readEnvironment, type Environment } from './read/environment.ts'
import { readProxyVariables } from './forward-proxy.ts'
import { layPresetUnder } from './presets.ts'
import { problem, unlessReported, type Problem } from './read/problem.ts'
import { readWritten } from './read/read-written.ts'
import { SETTINGS } from './schema/schema.ts'
import { readSecretFiles } from './read/secret-files.ts'
import { isTree, removeAt, sectionsAt, setAt, valueAt, type Tree } from './read/tree.ts'

export interface SettingsSource {
  readonly env: Environment
  /** The value of `--config`. Undefined: GATEWAY_CONFIG, if that is set. */
  readonly configFile: string | undefined
}

export type SettingsResult =
  | { readonly ok: true; readonly settings: Settings; readonly warnings: string[] }
  | { readonly ok: false; readonly problems: string[] }

export function loadSettings({ env, configFile }: SettingsSource): SettingsResult {
  const environment = readEnvironment(env)
  const file = readConfigFile(configFile ?? environment.configFile)
  if (!file.ok) return refused([...environment.problems, ...file.problems])

  const listProblems = checkNotBesideList(file.tree, environment.tree)
  const tree = overlay(file.tree, environment.tree)
  for (const { section } of sectionsAt(tree, 'oidc')) layPresetUnder(section)
  const secretProblems = readSecretFiles(tree)
  const { written, problems: invalid } = readWritten(tree, file.locate)
  const reported = [...environment.problems, ...listProblems, ...secretProblems, ...invalid]
  if (written === undefined) return refused(reported)

  const proxyVariables = readProxyVariables(env)
  const usesVariables = written.oidc.some((provider) => provider.proxy === undefined)
  const rules = compileRules(written)
  const problems = [
    ...reported,
    ...unlessReported(reported, [
      ...checkRequired(tree),
      ...checkTogether(written, rules),
      ...checkAccess(written, tree),
      ...checkFiles(written),
      ...(usesVariables ? proxyVariables.problems : []),
    ]),
  ]
  const settings = assembleSettings(written, rules, proxyVariables)
  if (problems.length > 0 || settings === undefined) return refused(problems)
  return { ok: true, settings, warnings: warningsAbout(written) }
}

/** With several providers, a variable such as GATEWAY_OIDC_CLIENT_ID does not say which of them it is for. */
function checkNotBesideList(file: Tree, environment: Tree): readonly Problem[] {
  if (!Array.isArray(file['oidc']) || !isTree(environment['oidc'])) return []
  return Object.keys(environment['oidc']).map((key) =>
    problem(
      `oidc.${key}`,
      'must not be given together with a list of providers in the YAML file; write it there',
    ),
  )
}

function refused(problems: readonly Problem[]): SettingsResult {
  return { ok: false, problems: problems.map(({ sentence }) => sentence) }
}

/**
 * The environment overrides the file. A secret has two forms (value and file name); either form in the environment
 * replaces both forms in the YAML file, so that the two do not conflict.
 */
function overlay(file: Tree, environment: Tree): Tree {
  const tree = structuredClone(file)
  for (const { path, secret } of SETTINGS) {
    const forms = secret ? [path, `${path}File`] : [path]
    const given = forms.filter((form) => valueAt(environment, form) !== undefined)
    if (given.length === 0) continue
    for (const form of forms) removeAt(tree, form.split('.'))
    for (const form of given) setAt(tree, form, valueAt(environment, form))
  }
  return tree
}
