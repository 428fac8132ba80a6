import { describe, expect, it } from 'vitest'
import { parseDemoCommand, type DemoCommand } from '../../../demo/demo-options.ts'

const parse = (line: string): DemoCommand => parseDemoCommand(line.split(' ').filter(Boolean))

describe('the command line of the demo', () => {
  it('needs no options', () => {
    expect(parse('')).toEqual({ kind: 'run', options: { port: 8080, kasmvnc: undefined } })
  })

  it('accepts a port, or 0 for a free one', () => {
    expect(parse('--port 9000')).toMatchObject({ options: { port: 9000 } })
    expect(parse('--port=0')).toMatchObject({ options: { port: 0 } })
  })

  it('accepts a KasmVNC address with or without a password', () => {
    expect(parse('--desktop https://kasm:6901')).toMatchObject({
      options: { kasmvnc: { url: new URL('https://kasm:6901'), credentials: undefined } },
    })
    expect(parse('--desktop http://kasm:6901 --username kasm_user --password p=w')).toMatchObject({
      options: {
        kasmvnc: { credentials: { username: 'kasm_user', password: 'p=w' }, viewer: undefined },
      },
    })
  })

  it('accepts a read-only user of that KasmVNC', () => {
    const viewer = '--viewer-username kasm_viewer --viewer-password v'
    expect(parse(`--desktop http://kasm:6901 ${viewer}`)).toMatchObject({
      options: {
        kasmvnc: {
          credentials: undefined,
          viewer: { username: 'kasm_viewer', password: 'v' },
        },
      },
    })
  })

  it('shows the help, regardless of other options', () => {
    expect(parse('--port 1 --help')).toEqual({ kind: 'help' })
    expect(parse('-h')).toEqual({ kind: 'help' })
  })

  it.each([
    ['--prot 8080', "Unknown option '--prot'"],
    ['8080', 'Unexpected argument'],
    ['--port', "'--port <value>' argument missing"],
    ['--port http', '--port must be a number up to 65535, not "http"'],
    ['--port 65536', '--port must be'],
    ['--port -1', '--port'],
    ['--desktop kasm:6901', '--desktop must be an http or https address, not "kasm:6901"'],
    ['--desktop ws://kasm:6901', '--desktop must be'],
    ['--desktop http://kasm:6901 --username u', '--username and --password go together'],
    ['--username u --password p', '--username and --password belong to --desktop'],
    [
      '--desktop http://kasm:6901 --viewer-password p',
      '--viewer-username and --viewer-password go',
    ],
    ['--viewer-username v --viewer-password p', '--viewer-username and --viewer-password belong'],
  ])('explains what is wrong with %s', (line, message) => {
    const command = parse(line)
    expect(command).toMatchObject({ kind: 'mistake', message: expect.stringContaining(message) })
  })
})
