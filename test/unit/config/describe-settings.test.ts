import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { describeSettings } from '../../../src/config/describe-settings.ts'
import { SETTINGS } from '../../../src/config/schema/schema.ts'
import { CERT_FILE, COMPLETE, KEY_FILE, NO_RULES, SECRET, VIEWER, settingsFrom } from './loading.ts'

/** One entry for each setting that has an environment name and a value other than its default. */
const FULL = {
  ...COMPLETE,
  ...VIEWER,
  GATEWAY_LISTEN: '127.0.0.1:8080',
  GATEWAY_ADMIN_LISTEN: '[::1]:9090',
  GATEWAY_ADMIN_HOSTS: 'gateway-admin,Gateway-Admin.desk.svc',
  GATEWAY_ADMIN_TOKEN: 'hunter2-token-hunter2',
  GATEWAY_TRUSTED_PROXIES: '10.0.0.0/8',
  GATEWAY_LOGIN_LIMIT: '5/h',
  GATEWAY_LIMITS_CONNECTIONS: '500',
  GATEWAY_TLS_CERT_FILE: CERT_FILE,
  GATEWAY_TLS_KEY_FILE: KEY_FILE,
  GATEWAY_OIDC_CLIENT_SECRET: 'hunter2-client',
  GATEWAY_SESSION_SECRET: `${SECRET}-hunter2\n${SECRET}-hunter2-older`,
  GATEWAY_SESSION_MAX_LIFETIME: '90m',
  GATEWAY_VIEW_GROUPS: 'guests',
  GATEWAY_DESKTOP_USERNAME: 'kasm_user',
  GATEWAY_DESKTOP_PASSWORD: 'hunter2-control',
  GATEWAY_DESKTOP_VIEWER_PASSWORD: 'hunter2-view',
  GATEWAY_DESKTOP_OWNER_USERNAME: 'owner',
  GATEWAY_DESKTOP_OWNER_PASSWORD: 'hunter2-owner',
}

describe('the effective settings as text', () => {
  it('have the form of the YAML file', () => {
    const yaml: unknown = parse(describeSettings(settingsFrom(FULL)))
    expect(yaml).toMatchObject({
      publicUrl: 'https://desk.example.com',
      listen: '127.0.0.1:8080',
      adminListen: '[::1]:9090',
      adminHosts: ['gateway-admin', 'gateway-admin.desk.svc'],
      trustedProxies: ['10.0.0.0/8'],
      loginLimit: '5/h',
      tls: { certFile: CERT_FILE, keyFile: KEY_FILE },
      oidc: { issuer: 'https://login.example.com/realms/staff', caFile: null },
      session: { secret: ['(hidden)', '(hidden)'], maxLifetime: '90m', store: 'memory' },
      access: [
        { id: 'allowGroups', role: 'control', match: { groups: ['ops'] } },
        { id: 'viewGroups', role: 'view', match: { groups: ['guests'] } },
      ],
      desktop: {
        url: 'http://desktop:6901',
        username: 'kasm_user',
        password: '(hidden)',
        viewer: { username: 'viewer', password: '(hidden)' },
        owner: { username: 'owner', password: '(hidden)' },
      },
      limits: { connections: 500 },
      drain: { delay: '5s', timeout: '25s' },
    })
  })

  it('contain every setting except the lists that became rules', () => {
    const yaml: unknown = parse(describeSettings(settingsFrom(COMPLETE)))
    const becomeRules = /^(allow|view)|^clipboardIn|^downloads/
    for (const { path } of SETTINGS.filter((setting) => !becomeRules.test(setting.path))) {
      expect(yaml).toHaveProperty(path)
    }
  })

  it('hide every secret', () => {
    const text = describeSettings(settingsFrom(FULL))
    expect(text).not.toContain('hunter2')
    expect(text.match(/\(hidden\)/g)).toHaveLength(7)
  })

  it('show when a secret is not set', () => {
    expect(describeSettings(settingsFrom(COMPLETE))).toContain('clientSecret: null')
  })

  it.each([
    ['redis://anna:hunter2@redis:6379/0', 'redis://(hidden)@redis:6379/0'],
    ['rediss://:hun@hunter2@redis', 'rediss://(hidden)@redis'],
    [
      'redis+sentinel://:hunter2@a:1,b:2/main?sentinelPassword=hunter2&db=1',
      'redis+sentinel://(hidden)@a:1,b:2/main?sentinelPassword=(hidden)&db=1',
    ],
    ['redis://redis:6379', 'redis://redis:6379'],
    ['sqlite:/tmp/a@b.db', 'sqlite:/tmp/a@b.db'],
  ])('hide the password in a store address: %s', (store, shown) => {
    const settings = settingsFrom(COMPLETE)
    const text = describeSettings({ ...settings, session: { ...settings.session, store } })
    expect(text).toContain(`store: ${shown}\n`)
  })

  it('show when anyone may sign in and when logins are not limited', () => {
    const env = { ...NO_RULES, GATEWAY_ALLOW_ANYONE: 'true', GATEWAY_LOGIN_LIMIT: 'off' }
    expect(parse(describeSettings(settingsFrom(env)))).toMatchObject({
      loginLimit: 'off',
      access: [{ id: 'allowAnyone', match: 'anyone' }],
    })
  })

  it('hide the passwords of routes', () => {
    const yaml =
      'desktop: { routes: [{ path: /audio, url: "http://desktop:4901", username: a, password: hunter2 }] }'
    const described: unknown = parse(describeSettings(settingsFrom(COMPLETE, yaml)))
    expect(described).toMatchObject({
      desktop: {
        routes: [
          {
            path: '/audio',
            url: 'http://desktop:4901',
            role: 'control',
            stripPrefix: true,
            username: 'a',
            password: '(hidden)',
            tls: { insecure: false },
          },
        ],
      },
    })
  })
})
