import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { CONFIGURATION_DOC, configurationDoc } from '../../../scripts/write-configuration-doc.ts'
import { SETTINGS } from '../../../src/config/schema/schema.ts'
import { COMPLETE, NO_RULES, problemsFrom, SECRET, writeFile } from './loading.ts'

const page = configurationDoc()

describe('docs/configuration.md', () => {
  it('is up to date with the schema (npm run docs)', () => {
    expect(readFileSync(CONFIGURATION_DOC, 'utf8')).toBe(page)
  })

  it('has a row for every setting', () => {
    for (const { env, path, whenUnset } of SETTINGS) {
      expect(page).toContain(
        `| ${env === undefined ? '–' : `\`${env}\``} | \`${path}\` | ${whenUnset} |`,
      )
    }
  })

  const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = '']) => yaml)

  it('has examples', () => {
    expect(examples).toHaveLength(4)
  })

  it.each(examples)('has an example that loads:\n%s', (example) => {
    const secretFile = writeFile('secret', `${SECRET}\n`)
    const yaml = example.replaceAll(/\/run\/secrets\/\S+/g, secretFile)
    const env = example.includes('session:')
      ? {}
      : example.includes('access:')
        ? NO_RULES
        : COMPLETE
    expect(problemsFrom(env, yaml)).toEqual([])
  })
})
