// The commands of the painted terminal. They have no effect on the machine.

export type Tone = 'plain' | 'prompt' | 'path' | 'accent' | 'problem'

export interface Span {
  readonly text: string
  readonly tone: Tone
}

/** One line of output. */
export type Line = readonly Span[]

export interface CommandContext {
  readonly now: Date
  readonly startedAt: Date
}

/** The lines to print, or `clear` to forget what was printed. */
export type CommandOutcome = readonly Line[] | 'clear'

interface Command {
  readonly summary: string
  run(args: readonly string[], context: CommandContext): CommandOutcome
}

const FILES: Readonly<Record<string, readonly string[]>> = {
  'readme.txt': [
    'This desktop is painted by Node.js: there is no X server behind it.',
    'Between it and you stands Ghostwire Gateway. It asked who you are,',
    'decided that you may come in, and carries every key and pixel since.',
    'The desktop itself calls everybody guest: it need not know.',
  ],
  'things-to-try.txt': [
    '1. Sign out in another tab: this desktop closes within a second.',
    '2. Sign in as bob in another browser: he sees what you type, and may only watch.',
    '3. Sign in as mallory, who is in no group that may enter.',
    '4. Look at the terminal where the demo runs: every decision is a line.',
  ],
}

const COMMANDS: Readonly<Record<string, Command>> = {
  cat: {
    summary: 'print a file',
    run: (names) => (names.length === 0 ? problem('cat: which file?') : names.flatMap(fileLines)),
  },
  clear: { summary: 'empty the screen', run: () => 'clear' },
  date: { summary: 'the time now', run: (_, { now }) => plain(now.toString()) },
  echo: { summary: 'print its words', run: (words) => plain(words.join(' ')) },
  help: { summary: 'this list', run: () => helpLines() },
  ls: {
    summary: 'the files here',
    run: () => [[{ text: Object.keys(FILES).join('  '), tone: 'path' }]],
  },
  pwd: { summary: 'where you are', run: () => plain('/home/guest') },
  uname: {
    summary: 'the system',
    run: (args) => plain(args.includes('-a') ? 'Ghostwire painted 1.0 RFB 3.8' : 'Ghostwire'),
  },
  uptime: {
    summary: 'how long the demo has run',
    run: (_, { now, startedAt }) => plain(`up ${duration(now.getTime() - startedAt.getTime())}`),
  },
  whoami: {
    summary: 'who you are here',
    run: () => plain('guest'),
  },
}

export function runCommand(line: string, context: CommandContext): CommandOutcome {
  const [name, ...args] = line.split(/\s+/).filter((word) => word !== '')
  if (name === undefined) return []
  if (!Object.hasOwn(COMMANDS, name)) return problem(`${name}: command not found (try help)`)
  return COMMANDS[name]?.run(args, context) ?? []
}

function helpLines(): Line[] {
  return Object.entries(COMMANDS).map(([name, { summary }]) => [
    { text: `  ${name.padEnd(10)}`, tone: 'accent' },
    { text: summary, tone: 'plain' },
  ])
}

function fileLines(name: string): readonly Line[] {
  const text = Object.hasOwn(FILES, name) ? FILES[name] : undefined
  return text?.flatMap(plain) ?? problem(`cat: ${name}: no such file`)
}

function plain(text: string): Line[] {
  return [[{ text, tone: 'plain' }]]
}

function problem(text: string): Line[] {
  return [[{ text, tone: 'problem' }]]
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`
}
