// Faults that one could make in a source file, by its syntax tree, and a choice among them that is the same each time.

import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { parseSync } from 'oxc-parser'

export const KINDS = [
  'comparison',
  'logic',
  'dropped check',
  'swapped branches',
  'removed await',
  'dropped call',
] as const

export type Kind = (typeof KINDS)[number]

export interface Fault {
  /** Of the fault itself and not of its line, so that a change elsewhere in the file leaves it alone. */
  readonly id: string
  readonly file: string
  readonly line: number
  readonly kind: Kind
  readonly start: number
  readonly end: number
  readonly original: string
  readonly replacement: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

interface Edit {
  readonly kind: Kind
  readonly node: Node
  readonly replacement: string
}

const OPPOSITES: Readonly<Record<string, string>> = {
  '===': '!==',
  '!==': '===',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
}

/** False, though neither the compiler nor the linter knows: they still see the condition and all that is behind it. */
const NEVER = 'Date.now() < 0'

/** Every fault of the files of these folders under `src`. */
export function findFaults(root: string, folders: readonly string[]): Fault[] {
  const files = folders.flatMap((folder) => globSync(`src/${folder}/**/*.ts`, { cwd: root })).sort()
  return files.flatMap((file) => faultsIn(file, readFileSync(`${root}/${file}`, 'utf8')))
}

function faultsIn(file: string, source: string): Fault[] {
  const { program, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file} cannot be parsed`)
  const text = (node: Node): string => source.slice(node.start, node.end)
  const seen = new Map<string, number>()
  return nodesBelow(program as unknown as Node)
    .flatMap((node) => editsOf(node, text))
    .map(({ kind, node, replacement }) => {
      const original = text(node)
      const name = [file, kind, original].join('\n')
      const occurrence = seen.get(name) ?? 0
      seen.set(name, occurrence + 1)
      return {
        id: hash(`${name}\n${occurrence}`).slice(0, 12),
        file,
        line: source.slice(0, node.start).split('\n').length,
        kind,
        start: node.start,
        end: node.end,
        original,
        replacement,
      }
    })
}

function nodesBelow(node: Node): Node[] {
  const children = Object.values(node).flat().filter(isNode)
  return [node, ...children.flatMap(nodesBelow)]
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

function editsOf(node: Node, text: (node: Node) => string): Edit[] {
  const part = (name: string): Node => node[name] as Node
  const edit = (kind: Kind, replacement: string, at = node): Edit[] => [
    { kind, node: at, replacement },
  ]
  switch (node.type) {
    case 'BinaryExpression': {
      const opposite = OPPOSITES[node['operator'] as string]
      if (opposite === undefined) return []
      return edit('comparison', `${text(part('left'))} ${opposite} ${text(part('right'))}`)
    }
    case 'LogicalExpression': {
      const other = { '&&': '||', '||': '&&' }[node['operator'] as string]
      if (other === undefined) return []
      return edit('logic', `((${text(part('left'))}) ${other} (${text(part('right'))}))`)
    }
    case 'IfStatement': {
      const test = part('test')
      return [
        ...edit('dropped check', `${NEVER} && (${text(test)})`, test),
        ...(isNode(node['alternate']) ? edit('swapped branches', `!(${text(test)})`, test) : []),
      ]
    }
    case 'ConditionalExpression': {
      const [yes, no] = [text(part('consequent')), text(part('alternate'))]
      return edit('swapped branches', `${text(part('test'))} ? (${no}) : (${yes})`)
    }
    case 'AwaitExpression':
      // No parentheses: at the start of a line they would call what ends the line before.
      return edit('removed await', text(part('argument')))
    case 'ExpressionStatement': {
      const called = text(node).replace(/^(?:await|void) /, '')
      const isCall = /^[\w.#?[\]]+\(/.test(called) && !/^(?:\w+\.)?log[.[]/.test(called)
      return isCall ? edit('dropped call', `if (${NEVER}) ${text(node)}`) : []
    }
    default:
      return []
  }
}

/**
 * `count` of them: an equal share for each folder, and within it for each kind, where there are so many. Another seed
 * chooses others.
 */
export function chooseFaults(all: readonly Fault[], seed: string, count: number): Fault[] {
  const shuffled = all.toSorted((a, b) => (rank(seed, a) < rank(seed, b) ? -1 : 1))
  const byFolder = [...Map.groupBy(shuffled, ({ file }) => file.split('/')[1])].sort()
  const queues = byFolder.map(([, faults]) => inTurn([...Map.groupBy(faults, kindOf).values()]))
  return inTurn(queues)
    .slice(0, count)
    .sort((a, b) => (a.file === b.file ? a.start - b.start : a.file < b.file ? -1 : 1))
}

const kindOf = ({ kind }: Fault): Kind => kind

function rank(seed: string, { id }: Fault): string {
  return hash(`${seed} ${id}`)
}

/** The first of each, the second of each, and so on. */
function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, at) =>
    lists.flatMap((list) => list.slice(at, at + 1)),
  ).flat()
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
