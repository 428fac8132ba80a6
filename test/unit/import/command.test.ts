// `import-oauth2-proxy`: arguments, formats, files, exit codes.

import { execFileSync, spawnSync } from 'node:child_process'

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { importOauth2Proxy } from '../../../src/import/import-oauth2-proxy.ts'
import { COMPLETE, fileOf, importTexts } from './importing.ts'

const TOML = COMPLETE.join('\n')

describe('exit code 1, and nothing on stdout', () => {
  const refusal = (texts: readonly string[], ...args: readonly string[]): string => {
    const { exitCode, stdout, stderr } = importTexts(texts, args)
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    return stderr
  }

  it('without a file', () => {
    expect(refusal([])).toContain('no FILE is given')
  })

  it('for a file that cannot be read, or is no text', () => {
    expect(importOauth2Proxy(['/nowhere/oauth2-proxy.cfg']).stderr).toBe(
      '/nowhere/oauth2-proxy.cfg: cannot be read (ENOENT)\n',
    )
    expect(importOauth2Proxy([process.execPath]).stderr).toContain('it is not UTF-8 text')
  })

  it('for an argument or a format that does not exist', () => {
    expect(refusal([TOML], '--fromat=toml')).toContain("'--fromat")
    expect(refusal([TOML], '--format=ini')).toContain('must be one of toml, flags, env')
  })

  it.each([
    [
      'email_domain = "example.com"',
      'email_domain: is not an option of oauth2-proxy 7; did you mean email_domains?',
    ],
    [
      '--alowed-group=ops',
      '--alowed-group: is not an option of oauth2-proxy 7; did you mean --allowed-group?',
    ],
    [
      'OAUTH2_PROXY_EMAIL_DOMAIN=example.com',
      'OAUTH2_PROXY_EMAIL_DOMAIN: is not an option of oauth2-proxy 7; did you mean OAUTH2_PROXY_EMAIL_DOMAINS?',
    ],
    [
      'providers:\n  - clientid: desk',
      'providers[0].clientid: is not an option of oauth2-proxy 7; did you mean providers[0].clientID?',
    ],
    ['[server]\naddress = "FAKE"', 'server: is not an option of oauth2-proxy 7'],
  ])('for an unknown option: %s', (text, sentence) => {
    const stderr = refusal([text])
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('FAKE')
  })

  it.each([
    ['cookie_secret = FAKE-unquoted', 'not valid TOML'],
    ['client_id = "desk"\nclient_secret = "FAKE', 'line 2: this is not valid TOML'],
    ['reverse_proxy = "FAKE"', 'reverse_proxy: must be true or false'],
    ['cookie_expire = "FAKE"', 'cookie_expire: must be a duration such as 12h or 1h30m'],
    ['cookie_expire = 3600', 'cookie_expire: must be a duration'],
    ['logging_max_age = "FAKE"', 'logging_max_age: must be a whole number'],
    ['client_id = ["FAKE"]', 'client_id: must be text'],
    ['--client-secret FAKE stray', 'word 3 is not a flag'],
    ['--provider=oidc\n--client-secret', '--client-secret: must have a value'],
    ['providers: [FAKE', 'not a valid YAML map'],
    ['providers: FAKE', 'providers: is not an option'],
    ['# nothing', 'contains no option of oauth2-proxy'],
  ])('for what is no value: %s', (text, sentence) => {
    const stderr = refusal([text])
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('FAKE')
  })

  it('with all problems at once, each with its file', () => {
    const stderr = refusal(['provder = "oidc"', '--foo=1 --bar-baz-qux-quux=2'])
    expect(stderr.trim().split('\n')).toHaveLength(3)
  })
})

