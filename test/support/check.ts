// `check` as an operator runs it, in this process: through the environment, with its findings as JSON.

import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { check } from '../../src/check/check.ts'
import type { Finding } from '../../src/check/finding.ts'
import { CLIENT_SECRET, environmentFor, type Environment } from './gateway.ts'

export interface CheckResult {
  readonly exitCode: number
  readonly findings: readonly Finding[]
  /** The one finding with this id. */
  readonly find: (id: string, subject?: string) => Finding
}

export const PUBLIC_URL = 'https://desk.example.com'

const DOC = readFileSync('docs/check.md', 'utf8')
const SECRETS = ['a session secret for tests', CLIENT_SECRET, 'kasm-password']

/** Over usual settings, with parts that nobody listens for. Fails if a secret is in the output, or a check is not documented. */
export async function runCheck(environment: Environment): Promise<CheckResult> {
  const env = {
    ...environmentFor('http://localhost:8080', 'https://127.0.0.1:9', 'http://127.0.0.1:9'),
    GATEWAY_PUBLIC_URL: PUBLIC_URL,
    ...environment,
  }
  const { exitCode, stdout, stderr } = await check(['--online', '--json'], env)
  expect(stderr).toBe('')
  for (const secret of SECRETS) expect(stdout).not.toContain(secret)
  const { findings, problems } = JSON.parse(stdout) as {
    findings?: readonly Finding[]
    problems: readonly string[]
  }
  if (findings === undefined) throw new Error(problems.join('\n'))
  for (const { id } of findings) expect(DOC).toContain(`\`${id}\``)
  return {
    exitCode,
    findings,
    find(id, subject) {
      const found = findings.filter(
        (finding) => finding.id === id && (subject === undefined || finding.subject === subject),
      )
      expect(found, JSON.stringify(findings, null, 1)).toHaveLength(1)
      return found[0] as Finding
    },
  }
}
