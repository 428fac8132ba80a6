// Reads `oauth2-proxy.cfg`, which is TOML without tables.

import { parse } from 'smol-toml'

import { PLAIN_OPTIONS, optionOfKey } from '../options/options.ts'
import { toGiven, type FileRead } from './given.ts'

const KEYS = PLAIN_OPTIONS.map(({ key }) => key)

export function readToml(text: string): FileRead {
  let content
  try {
    content = parse(text)
  } catch (error) {
    // The message of the parser quotes the line, which may hold a secret.
    const line = (error as { line?: unknown }).line
    const where = typeof line === 'number' ? `line ${line}: ` : ''
    return { given: [], problems: [`${where}this is not valid TOML; put text in quotes`] }
  }
  const entries = Object.entries(content)
  return toGiven(
    entries.map(([name, raw]) => ({ name, option: optionOfKey(name.replaceAll('-', '_')), raw })),
    KEYS,
  )
}
