// The command `check` without `--online`, and how findings are printed.

import { expect, it } from 'vitest'
import { check } from '../../../src/check/check.ts'
import { Findings } from '../../../src/check/finding.ts'
import { renderFindings } from '../../../src/check/render.ts'
import { COMPLETE } from '../config/loading.ts'

const SETTINGS = { ...COMPLETE, GATEWAY_OIDC_CLIENT_SECRET: 'hunter2-client' }

it('prints the settings without secrets', async () => {
  const { exitCode, stdout, stderr } = await check([], SETTINGS)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toContain('clientSecret: (hidden)')
  expect(stdout).not.toContain('hunter2')
})

it('prints warnings and problems apart from the settings', async () => {
  const warned = await check([], {
    ...SETTINGS,
    GATEWAY_DESKTOP_URL: 'https://desktop:6901',
    GATEWAY_DESKTOP_TLS_INSECURE: 'true',
  })
  expect(warned).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^warning: GATEWAY_DESKTOP_TLS_INSECURE/),
  })
  const refused = await check(['--online'], { ...SETTINGS, GATEWAY_LISTEN: 'nowhere' })
  expect(refused).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringContaining('GATEWAY_LISTEN'),
  })
})

it('prints the same as JSON, unset settings as null', async () => {
  const good = await check(['--json'], SETTINGS)
  expect(JSON.parse(good.stdout)).toMatchObject({
    ok: true,
    problems: [],
    warnings: [],
    settings: { oidc: { clientSecret: '(hidden)' }, adminToken: null },
  })
  expect(good.stdout).not.toContain('hunter2')
  const bad = await check(['--json'], { ...SETTINGS, GATEWAY_LISTEN: 'nowhere' })
  expect(bad).toMatchObject({ exitCode: 1, stderr: '' })
  expect(JSON.parse(bad.stdout)).toEqual({
    ok: false,
    problems: [expect.stringContaining('GATEWAY_LISTEN')],
    warnings: [],
    settings: null,
  })
})

it('answers an unknown argument with the list of arguments', async () => {
  const { exitCode, stdout, stderr } = await check(['--onlin'], SETTINGS)
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toMatch(/--onlin[^]*--online/)
})

it('prints a line for each finding with its state, its id and what it is about', () => {
  const provider = new Findings('provider', 'keycloak')
  provider.ok('issuer', 'The issuer is right.')
  provider.fail('client-auth', 'The provider refuses the client.')
  const store = new Findings('store')
  store.warn('eviction', 'Redis may drop sessions.')
  store.skip('persistence', 'Redis does not tell.')
  expect(renderFindings([...provider.all, ...store.all])).toBe(`\
ok       provider.issuer (keycloak): The issuer is right.
failed   provider.client-auth (keycloak): The provider refuses the client.
warning  store.eviction: Redis may drop sessions.
skipped  store.persistence: Redis does not tell.

ok: 1, warning: 1, failed: 1, skipped: 1
`)
})