describe('the format', () => {
  const AS_FLAGS = '--client-id=desk'
  const AS_ENV = 'OAUTH2_PROXY_CLIENT_ID=desk'

  it.each([
    ['toml', 'client_id = "desk"'],
    ['toml', "client_id='desk'"],
    ['toml', '# --provider\nclient_id = "desk"'],
    ['toml', 'client-id = "desk"'],
    ['flags', AS_FLAGS],
    ['flags', '--client-id desk'],
    ['flags', 'oauth2-proxy \\\n  --client-id="desk" # comment'],
    ['flags', "/bin/oauth2-proxy --provider=oidc '--client-id=desk'"],
    ['flags', 'args:\n  - --provider-display-name=Two words\n  - "--client-id=desk"'],
    ['flags', '- --client-id\n- desk # comment'],
    ['env', AS_ENV],
    ['env', 'OTHER=1\nexport OAUTH2_PROXY_CLIENT_ID="desk"'],
    ['env', "- OAUTH2_PROXY_CLIENT_ID='desk'"],
    ['env', 'OAUTH2_PROXY_CLIENT_ID: desk'],
    ['env', `${AS_ENV}\nOAUTH2_PROXY_SERVICE_HOST=10.0.0.1\nOAUTH2_PROXY_PORT=tcp://10.0.0.1:80`],
    ['alpha', 'providers: [{ clientID: desk }]'],
    ['alpha', 'alphaConfig: { configData: { providers: [{ clientID: desk }] } }'],
  ])('%s is told by the content: %s', (_, text) => {
    const { stdout, stderr } = importTexts([text])
    expect(stderr).not.toContain('is not an option')
    expect(parse(stdout)).toMatchObject({ oidc: { clientId: 'desk' } })
  })

  it('can be given, and then wins over the content', () => {
    expect(importTexts([AS_FLAGS], ['--format', 'flags']).exitCode).toBe(2)
    expect(importTexts([AS_FLAGS], ['--format', 'toml']).exitCode).toBe(1)
    expect(importTexts([AS_FLAGS], ['--format=env']).exitCode).toBe(1)
  })
})

describe('several files', () => {
  it('count together: flags before variables before the configuration file', () => {
    const groupsOf = (...texts: readonly string[]): unknown =>
      parse(importTexts(texts).stdout).allowGroups
    const flags = '--allowed-group=a --allowed-group=b,c'
    const env = 'OAUTH2_PROXY_ALLOWED_GROUPS=d,e'
    expect(groupsOf(TOML)).toEqual(['ops'])
    expect(groupsOf(env, TOML)).toEqual(['d', 'e'])
    expect(groupsOf(flags, env, TOML)).toEqual(['a', 'b', 'c'])
  })

  it('include the alpha configuration, told by content or named', () => {
    const alpha = 'providers: [{ clientID: alpha, provider: oidc }]'
    expect(parse(importTexts([TOML, alpha]).stdout).oidc.clientId).toBe('alpha')
    const named = importTexts([TOML], ['--alpha-config', fileOf(alpha)])
    expect(parse(named.stdout).oidc.clientId).toBe('alpha')
  })

  it('are asked for when a flag names one that is not given', () => {
    const flags = `--config=/etc/oauth2-proxy.cfg ${COMPLETE.map((line) => `--${line.replaceAll('_', '-').replace('domains', 'domain').replace('groups', 'group').replace('upstreams', 'upstream').replaceAll(' ', '')}`).join(' ')}`
    const alone = importTexts([flags])
    expect(alone).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--config: Give that file'),
    })
    expect(importTexts([flags, TOML])).toMatchObject({ exitCode: 0 })
    expect(importTexts([`${flags} --alpha-config=a.yaml`, TOML]).exitCode).toBe(2)
  })
})

describe('the process', () => {
  it('prints the settings on stdout alone, and needs no settings of its own', () => {
    const stdout = execFileSync(
      process.execPath,
      ['src/main.ts', 'import-oauth2-proxy', fileOf(TOML)],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    expect(parse(stdout)).toMatchObject({ publicUrl: 'https://desk.example.com' })
  })

  it('exits with 2 and with 1', () => {
    const run = (text: string): number | null =>
      spawnSync(process.execPath, ['src/main.ts', 'import-oauth2-proxy', fileOf(text)]).status
    expect(run(`${TOML}\nhtpasswd_file = "/etc/htpasswd"`)).toBe(2)
    expect(run('foo = 1')).toBe(1)
  })

  it('explains itself', () => {
    expect(importOauth2Proxy(['--help'])).toMatchObject({ exitCode: 0, stderr: '' })
  })
})
