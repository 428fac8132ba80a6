// Shell scripts are in order for shellcheck. Those that other machines run are POSIX sh, for dash and BusyBox.

import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const COMMON = 'chart/files/restic.sh'

function check(script: string, shell = 'sh'): string {
  const options = { input: script, encoding: 'utf8' } as const
  const { stdout, stderr, error } = spawnSync('shellcheck', [`--shell=${shell}`, '-'], options)
  if (error !== undefined) throw error
  return stdout + stderr
}

it.each(globSync('scripts/*.sh'))('%s', (path) => {
  const script = readFileSync(path, 'utf8')
  const [, shell] = /^#!\/(?:bin|usr\/bin\/env)[/ ](sh|bash)\n/.exec(script) ?? []
  expect(check(script, shell)).toBe('')
})

// The chart puts the common part in front of each.
it.each(globSync('chart/files/*.sh').filter((path) => path !== COMMON))('%s', (path) => {
  expect(check(readFileSync(COMMON, 'utf8') + readFileSync(path, 'utf8'))).toBe('')
})

it('finds them', () => {
  expect(globSync(['scripts/*.sh', 'chart/files/*.sh']).length).toBeGreaterThan(4)
  expect(check('rm -rf $1')).toContain('SC2086')
})
