import { globSync } from 'node:fs'
import { expect, it } from 'vitest'
import { loadSettings } from '../../../src/config/load.ts'

// The other examples are chart values. test/chart/ renders them and loads the result.
const files = globSync('examples/gateway*.yaml')

it('there are examples', () => {
  expect(files).toContain('examples/gateway.yaml')
})

it.each(files)('%s loads without problems or warnings', (configFile) => {
  // The secret files of the example exist only in a deployment.
  const env = {
    GATEWAY_OIDC_CLIENT_SECRET: 'client-secret',
    GATEWAY_SESSION_SECRET: 'session-secret-of-thirty-two-bytes',
    GATEWAY_DESKTOP_PASSWORD: 'desktop-password',
    GATEWAY_DESKTOP_VIEWER_PASSWORD: 'desktop-password',
  }
  expect(loadSettings({ env, configFile })).toMatchObject({ ok: true, warnings: [] })
})
