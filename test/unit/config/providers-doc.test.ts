// docs/providers/: a page for each preset, whose settings load.

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PRESET_NAMES } from '../../../src/config/presets.ts'
import { COMPLETE, load, SECRET, writeFile } from './loading.ts'

const FOLDER = 'docs/providers'
/** Pages about all providers. */
const OTHERS: readonly string[] = ['README.md', 'interop.md']

const pages = readdirSync(FOLDER)
  .filter((name) => !OTHERS.includes(name))
  .map((name) => ({
    preset: name.replace(/\.md$/, ''),
    text: readFileSync(`${FOLDER}/${name}`, 'utf8'),
  }))
const overview = readFileSync(`${FOLDER}/README.md`, 'utf8')

const examplesIn = (text: string): string[] =>
  [...text.matchAll(/^( *)```yaml\n(.*?)^ *```$/gms)].map(([, indent = '', yaml = '']) =>
    yaml.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )

function loadExample(yaml: string) {
  const file = writeFile('secret', SECRET)
  const {
    GATEWAY_OIDC_ISSUER: _,
    GATEWAY_OIDC_CLIENT_ID: __,
    GATEWAY_ALLOW_GROUPS: ___,
    ...env
  } = COMPLETE
  const hasRule = /^(?:allow|access)/m.test(yaml)
  const rules = hasRule ? yaml : `${yaml}\nallowEmails: [anna@example.com]`
  const viewer = {
    GATEWAY_DESKTOP_VIEWER_USERNAME: 'viewer',
    GATEWAY_DESKTOP_VIEWER_PASSWORD: 'viewer-password',
  }
  return load({ ...env, ...viewer }, rules.replaceAll(/\/run\/secrets\/\S+/g, file))
}

it('every preset has a page, and the overview links to it', () => {
  expect(pages.map(({ preset }) => preset).sort()).toEqual([...PRESET_NAMES].sort())
  for (const preset of PRESET_NAMES) {
    expect(overview).toMatch(new RegExp(`\\(${preset}\\.md\\) \\| \`${preset}\``))
  }
})

describe.each(pages)('the page of $preset', ({ preset, text }) => {
  it('has settings with the preset that load without problems or warnings', () => {
    const examples = examplesIn(text)
    expect(examples.length).toBeGreaterThan(0)
    for (const yaml of examples) {
      expect(yaml).toContain(`preset: ${preset}\n`)
      expect(loadExample(yaml)).toMatchObject({ ok: true, warnings: [] })
    }
  })
})

it('the examples of the overview load', () => {
  const examples = examplesIn(overview)
  expect(examples.length).toBeGreaterThan(0)
  for (const yaml of examples) expect(loadExample(yaml)).toMatchObject({ ok: true, warnings: [] })
})
