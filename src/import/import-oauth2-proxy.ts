// `ghostwire-gateway import-oauth2-proxy FILE…`: turns a configuration of oauth2-proxy 7 into settings of the gateway.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { codeOf } from '../lib/errors.ts'
import { convert } from './convert/convert.ts'
import type { Format } from './read/given.ts'
import { formatOf, merge, readText } from './read/read-file.ts'
import { renderReport, renderSettings } from './render.ts'

const IMPORT_USAGE = `import-oauth2-proxy [--format toml|flags|env] [--alpha-config FILE] FILE…

  FILE             oauth2-proxy.cfg, command line flags, or OAUTH2_PROXY_… variables; several files count together
  --format         what every FILE is; without it the content tells
  --alpha-config   the YAML file of the alpha configuration

  Settings go to stdout, the report to stderr. Exit code: 0 everything that restricts was carried over, 2 something of it was
  not, 1 the input cannot be read.
`

export interface Outcome {
  readonly exitCode: 0 | 1 | 2
  readonly stdout: string
  readonly stderr: string
}

const FORMATS: readonly string[] = ['toml', 'flags', 'env'] satisfies readonly Format[]

/** `args` follow the name of the command. */
export function importOauth2Proxy(args: readonly string[]): Outcome {
  let parsed
  try {
    parsed = parseArgs({
      args: [...args],
      options: {
        format: { type: 'string' },
        'alpha-config': { type: 'string' },
        help: { type: 'boolean' },
      },
      allowPositionals: true,
    })
  } catch (error) {
    return refused([(error as Error).message, '', IMPORT_USAGE])
  }
  const { format, 'alpha-config': alpha, help } = parsed.values
  if (help === true) return { exitCode: 0, stdout: IMPORT_USAGE, stderr: '' }
  if (format !== undefined && !FORMATS.includes(format))
    return refused([`--format: must be one of ${FORMATS.join(', ')}`])
  const files = [
    ...parsed.positionals.map((file) => ({ file, format: format as Format | undefined })),
    ...(alpha === undefined ? [] : [{ file: alpha, format: 'alpha' as const }]),
  ]
  if (files.length === 0) return refused(['no FILE is given', '', IMPORT_USAGE])
  return importFiles(files)
}

interface Input {
  readonly file: string
  /** Undefined: by content. */
  readonly format: Format | undefined
}

function importFiles(files: readonly Input[]): Outcome {
  const problems: string[] = []
  const reads = files.flatMap(({ file, format: wanted }) => {
    const text = readInput(file, problems)
    if (text === undefined) return []
    const format = wanted ?? formatOf(text)
    const read = readText(text, format)
    problems.push(...read.problems.map((problem) => `${file}: ${problem}`))
    if (read.problems.length === 0 && read.given.length === 0)
      problems.push(`${file}: contains no option of oauth2-proxy`)
    return [{ format, given: read.given }]
  })
  if (problems.length > 0) return refused(problems)
  const draft = convert(merge(reads), {
    hasConfigFile: reads.some(({ format }) => format === 'toml'),
    hasAlphaConfig: reads.some(({ format }) => format === 'alpha'),
  })
  return {
    exitCode: draft.losses.some(({ restricts }) => restricts) ? 2 : 0,
    stdout: renderSettings(draft),
    stderr: renderReport(draft),
  }
}

function readInput(file: string, problems: string[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const why =
      error instanceof TypeError ? 'it is not UTF-8 text' : (codeOf(error) ?? 'unknown error')
    problems.push(`${file}: cannot be read (${why})`)
    return undefined
  }
}

function refused(lines: readonly string[]): Outcome {
  return { exitCode: 1, stdout: '', stderr: `${lines.join('\n')}\n` }
}
