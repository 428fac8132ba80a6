// The table of options: complete, true, and followed by the importer.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { SETTINGS } from '../../../src/config/schema/schema.ts'
import type { Option } from '../../../src/import/options/option.ts'
import { OPTIONS, optionOfKey, PLAIN_OPTIONS } from '../../../src/import/options/options.ts'
import { importToml, importWith, NOT_YET } from './importing.ts'

/** `flag key`, from the option structs of oauth2-proxy 7.15. */
const REAL = readFileSync(join(import.meta.dirname, 'oauth2-proxy-7.txt'), 'utf8')
  .trim()
  .split('\n')

/** Of the command line alone. */
const COMMANDS = ['config', 'alpha-config', 'config-test', 'convert-config-to-alpha', 'version']

describe('the table', () => {
  it('has every option of oauth2-proxy 7, and no other', () => {
    const own = PLAIN_OPTIONS.filter(({ flag }) => !COMMANDS.includes(flag))
    const names = own.map(({ flag, key }) => `${flag} ${key}`)
    expect(REAL.length).toBeGreaterThan(160)
    // The one option with two keys: `google_group` is the older one.
    expect(names.toSorted()).toEqual(REAL.filter((name) => !name.endsWith(' google_group')))
    expect(optionOfKey('google_group')).toBe(optionOfKey('google_groups'))
  })

  it('names each option once', () => {
    expect(new Set(OPTIONS.map(({ key }) => key)).size).toBe(OPTIONS.length)
  })

  it('names only settings that exist', () => {
    const known = [...SETTINGS.flatMap(({ path }) => [path, `${path}File`]), ...NOT_YET]
    const unknown = OPTIONS.flatMap(({ settings }) => settings).filter(
      (path) => !known.some((one) => path === one || path.startsWith(`${one}.`)),
    )
    expect(unknown).toEqual([])
  })

  it('says something about each option without a counterpart', () => {
    for (const { key, settings, remark } of OPTIONS) {
      expect(settings.length > 0 || remark.length > 10, key).toBe(true)
    }
  })

  it('says of each option with a secret value that it is one', () => {
    const named = OPTIONS.filter(({ key }) =>
      /secret$|password$|^github_token$|^signature|_key$/.test(key),
    )
    expect(named.map(({ key }) => key)).toContain('redis_sentinel_password')
    expect(named.filter(({ isSecret }) => !isSecret).map(({ key }) => key)).toEqual([])
  })
})

/** A value that is neither the default nor built in. */
function valueOf({ type, builtIn }: Option): string {
  if (type === 'flag') return String(!builtIn.includes('true') || builtIn.includes('false'))
  return { list: '["FAKE-value"]', number: '7', duration: '"7m"', text: '"FAKE-value"' }[type]
}

describe('each option', () => {
  const isSilent = ({ builtIn, type }: Option): boolean =>
    type === 'flag' && builtIn.includes('true') && builtIn.includes('false')
  const plain = PLAIN_OPTIONS.filter(
    (option) => !isSilent(option) && !COMMANDS.includes(option.flag),
  )
  const https = 'upstreams = "https://desktop:6901"'

  it.each(plain.map((option) => [option.key, option] as const))(
    '%s changes the settings or is in the report',
    (key, option) => {
      const without = importWith(https)
      const own = key === 'upstreams' ? [] : [https]
      const given = importWith(...own, `${key} = ${valueOf(option)}`)
      const isTold = given.stderr.includes(`  ${key}: `)
      expect(isTold || given.stdout !== without.stdout || isRequired(key)).toBe(true)
    },
  )

  it.each(PLAIN_OPTIONS.filter(({ isSecret }) => isSecret).map(({ key }) => [key]))(
    '%s is a secret and is not printed, whatever the provider and the store',
    (key) => {
      for (const provider of ['oidc', 'github', 'login.gov']) {
        const { stdout, stderr } = importWith(
          `provider = "${provider}"`,
          'session_store_type = "redis"',
          'redis_connection_url = "redis://redis:6379/2"',
          `${key} = "FAKE-value"`,
        )
        expect(stdout + stderr).not.toContain('FAKE')
      }
    },
  )

  const restricting = PLAIN_OPTIONS.filter(
    ({ flag, restricts, settings }) =>
      restricts === true && settings.length === 0 && !COMMANDS.includes(flag),
  )

  it.each(restricting.map((option) => [option.key, option] as const))(
    '%s restricts and has no counterpart: exit code 2',
    (key, option) => {
      const provider = /^(google|gitlab|github|bitbucket)/.exec(key)?.[0] ?? 'oidc'
      const { exitCode, stderr } = importWith(
        `provider = "${provider}"`,
        `${key} = ${valueOf(option)}`,
      )
      expect(stderr).toContain(`  ${key}: `)
      expect(exitCode).toBe(2)
    },
  )

  it.each([
    ['cookie_samesite', 'strict', 2],
    ['cookie_samesite', 'none', 0],
    ['cookie_samesite', 'lax', 0],
    ['cookie_csrf_samesite', 'strict', 2],
    ['oidc_email_claim', 'upn', 2],
    ['oidc_email_claim', 'email', 0],
  ])('%s = %s leads to exit code %i', (key, value, exitCode) => {
    expect(importWith(`${key} = "${value}"`).exitCode).toBe(exitCode)
  })

  it('that says what the gateway does anyway is not in the report', () => {
    const builtIn = PLAIN_OPTIONS.filter(
      ({ builtIn, type }) => builtIn.length > 0 && type === 'flag',
    )
    const lines = builtIn.map(({ key, builtIn }) => `${key} = ${builtIn[0]}`)
    expect(lines.length).toBeGreaterThan(30)
    const { stderr } = importWith(...lines)
    expect(stderr).not.toContain('Not carried over')
  })
})

/** Those that `importWith` has anyway, or that make the same settings as without. */
function isRequired(key: string): boolean {
  return key === 'cookie_secret' || key === 'cookie_secret_file'
}

it('reads a file with no option of its own as unreadable', () => {
  expect(() => importToml('')).toThrow('contains no option of oauth2-proxy')
})
