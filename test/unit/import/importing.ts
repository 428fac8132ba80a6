// Runs the importer on texts, and loads what it prints.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll } from 'vitest'
import { parse } from 'yaml'

import { type Tree } from '../../../src/lib/tree.ts'
import { valueAt } from '../../../src/config/read/tree.ts'
import { SETTINGS } from '../../../src/config/schema/schema.ts'
import { importOauth2Proxy, type Outcome } from '../../../src/import/import-oauth2-proxy.ts'
import { problemsFrom, SECRET, writeFile } from '../config/loading.ts'

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-import-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Writes a text where the importer can read it. */
export function fileOf(text: string): string {
  const file = join(mkdtempSync(join(folder, '_')), 'input')
  writeFileSync(file, text)
  return file
}

/** Each text is a file; `args` come before them. */
export function importTexts(texts: readonly string[], args: readonly string[] = []): Outcome {
  return importOauth2Proxy([...args, ...texts.map(fileOf)])
}

export interface Imported extends Outcome {
  readonly settings: Tree
}

/** What a configuration file becomes. Lines of TOML. */
export function importToml(...lines: readonly string[]): Imported {
  const outcome = importTexts([lines.join('\n')], ['--format', 'toml'])
  if (outcome.exitCode === 1) throw new Error(outcome.stderr)
  return { ...outcome, settings: parse(outcome.stdout) as Tree }
}

/** Enough that nothing is lost or missing. `base` without the lines of those keys that `lines` set. */
export const COMPLETE: readonly string[] = [
  'provider = "oidc"',
  'oidc_issuer_url = "https://login.example.com/"',
  'client_id = "desk"',
  'redirect_url = "https://desk.example.com/oauth2/callback"',
  'email_domains = "*"',
  'allowed_groups = "ops"',
  'upstreams = "http://desktop:6901"',
]

export function importWith(...lines: readonly string[]): Imported {
  const keys = lines.map(keyOf)
  return importToml(...COMPLETE.filter((line) => !keys.includes(keyOf(line))), ...lines)
}

/** COMPLETE without the lines of these keys, and with further ones. */
export function importWithout(keys: readonly string[], ...lines: readonly string[]): Imported {
  return importToml(...COMPLETE.filter((line) => !keys.includes(keyOf(line))), ...lines)
}

function keyOf(line: string): string {
  return line.split('=')[0]?.trim() ?? ''
}

/** The importer writes these before the gateway knows them. Each is loaded as soon as the schema has it. */
export const NOT_YET: readonly string[] = [
  'oidc.preset',
  'oidc.kind',
  'oidc.label',
  'oidc.endpoints',
].filter((known) => !SETTINGS.some(({ path }) => path === known || path.startsWith(`${known}.`)))

/** The problems of the printed settings, with real files in place of the secrets. */
export function problemsOf(stdout: string): readonly string[] {
  const tree = parse(stdout) as Tree
  const oidc = tree['oidc'] as Tree
  const isGithub = oidc['preset'] === 'github'
  const knowsGithub = SETTINGS.some(({ meaning }) => meaning.includes('`github`'))
  for (const path of NOT_YET) delete oidc[path.slice('oidc.'.length)]
  if (isGithub && !knowsGithub) {
    delete oidc['preset']
    delete oidc['kind']
    oidc['issuer'] = 'https://login.example.com/'
  }
  const knowsPublicProviders = SETTINGS.some(({ meaning }) => meaning.includes('everyone-at-'))
  if (typeof tree['allowAnyone'] === 'string' && !knowsPublicProviders) tree['allowAnyone'] = true
  const secret = writeFile('secret', `${SECRET}\n`)
  if (valueAt(tree, 'oidc.clientSecretFile') !== undefined) oidc['clientSecretFile'] = secret
  ;(tree['session'] as Tree)['secretFile'] = secret
  return problemsFrom({}, JSON.stringify(tree))
}
