import { describe, expect, it } from 'vitest'
import { keyCharacter, keyName } from '../../../demo/painted/keysyms.ts'
import { createTerminal, type Terminal } from '../../../demo/painted/terminal.ts'
import { runCommand } from '../../../demo/painted/terminal-commands.ts'
import type { CommandOutcome, Line } from '../../../demo/painted/terminal-commands.ts'

const context = { now: new Date(75_000), startedAt: new Date(0) }
const textOf = (line: Line): string => line.map(({ text }) => text).join('')
const printed = (outcome: CommandOutcome): string[] =>
  outcome === 'clear' ? ['(clear)'] : outcome.map(textOf)
const answer = (line: string): string[] => printed(runCommand(line, context))

describe('the commands', () => {
  it.each([
    ['whoami', ['guest']],
    ['pwd', ['/home/guest']],
    ['echo two   words', ['two words']],
    ['date', [context.now.toString()]],
    ['uptime', ['up 1 min 15 s']],
    ['uname', ['Ghostwire']],
    ['uname -a', ['Ghostwire painted 1.0 RFB 3.8']],
    ['ls', ['readme.txt  things-to-try.txt']],
    ['cat', ['cat: which file?']],
    ['cat nothing', ['cat: nothing: no such file']],
    ['clear', ['(clear)']],
    ['', []],
    ['rm -rf /', ['rm: command not found (try help)']],
    ['constructor', ['constructor: command not found (try help)']],
    ['cat __proto__', ['cat: __proto__: no such file']],
  ])('answers %j', (line, expected) => {
    expect(answer(line)).toEqual(expected)
  })

  it('are all listed by help', () => {
    const names = answer('help').map((line) => line.trim().split(' ')[0])
    expect(names).toEqual(names.toSorted())
    for (const name of names) expect(answer(`${name}`).join()).not.toContain('not found')
  })

  it('include a way to read files', () => {
    expect(answer('cat readme.txt').length).toBeGreaterThan(2)
  })
})

describe('the line', () => {
  const shown = (terminal: Terminal, columns = 60): string[] =>
    terminal.screen(columns, 50).rows.map((row) => textOf(row).trimEnd())
  const echoing = (): Terminal =>
    createTerminal([], (line) => [[{ text: `<${line}>`, tone: 'plain' }]])

  it('runs at Return, and its output appears below', () => {
    const terminal = echoing()
    terminal.type('one')
    terminal.press('Return')
    expect(shown(terminal)).toEqual(['guest@ghostwire:~$ one', '<one>', 'guest@ghostwire:~$'])
  })

  it('is edited at the cursor', () => {
    const terminal = echoing()
    terminal.type('abd')
    terminal.press('Left')
    terminal.type('c')
    terminal.press('Home')
    terminal.press('Delete')
    terminal.press('End')
    terminal.press('BackSpace')
    expect(shown(terminal)).toEqual(['guest@ghostwire:~$ bc'])
    expect(terminal.screen(60, 50).cursor).toEqual({ row: 0, column: 21 })
    terminal.control('u')
    expect(shown(terminal)).toEqual(['guest@ghostwire:~$'])
  })

  it('shows earlier commands with Up and later ones with Down', () => {
    const terminal = echoing()
    terminal.type('one\ntwo\n')
    terminal.press('Up')
    terminal.press('Up')
    terminal.press('Up')
    expect(shown(terminal).at(-1)).toBe('guest@ghostwire:~$ one')
    terminal.press('Down')
    expect(shown(terminal).at(-1)).toBe('guest@ghostwire:~$ two')
    terminal.press('Down')
    expect(shown(terminal).at(-1)).toBe('guest@ghostwire:~$')
  })

  it('runs line by line when several lines are pasted', () => {
    const terminal = echoing()
    terminal.type('one\r\ntwo')
    expect(shown(terminal)).toEqual(['guest@ghostwire:~$ one', '<one>', 'guest@ghostwire:~$ two'])
  })

  it('is discarded by Ctrl-C and kept by Ctrl-L', () => {
    const terminal = echoing()
    terminal.type('one')
    terminal.control('c')
    terminal.type('two')
    expect(shown(terminal)).toEqual(['guest@ghostwire:~$ one^C', 'guest@ghostwire:~$ two'])
    terminal.control('l')
    expect(shown(terminal)).toEqual(['guest@ghostwire:~$ two'])
  })

  it('wraps, and the oldest rows disappear when there are too many', () => {
    const terminal = echoing()
    terminal.type('x'.repeat(30))
    const { rows, cursor } = terminal.screen(20, 2)
    expect(rows.map(textOf)).toEqual(['x'.repeat(20), `${'x'.repeat(9)} `])
    expect(cursor).toEqual({ row: 1, column: 9 })
  })
})

describe('keysyms', () => {
  it('stand for keys and characters, even beyond Latin-1', () => {
    expect(keyName(0xff0d)).toBe('Return')
    expect(keyName(0x61)).toBeUndefined()
    expect([0x61, 0xe9, 0x0100_20ac, 0xffe1, 0x1b, 0x7f].map(keyCharacter)).toEqual([
      'a',
      'é',
      '€',
      undefined,
      undefined,
      undefined,
    ])
  })
})
