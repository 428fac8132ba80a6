// The two outputs: settings as YAML, and the report.

import { Document, isMap, isScalar } from 'yaml'

import type { Draft } from './convert/draft.ts'

const HEAD = ` Imported from oauth2-proxy. Read the report of the import before you use this file, and check it:
 npm start -- --check-config --config FILE`

/** YAML text. Settings that are still missing are comments at the top. */
export function renderSettings({ tree, comments, missing }: Draft): string {
  const document = new Document(tree, { aliasDuplicateObjects: false })
  document.commentBefore = [
    HEAD,
    ...missing.map(({ name, sentence }) => ` ${name}: ${sentence}`),
  ].join('\n')
  for (const [path, comment] of comments) {
    const keys = path.split('.')
    const last = keys.pop()
    const map: unknown = keys.length === 0 ? document.contents : document.getIn(keys, true)
    if (!isMap(map)) continue
    const key = map.items.find((pair) => isScalar(pair.key) && pair.key.value === last)?.key
    if (isScalar(key)) key.commentBefore = ` ${comment}`
  }
  return document.toString({ lineWidth: 0 })
}

/** Text for stderr: what was lost, then what to do. */
export function renderReport({ losses, hints, missing }: Draft): string {
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${line}\n`).join('')}\n`
  const lost = (restricts: boolean): string[] =>
    losses
      .filter((loss) => loss.restricts === restricts)
      .map(({ name, sentence }) => `${name}: ${sentence}`)
  return [
    section('Not carried over, and it restricts something or decides who gets in:', lost(true)),
    section('Not carried over:', lost(false)),
    section(
      'To do:',
      [...missing, ...hints].map(({ name, sentence }) => `${name}: ${sentence}`),
    ),
  ].join('')
}
