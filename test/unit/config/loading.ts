// Complete settings as a base for tests, and the loader with a temporary YAML file.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, expect } from 'vitest'

import type { Settings } from '../../../src/config/config.ts'
import type { Environment } from '../../../src/config/read/environment.ts'
import { loadSettings, type SettingsResult } from '../../../src/config/load.ts'
import { createCertificate } from '../../support/certificate.ts'

export const SECRET = 'session-secret-of-thirty-two-bytes'

/** All required settings and nothing else. */
export const COMPLETE: Environment = {
  GATEWAY_PUBLIC_URL: 'https://desk.example.com',
  GATEWAY_OIDC_ISSUER: 'https://login.example.com/realms/staff',
  GATEWAY_OIDC_CLIENT_ID: 'ghostwire',
  GATEWAY_SESSION_SECRET: SECRET,
  GATEWAY_ALLOW_GROUPS: 'ops',
  GATEWAY_DESKTOP_URL: 'http://desktop:6901',
}

/** COMPLETE without any access rule. */
export const NO_RULES: Environment = { ...COMPLETE, GATEWAY_ALLOW_GROUPS: undefined }

export const VIEWER: Environment = {
  GATEWAY_DESKTOP_VIEWER_USERNAME: 'viewer',
  GATEWAY_DESKTOP_VIEWER_PASSWORD: 'viewer-password',
}

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))

export function writeFile(name: string, content: string | Uint8Array): string {
  const file = join(mkdtempSync(join(folder, '_')), name)
  writeFileSync(file, content)
  return file
}

const { cert, key } = createCertificate()
export const CERT_FILE = writeFile('tls.crt', cert)
export const KEY_FILE = writeFile('tls.key', key)

/** `yaml` is the text of the YAML file. */
export function load(env: Environment, yaml?: string): SettingsResult {
  const configFile = yaml === undefined ? undefined : writeFile('gateway.yaml', yaml)
  return loadSettings({ env, configFile })
}

export function settingsFrom(env: Environment, yaml?: string): Settings {
  const result = load(env, yaml)
  if (!result.ok) throw new Error(result.problems.join('\n'))
  return result.settings
}

/** Without the directory of the YAML file: `gateway.yaml:3: …`. */
export function problemsFrom(env: Environment, yaml?: string): readonly string[] {
  const result = load(env, yaml)
  return result.ok
    ? []
    : result.problems.map((problem) => problem.replace(/^\S*\/gateway\.yaml/, 'gateway.yaml'))
}

export function warningsFrom(env: Environment, yaml?: string): readonly string[] {
  const result = load(env, yaml)
  return result.ok ? result.warnings : []
}

/** The settings with `name=value`. */
export function accepted(name: string, value: string): Settings {
  return settingsFrom({ ...COMPLETE, [name]: value })
}

/** The one problem that `name=value` causes. */
export function refusal(name: string, value: string): string {
  const problems = problemsFrom({ ...COMPLETE, [name]: value })
  expect(problems).toHaveLength(1)
  return problems[0] ?? ''
}
