// A terminal without its display: the edited line, the lines above it, and the history of input.

import type { KeyName } from './keysyms.ts'
import type { CommandOutcome, Line, Span } from './terminal-commands.ts'

/** Lines kept; more than any window shows. */
const SCROLLBACK = 200
const MAX_INPUT = 400

const PROMPT: Line = [
  { text: 'guest@ghostwire', tone: 'prompt' },
  { text: ':', tone: 'plain' },
  { text: '~', tone: 'path' },
  { text: '$ ', tone: 'plain' },
]
const PROMPT_LENGTH = PROMPT.reduce((length, { text }) => length + text.length, 0)

export interface TerminalScreen {
  /** Rows of at most the requested length; the last row contains the cursor or is below it. */
  readonly rows: readonly Line[]
  readonly cursor: { readonly row: number; readonly column: number }
}

export interface Terminal {
  type(text: string): void
  press(key: KeyName): void
  /** A letter with the Control key held. */
  control(letter: string): void
  screen(columns: number, rows: number): TerminalScreen
}

/** `run` answers a line at Return; `greeting` stands above the first prompt. */
export function createTerminal(
  greeting: readonly Line[],
  run: (line: string) => CommandOutcome,
): Terminal {
  const history: string[] = []
  let output: Line[] = [...greeting]
  let input = ''
  let cursor = 0
  /** Where in the history the input came from; its length for a new line. */
  let recalled = 0

  const edit = (text: string, at: number): void => {
    input = text.slice(0, MAX_INPUT)
    cursor = Math.min(at, input.length)
  }

  const print = (...lines: Line[]): void => {
    output = [...output, ...lines].slice(-SCROLLBACK)
  }

  const enter = (): void => {
    print([...PROMPT, { text: input, tone: 'plain' }])
    if (input.trim() !== '') history.push(input)
    recalled = history.length
    const outcome = run(input)
    if (outcome === 'clear') output = []
    else print(...outcome)
    edit('', 0)
  }

  const recall = (step: number): void => {
    recalled = Math.max(0, Math.min(history.length, recalled + step))
    const line = history[recalled] ?? ''
    edit(line, line.length)
  }

  const keys: Readonly<Record<KeyName, () => void>> = {
    Return: enter,
    BackSpace: () => {
      if (cursor > 0) edit(input.slice(0, cursor - 1) + input.slice(cursor), cursor - 1)
    },
    Delete: () => edit(input.slice(0, cursor) + input.slice(cursor + 1), cursor),
    Left: () => edit(input, Math.max(0, cursor - 1)),
    Right: () => edit(input, cursor + 1),
    Home: () => edit(input, 0),
    End: () => edit(input, input.length),
    Up: () => recall(-1),
    Down: () => recall(1),
    Control: () => {},
  }

  const controls: Readonly<Record<string, () => void>> = {
    a: keys.Home,
    c: () => {
      print([...PROMPT, { text: `${input}^C`, tone: 'plain' }])
      edit('', 0)
    },
    e: keys.End,
    l: () => {
      output = []
    },
    u: () => edit(input.slice(cursor), 0),
  }

  return {
    type(text) {
      for (const line of text.split(/(\r?\n)/)) {
        if (/^\r?\n$/.test(line)) enter()
        else edit(input.slice(0, cursor) + line + input.slice(cursor), cursor + line.length)
      }
    },
    press(key) {
      keys[key]()
    },
    control(letter) {
      controls[letter.toLowerCase()]?.()
    },
    screen(columns, rows) {
      const above = output.flatMap((line) => wrap(line, columns))
      const current = wrap([...PROMPT, { text: `${input} `, tone: 'plain' }], columns)
      const all = [...above, ...current]
      const hidden = Math.max(0, all.length - rows)
      const at = PROMPT_LENGTH + cursor
      return {
        rows: all.slice(hidden),
        cursor: { row: above.length + Math.floor(at / columns) - hidden, column: at % columns },
      }
    },
  }
}

/** The line as rows of at most `columns` characters; at least one row. */
function wrap(line: Line, columns: number): Line[] {
  const rows: Span[][] = [[]]
  let room = columns
  for (const { text, tone } of line) {
    let rest = text
    while (rest !== '') {
      if (room === 0) {
        rows.push([])
        room = columns
      }
      const part = rest.slice(0, room)
      rows.at(-1)?.push({ text: part, tone })
      rest = rest.slice(part.length)
      room -= part.length
    }
  }
  return rows
}
