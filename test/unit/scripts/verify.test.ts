// `npm run verify` on machines that lack something. apt-get and npm are stand-ins that write down what they are asked:
// the real ones would change this machine and run these tests again.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEBIAN_PACKAGES, findMissing, installCommand } from '../../../scripts/test-requirements.js'

const names = DEBIAN_PACKAGES.map(({ name }) => name)

let bin: string
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'ghostwire-verify-'))
})
afterEach(() => rmSync(bin, { recursive: true }))

const put = (program: string, script = ''): void => {
  writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, program), 0o755)
}
const putEverythingBut = (absent: string): void => {
  for (const { programs } of DEBIAN_PACKAGES) {
    for (const program of programs.map((choice) => choice.split(' or ')[0] ?? '')) {
      if (program !== absent) put(program)
    }
  }
}
const run = (script: string) => {
  const env = { PATH: bin, CHROMIUM: join(bin, 'chromium'), BIN: bin }
  return spawnSync(process.execPath, [script], { env, encoding: 'utf8' })
}
const verify = () => run('scripts/verify.js')
const calls = (): string[] => {
  try {
    return readFileSync(join(bin, 'calls'), 'utf8').trim().split('\n')
  } catch {
    return []
  }
}
const NOTE_CALL = 'echo "$(/usr/bin/basename $0) $*" >> "$BIN/calls"'

describe('npm run verify', () => {
  beforeEach(() => put('npm', NOTE_CALL))

  it('lists everything that is missing if it cannot install, and runs nothing', () => {
    const { status, stderr } = verify()
    expect(status).toBe(1)
    for (const name of names) expect(stderr).toContain(`\n  ${name}  (`)
    expect(stderr).toContain(installCommand(names))
    expect(calls()).toEqual([])
  })

  it('runs the check, then every test, if nothing is missing', () => {
    putEverythingBut('nothing')
    expect(verify()).toMatchObject({ status: 0, stderr: '' })
    expect(calls()).toEqual(['npm run --silent check', 'npm test --silent'])
  })

  it('ends with the exit code of the check, and runs no test after a failure', () => {
    putEverythingBut('nothing')
    put('npm', `${NOTE_CALL}; exit 3`)
    const { status, stderr } = verify()
    expect(status).toBe(3)
    expect(stderr).toContain('`npm run --silent check` ended with exit code 3')
    expect(calls()).toHaveLength(1)
  })

  // Only root may install: elsewhere this is the first test again.
  describe.runIf(process.getuid?.() === 0)('as root on Debian', () => {
    const installs = (program: string): string =>
      `${NOTE_CALL}; [ $1 != install ] || { echo > "$BIN/${program}"; /bin/chmod +x "$BIN/${program}"; }`

    it('says what it installs, installs only what is missing, and continues', () => {
      putEverythingBut('openbox')
      put('apt-get', `echo "apt-get $1"; ${installs('openbox')}`)
      const { status, stdout } = verify()
      expect(status).toBe(0)
      expect(stdout).toMatch(
        /^Installing Debian packages that the tests need: openbox\napt-get update\napt-get install\n/,
      )
      expect(calls()).toEqual([
        'apt-get update -qq',
        'apt-get install -y -qq --no-install-recommends openbox',
        'npm run --silent check',
        'npm test --silent',
      ])
    })

    it('stops the service that a package has started, and no other', () => {
      putEverythingBut('promtool')
      put('systemctl', NOTE_CALL)
      put('apt-get', installs('promtool'))
      expect(verify().status).toBe(0)
      expect(calls().filter((call) => call.startsWith('systemctl'))).toEqual([
        'systemctl disable --now prometheus',
      ])
    })

    it('stops if a package did not provide its program', () => {
      putEverythingBut('openbox')
      put('apt-get', NOTE_CALL)
      const { status, stderr } = verify()
      expect(status).toBe(1)
      expect(stderr).toContain('\n  openbox  (')
      expect(calls()).not.toContain('npm test --silent')
    })

    it('stops if apt-get fails', () => {
      putEverythingBut('openbox')
      put('apt-get', 'exit 100')
      expect(verify()).toMatchObject({ status: 100 })
      expect(calls()).toEqual([])
    })
  })
})

describe('npm test', () => {
  it('names everything that is missing at once, before the first test', () => {
    const { status, stderr } = run('scripts/check-test-requirements.js')
    expect(status).toBe(1)
    expect(stderr).toContain(installCommand(names))
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(scripts.test).toMatch(/^node scripts\/check-test-requirements\.js && vitest run$/)
  })

  it('says so if Node is too old', () => {
    const found = (version: string): string[] =>
      findMissing(process.env, version).map(({ name }) => name)
    expect(found('20.19.0')).toContain('Node 24.9 or newer')
    expect(found('24.8.0')).toContain('Node 24.9 or newer')
    expect(found('24.9.0')).not.toContain('Node 24.9 or newer')
    expect(found('26.0.0')).not.toContain('Node 24.9 or newer')
  })
})

describe('the list of packages', () => {
  it('is in CONTRIBUTING.md, in a command that installs all of them', () => {
    expect(readFileSync('CONTRIBUTING.md', 'utf8')).toContain(`\n${installCommand(names)}\n`)
  })

  it('is not repeated in .ci/run, which only installs and runs npm run verify', () => {
    const commands = readFileSync('.ci/run', 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(commands).toEqual([
      'set -euo pipefail',
      'cd "$(dirname "$0")/.."',
      'npm ci && npm run verify',
    ])
  })
})
