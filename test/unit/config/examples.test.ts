import { globSync } from 'node:fs'
import { expect, it } from 'vitest'
import { loadSettings } from '../../../src/config/load.ts'

// The others are values of the chart, which test/chart/ renders and hands to the gateway.
const files = globSync('examples/gateway*.yaml')

it('there are examples', () => {
  expect(files).toContain('examples/gateway.yaml')
})

it.each(files)('%s is in order', (configFile) => {
  // The secrets of the example stand in files that only a deployment has.
  const env = {
    GATEWAY_OIDC_CLIENT_SECRET: 'client-secret',
    GATEWAY_SESSION_SECRET: 'session-secret-of-thirty-two-bytes',
    GATEWAY_DESKTOP_PASSWORD: 'desktop-password',
    GATEWAY_DESKTOP_VIEWER_PASSWORD: 'desktop-password',
  }
  expect(loadSettings({ env, configFile })).toMatchObject({ ok: true, warnings: [] })
})
