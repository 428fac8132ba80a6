// examples/ghostwire.service and docs/install-systemd.md: the unit is sound and hardened, and the gateway takes the settings
// that both give it together.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadSettings } from '../../../src/config/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'ghostwire-systemd-'))
afterAll(() => rmSync(folder, { recursive: true }))

const text = readFileSync('examples/ghostwire.service', 'utf8')
const page = readFileSync('docs/install-systemd.md', 'utf8')

/** systemd.syntax(7): `[Section]`, `Key=value`, comments; a key may come several times. */
const directives = text
  .split('\n')
  .filter((line) => line !== '' && !/^[#;[]/.test(line))
  .map((line) => {
    const [key = '', ...rest] = line.split('=')
    return { key, value: rest.join('=') }
  })
const all = (wanted: string): string[] =>
  directives.filter(({ key }) => key === wanted).map(({ value }) => value)

describe('examples/ghostwire.service', () => {
  it('has only sections, comments and directives', () => {
    expect(text.match(/^\[.*\]$/gm)).toEqual(['[Unit]', '[Service]', '[Install]'])
    expect(directives.filter(({ key }) => !/^[A-Z]\w+$/.test(key))).toEqual([])
  })

  it('starts the gateway with the Node that npm ci installs', () => {
    const [start = ''] = all('ExecStart')
    const root = '/opt/ghostwire-gateway'
    expect(all('WorkingDirectory')).toEqual([root])
    const [node = '', ...words] = start.split(' ')
    expect(node).toBe(`${root}/node_modules/.bin/node`)
    expect(existsSync(words.find((word) => word.endsWith('.ts')) ?? '')).toBe(true)
  })

  it('waits longer than a drain takes before it kills the gateway', () => {
    expect(Number(all('TimeoutStopSec')[0]?.replace('s', ''))).toBeGreaterThan(30)
  })

  it.each([
    ['DynamicUser', 'yes'],
    ['NoNewPrivileges', 'yes'],
    ['ProtectSystem', 'strict'],
    ['ProtectHome', 'yes'],
    ['PrivateTmp', 'yes'],
    ['PrivateDevices', 'yes'],
    ['ProtectKernelModules', 'yes'],
    ['CapabilityBoundingSet', ''],
    ['RestrictNamespaces', 'yes'],
    ['UMask', '0077'],
  ])('is hardened by %s=%s', (key, value) => {
    expect(all(key)).toEqual([value])
  })

  it('does not forbid V8’s compiler', () => {
    expect(all('MemoryDenyWriteExecute')).toEqual([])
  })

  // Debian's package systemd has it; the tests above judge the file elsewhere.
  const analyze = spawnSync('systemd-analyze', ['--version'])
  it.runIf(analyze.status === 0)('passes systemd-analyze with a good security score', () => {
    const unit = join(folder, 'ghostwire.service')
    // It looks for the program, which is here and not in /opt.
    writeFileSync(unit, text.replaceAll('/opt/ghostwire-gateway', process.cwd()))
    const run = (...words: string[]) => spawnSync('systemd-analyze', words, { encoding: 'utf8' })
    expect(run('verify', unit)).toMatchObject({ status: 0, stderr: '' })
    // The exposure level, times ten; a unit without hardening has 96.
    const { status, stdout } = run('security', '--offline=true', '--threshold=20', unit)
    expect(status, stdout).toBe(0)
  })
})

describe('docs/install-systemd.md', () => {
  it('gives settings that the gateway accepts, together with those of the unit', () => {
    const [credentials, state] = [join(folder, 'credentials'), join(folder, 'state')]
    mkdirSync(credentials)
    mkdirSync(join(state, all('StateDirectory')[0] ?? ''), { recursive: true })
    for (const credential of all('LoadCredential')) {
      const [name = '', file = ''] = credential.split(':')
      expect(page).toContain(` > ${file}\n`)
      writeFileSync(join(credentials, name), 'a secret of more than thirty-two bytes\n')
    }
    const env = Object.fromEntries(
      all('Environment').map((assignment) => {
        const [name = '', value = ''] = assignment.split('=')
        return [name, value.replace('%d', credentials).replace('%S', state)]
      }),
    )
    const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(page) ?? []
    const configFile = join(folder, 'gateway.yaml')
    writeFileSync(configFile, yaml)
    const loaded = loadSettings({ env, configFile })
    expect(loaded).toMatchObject({ ok: true, warnings: [] })
    // A restart must not lose sessions, and the admin port must be reachable only from this machine.
    expect(loaded).toMatchObject({
      settings: { session: { store: `sqlite:${state}/ghostwire/sessions.db` } },
    })
    expect(yaml).toContain('adminListen: 127.0.0.1:9090')
    expect(page).toContain('curl -s http://127.0.0.1:9090/readyz')
  })
})
