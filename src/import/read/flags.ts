// Reads command line flags: one a line or several, with quotes and backslashes as in a shell, or as a YAML list of arguments.

import { PLAIN_OPTIONS, optionOfFlag } from '../options/options.ts'
import { toGiven, type FileRead, type Raw } from './given.ts'

const FLAGS = PLAIN_OPTIONS.map(({ flag }) => `--${flag}`)

/** A flag may come several times; the entries of a list add up, and otherwise the last one counts. */
export function readFlags(text: string): FileRead {
  const words = splitWords(text)
  const entries: Raw[] = []
  const problems: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    const [, flag, assigned] = /^--?([a-z][\w.-]*)(?:=(.*))?$/s.exec(word) ?? []
    if (flag === undefined) {
      // The name of the program, or a key such as `args:`. The word may be a stray secret and is not quoted.
      const isProgram = index === 0 && /(^|\/)oauth2[-_]proxy$/.test(word)
      if (!isProgram && !/^(args|extraArgs|command):$/.test(word))
        problems.push(`word ${index + 1} is not a flag; write --flag=value`)
      continue
    }
    const option = optionOfFlag(flag)
    let raw: unknown = assigned
    if (raw === undefined && (option === undefined || option.type === 'flag')) raw = 'true'
    if (raw === undefined) raw = words[++index]
    if (raw === undefined) problems.push(`--${flag}: must have a value`)
    else entries.push({ name: `--${flag}`, option, raw })
  }
  const read = toGiven(entries, FLAGS)
  return { given: read.given, problems: [...problems, ...read.problems] }
}

export function looksLikeFlags(text: string): boolean {
  return /^\s*(?:-\s+)?["']?(?:(?:\S*\/)?oauth2-proxy\s+)?--?[a-z][\w-]*(?:[=\s"']|$)/m.test(text)
}

/** A `#` at the start of a word begins a comment. */
function splitWords(text: string): string[] {
  const words: string[] = []
  for (const line of joinLines(text)) {
    const [, argument] = /^\s*-\s+(.*)$/.exec(line) ?? []
    // An entry of a YAML list is one word, with or without quotes.
    if (argument === undefined) words.push(...splitLine(line))
    else
      words.push(
        argument
          .replace(/\s+#.*$/, '')
          .trim()
          .replace(/^(["'])(.*)\1$/, '$2'),
      )
  }
  return words
}

/** Lines, with those joined that end in a backslash. */
function joinLines(text: string): string[] {
  return text.replace(/\\\r?\n/g, ' ').split(/\r?\n/)
}

function splitLine(text: string): string[] {
  const words: string[] = []
  const pattern = /\s+|#.*|((?:"(?:\\.|[^"\\])*"|'[^']*'|\\[^\n]|[^\s"'\\])+)/gs
  for (const [, word] of text.matchAll(pattern)) {
    if (word === undefined) continue
    words.push(
      word.replace(
        /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs,
        (_, double: string | undefined, single: string | undefined, escaped: string) =>
          double?.replaceAll(/\\(["\\$`])/g, '$1') ?? single ?? escaped,
      ),
    )
  }
  return words
}
