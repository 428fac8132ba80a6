// Reads the YAML file into a tree and records the position of each key. The parser's own messages may quote the file,
// and thus a secret. They are never repeated: a problem has a position and our own text.

import { readFileSync } from 'node:fs'

import {
  isMap,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ErrorCode,
  type Node,
} from 'yaml'

import { codeOf } from '../../lib/errors.ts'
import type { Problem } from './problem.ts'
import { isTree, type Tree } from '../../lib/tree.ts'
import { withoutNulls, type Path } from './tree.ts'

export type ConfigFileRead =
  | {
      readonly ok: true
      readonly tree: Tree
      /** Where the key at `path` is in the file, such as `gateway.yaml:3`. Undefined when it is not there. */
      readonly locate: (path: Path) => string | undefined
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Without a file name the tree is empty. */
export function readConfigFile(file: string | undefined): ConfigFileRead {
  if (file === undefined || file === '') return { ok: true, tree: {}, locate: () => undefined }
  try {
    return parseConfig(file, readFileSync(file, 'utf8'))
  } catch (error) {
    const why = codeOf(error) ?? 'unknown error'
    return refused(
      `GATEWAY_CONFIG (--config): must name a readable YAML file; ${file} is not (${why})`,
    )
  }
}

function parseConfig(file: string, source: string): ConfigFileRead {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const locateOffset = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  // A warning means an unknown tag such as !env. Its author expects an effect, so ignoring it would be wrong.
  const mistakes = [...document.errors, ...document.warnings, ...unknownAliases(document)]
  if (mistakes.length > 0) {
    return refused(...mistakes.map(({ code, pos }) => `${locateOffset(pos[0])}: ${explain(code)}`))
  }
  const content: unknown = document.toJS() ?? {}
  if (!isTree(content)) return refused(`${file}:1:1: must be a map of settings`)
  return {
    ok: true,
    tree: withoutNulls(content),
    locate: (path) => {
      const offset = keyOffset(document, path)
      return offset === undefined ? undefined : `${file}:${lines.linePos(offset).line}`
    },
  }
}

function refused(...sentences: readonly string[]): ConfigFileRead {
  return { ok: false, problems: sentences.map((sentence) => ({ about: [], sentence })) }
}

interface Mistake {
  readonly code: ErrorCode
  readonly pos: readonly [number, number]
}

/** The parser reports an alias without an anchor only when it builds the values, which is too late here. */
function unknownAliases(document: Document.Parsed): readonly Mistake[] {
  const found: Mistake[] = []
  visit(document, {
    Alias: (_, alias) => {
      const [start = 0, end = start] = alias.range ?? []
      if (alias.resolve(document) === undefined)
        found.push({ code: 'BAD_ALIAS', pos: [start, end] })
    },
  })
  return found
}

const QUOTE_IT = 'this is not valid YAML; put a value with special characters in quotes'

const EXPLANATIONS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'no anchor has this name; quote the value if it begins with *',
  BAD_SCALAR_START: QUOTE_IT,
  BLOCK_AS_IMPLICIT_KEY: QUOTE_IT,
  DUPLICATE_KEY: 'this key is given twice in one map; keep one',
  MULTIPLE_DOCS: 'the file must be one YAML document; remove the ---',
  TAB_AS_INDENT: 'YAML is indented with spaces; replace the tab',
  TAG_RESOLVE_FAILED: 'tags are not supported; quote the value if it begins with !',
  UNEXPECTED_TOKEN: QUOTE_IT,
}

function explain(code: ErrorCode): string {
  return EXPLANATIONS[code] ?? `this is not valid YAML (${code})`
}

/** The offset of the last key in `path`. A list index has no offset of its own: its list's key counts. */
function keyOffset(document: Document.Parsed, path: Path): number | undefined {
  let node: unknown = document.contents
  let offset: number | undefined
  for (const part of path) {
    if (isMap<Node, Node>(node)) {
      const pair = node.items.find(({ key }) => String(key) === String(part))
      offset = pair?.key.range?.[0]
      node = pair?.value
    } else if (isSeq<Node>(node)) {
      node = node.items[Number(part)]
    } else {
      return undefined
    }
  }
  return offset
}
