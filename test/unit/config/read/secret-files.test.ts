import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { SETTINGS } from '../../../../src/config/schema/schema.ts'
import { COMPLETE, load, problemsFrom, SECRET, settingsFrom, writeFile } from '../loading.ts'

const NO_SECRET = { ...COMPLETE, GATEWAY_SESSION_SECRET: undefined }

describe('a secret in a file', () => {
  it('can be named in the environment or in YAML', () => {
    const file = writeFile('secret', SECRET)
    const fromEnv = settingsFrom({ ...NO_SECRET, GATEWAY_SESSION_SECRET_FILE: file })
    const fromYaml = settingsFrom(NO_SECRET, `session: { secretFile: ${file} }`)
    expect(fromEnv.session.secrets).toEqual([SECRET])
    expect(fromYaml).toEqual(fromEnv)
  })

  it('works for every secret', () => {
    const file = writeFile('secret', SECRET)
    const secrets = SETTINGS.filter(({ secret }) => secret)
    expect(secrets.map(({ path }) => path)).toEqual([
      'adminToken',
      'oidc.clientSecret',
      'oidc.proxy',
      'session.secret',
      'desktop.password',
      'desktop.viewer.password',
      'desktop.owner.password',
    ])
    const names = Object.fromEntries(secrets.map(({ env }) => [`${env}_FILE`, file]))
    const usernames = {
      GATEWAY_DESKTOP_USERNAME: 'a',
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'b',
      GATEWAY_DESKTOP_OWNER_USERNAME: 'c',
    }
    expect(settingsFrom({ ...NO_SECRET, ...usernames, ...names })).toMatchObject({
      adminToken: SECRET,
      providers: [{ clientSecret: SECRET }],
      session: { secrets: [SECRET] },
      desktop: {
        credentials: {
          control: { username: 'a', password: SECRET },
          view: { username: 'b', password: SECRET },
          owner: { username: 'c', password: SECRET },
        },
      },
    })
  })

  it.each([
    ['token', 'token'],
    ['token\n', 'token'],
    ['token\r\n', 'token'],
    [' token ', ' token '],
  ])('loses only one newline at its end: %j', (content, token) => {
    const file = writeFile('secret', content)
    const { providers } = settingsFrom({ ...COMPLETE, GATEWAY_OIDC_CLIENT_SECRET_FILE: file })
    expect(providers[0]?.clientSecret).toBe(token)
  })

  it('may contain several session secrets, one per line', () => {
    const file = writeFile('secrets', `${SECRET}\n${SECRET}2\n`)
    const settings = settingsFrom({ ...NO_SECRET, GATEWAY_SESSION_SECRET_FILE: file })
    expect(settings.session.secrets).toEqual([SECRET, `${SECRET}2`])
  })

  it.each([
    ['', 'is empty'],
    ['\n', 'is empty'],
    [new Uint8Array(32).fill(0xff), 'it is not UTF-8 text'],
  ])('must contain readable text: %j', (content, words) => {
    const file = writeFile('secret', content)
    const problems = problemsFrom({ ...NO_SECRET, GATEWAY_SESSION_SECRET_FILE: file })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^GATEWAY_SESSION_SECRET_FILE \(session\.secretFile\): must name a/)
    expect(problems[0]).toContain(file)
    expect(problems[0]).toContain(words)
  })

  it('that does not exist is one problem, not also a missing secret', () => {
    expect(problemsFrom(NO_SECRET, 'session: { secretFile: /nowhere/secret }')).toEqual([
      'GATEWAY_SESSION_SECRET_FILE (session.secretFile): must name a readable file; /nowhere/secret is not (ENOENT)',
    ])
    expect(problemsFrom(NO_SECRET, 'session: { secretFile: [a] }')).toEqual([
      'GATEWAY_SESSION_SECRET_FILE (session.secretFile): must be the path of a file',
    ])
  })

  it('is not quoted when the secret itself was given instead of a file name', () => {
    const env = { ...COMPLETE, GATEWAY_OIDC_CLIENT_SECRET_FILE: '-----BEGIN\nhunter2\n' }
    expect(problemsFrom(env)).toEqual([
      'GATEWAY_OIDC_CLIENT_SECRET_FILE (oidc.clientSecretFile): must be the path of a file',
    ])
  })

  it('cannot be given together with the secret in the same place', () => {
    const file = writeFile('secret', SECRET)
    const words =
      'GATEWAY_SESSION_SECRET (session.secret): must not be given together with GATEWAY_SESSION_SECRET_FILE (session.secretFile); keep one of the two'
    expect(problemsFrom({ ...COMPLETE, GATEWAY_SESSION_SECRET_FILE: file })).toEqual([words])
    const yaml = `session: { secret: ${SECRET}, secretFile: ${file} }`
    expect(problemsFrom(NO_SECRET, yaml)).toEqual([words])
  })

  it('in YAML is overridden by either form in the environment', () => {
    const file = writeFile('secret', `${SECRET}-from-file`)
    const named = settingsFrom(
      { ...NO_SECRET, GATEWAY_SESSION_SECRET_FILE: file },
      `session: { secret: ${SECRET} }`,
    )
    expect(named.session.secrets).toEqual([`${SECRET}-from-file`])
    const given = settingsFrom(COMPLETE, 'session: { secretFile: /nowhere/secret }')
    expect(given.session.secrets).toEqual([SECRET])
  })
})

describe('a secret in a problem', () => {
  it('is never shown', () => {
    const marker = 'hunter2'
    const secrets = SETTINGS.filter(({ secret }) => secret).flatMap(({ env }) => env ?? [])
    fc.assert(
      fc.property(
        fc.constantFrom(...secrets, 'GATEWAY_DESKTOP_USERNAME', 'GATEWAY_SESSION_STORE'),
        fc.string({ maxLength: 300 }),
        fc.constantFrom('', '\n', '\u0000', ':'),
        (name, text, wrong) => {
          const result = load({ ...COMPLETE, [name]: `${text}${wrong}${marker}` })
          if (!result.ok) expect(result.problems.join('\n')).not.toContain(marker)
        },
      ),
    )
  })

  it.each([
    ['publicUrl: https://anna:hunter2@desk.example.com', 'https://(hidden)@desk.example.com'],
    ['publicUrl: "anna:hun@ter2@desk.example.com"', '(hidden)@desk.example.com'],
    ['desktop: { url: "http://desktop:6901?password=hunter2" }', 'http://desktop:6901?(hidden)'],
    [
      'oidc: { issuer: "https://anna:hunter2@login.example.com" }',
      'https://(hidden)@login.example.com',
    ],
    ['session: { store: "redis:x:hunter2@redis" }', 'must be memory'],
    ['session: { secret: [hunter2] }', 'must be at least 32 bytes'],
    ['session: { secret: { hunter2: hunter2 } }', 'must be text'],
    ['adminToken: ["hunter2"]', 'must be text'],
    ['desktop: { username: "anna:hunter2", password: x }', 'must not contain a colon'],
    ['oidc: { privateKeyFile: "-----BEGIN\\nhunter2" }', 'must be one line'],
  ])('is hidden in a quoted value: %s', (yaml, shown) => {
    const problems = problemsFrom({ GATEWAY_ALLOW_ANYONE: 'true' }, yaml).join('\n')
    expect(problems).toContain(shown)
    expect(problems).not.toMatch(/hunter2|ter2/)
  })
})
