import { describe, expect, it } from 'vitest'

import { loadSettings } from '../../../src/config/load.ts'
import {
  CERT_FILE,
  COMPLETE,
  NO_RULES,
  SECRET,
  load,
  problemsFrom,
  settingsFrom,
  warningsFrom,
  writeFile,
} from './loading.ts'

const ALL_IN_YAML = `
publicUrl: https://desk.example.com
oidc: { issuer: https://login.example.com/realms/staff, clientId: ghostwire }
session: { secret: ${SECRET} }
allowGroups: [ops]
desktop: { url: http://desktop:6901 }
`

describe('loading the settings', () => {
  it('needs only the required settings', () => {
    const settings = settingsFrom(COMPLETE)
    expect(settings).toMatchObject({
      listen: { host: undefined, port: 8080 },
      adminListen: { host: undefined, port: 9090 },
      adminHosts: [],
      adminToken: undefined,
      trustedProxies: [],
      loginLimit: { count: 30, windowMs: 60_000 },
      tls: undefined,
      providers: [
        {
          name: 'oidc',
          label: 'login.example.com',
          callbackPath: '/oauth2/callback',
          preset: undefined,
          clientId: 'ghostwire',
          clientSecret: undefined,
          clientAuth: undefined,
          privateKeyFile: undefined,
          scopes: 'openid profile email',
          authorizationParams: {},
          groupsClaim: 'groups',
          emailVerified: 'required',
          caFile: undefined,
        },
      ],
      session: {
        secrets: [SECRET],
        store: 'memory',
        storeCaFile: undefined,
        idleTimeout: 30 * 60_000,
        idleReauth: true,
        maxLifetime: 12 * 3_600_000,
        revalidateEvery: 5 * 60_000,
        providerGrace: 3_600_000,
        storeGrace: 10 * 60_000,
      },
      desktop: {
        kind: 'kasmvnc',
        credentials: {},
        tls: { caFile: undefined, fingerprint: undefined, insecure: false },
        csp: undefined,
      },
      ui: { panel: true },
      limits: { connections: undefined, tunnelsPerPerson: 32, sessionsPerPerson: 20 },
      drain: { delay: 5_000, timeout: 25_000 },
      audit: { file: undefined },
      logLevel: 'info',
    })
    expect(settings.publicUrl.origin).toBe('https://desk.example.com')
    expect(settings.providers[0]?.issuer.href).toBe('https://login.example.com/realms/staff')
    expect(settings.desktop.url.origin).toBe('http://desktop:6901')
  })

  it('returns every key, so that a missing value is always undefined', () => {
    const settings = settingsFrom(COMPLETE)
    for (const key of ['adminToken', 'trustedProxies', 'loginLimit', 'tls']) {
      expect(settings).toHaveProperty(key)
    }
    for (const key of ['clientSecret', 'clientAuth', 'privateKeyFile', 'caFile']) {
      expect(settings.providers[0]).toHaveProperty(key)
    }
    expect(settings.session).toHaveProperty('storeCaFile')
    expect(settings.desktop).toHaveProperty('csp')
    expect(Object.keys(settings.desktop.tls)).toEqual(['caFile', 'fingerprint', 'insecure'])
    expect(settings.audit).toHaveProperty('file')
  })

  it('reads the same settings from the file as from the environment', () => {
    expect(settingsFrom({}, ALL_IN_YAML)).toEqual(settingsFrom(COMPLETE))
  })

  it('takes the file that GATEWAY_CONFIG names unless --config names another', () => {
    const one = writeFile('one.yaml', `${ALL_IN_YAML}logLevel: debug\n`)
    const other = writeFile('other.yaml', `${ALL_IN_YAML}logLevel: warn\n`)
    const env = { GATEWAY_CONFIG: one }
    expect(loadSettings({ env, configFile: undefined })).toMatchObject({
      settings: { logLevel: 'debug' },
    })
    expect(loadSettings({ env, configFile: other })).toMatchObject({
      settings: { logLevel: 'warn' },
    })
  })

  it('lets the environment override single settings', () => {
    const yaml = 'logLevel: debug\noidc: { groupsClaim: roles, scopes: openid }'
    const settings = settingsFrom({ ...COMPLETE, GATEWAY_OIDC_SCOPES: 'openid groups' }, yaml)
    expect(settings).toMatchObject({
      logLevel: 'debug',
      providers: [{ groupsClaim: 'roles', scopes: 'openid groups' }],
    })
  })

  it('does not check a value of the file that the environment overrides', () => {
    expect(
      settingsFrom({ ...COMPLETE, GATEWAY_LOG_LEVEL: 'warn' }, 'logLevel: loud').logLevel,
    ).toBe('warn')
  })

  it('treats an empty variable and an empty key as not set', () => {
    const env = { ...COMPLETE, GATEWAY_LOG_LEVEL: '', GATEWAY_NOBODY_KNOWS: '' }
    expect(settingsFrom(env, 'logLevel: debug').logLevel).toBe('debug')
    expect(settingsFrom(COMPLETE, 'logLevel:\ntls:\noidc: { caFile: }').logLevel).toBe('info')
    expect(problemsFrom({ ...COMPLETE, GATEWAY_PUBLIC_URL: '' })).toEqual([
      'GATEWAY_PUBLIC_URL (publicUrl): must be set',
    ])
  })

  it('freezes the settings', () => {
    const settings = settingsFrom(COMPLETE)
    expect(Object.isFrozen(settings)).toBe(true)
    expect(Object.isFrozen(settings.access)).toBe(true)
    expect(Object.isFrozen(settings.access[0]?.match?.groups)).toBe(true)
    expect(settings.publicUrl.hostname).toBe('desk.example.com')
  })

  it('reports all required settings that are missing', () => {
    expect(problemsFrom({})).toEqual([
      'GATEWAY_PUBLIC_URL (publicUrl): must be set',
      'GATEWAY_OIDC_ISSUER (oidc.issuer): must be set',
      'GATEWAY_OIDC_CLIENT_ID (oidc.clientId): must be set',
      'GATEWAY_SESSION_SECRET (session.secret): must be set; or put it in a file and set GATEWAY_SESSION_SECRET_FILE (session.secretFile)',
      'GATEWAY_DESKTOP_URL (desktop.url): must be set',
      'GATEWAY_ALLOW_GROUPS (allowGroups): must say who may sign in; or set GATEWAY_ALLOW_ANYONE (allowAnyone), or write rules in access',
    ])
  })

  it('reports problems of all kinds at once', () => {
    const env = {
      ...NO_RULES,
      GATEWAY_PUBLIC_URL: 'http://desk.example.com',
      GATEWAY_PUBLIC_ULR: 'https://desk.example.com',
      GATEWAY_ADMIN_TOKEN_FILE: '/nowhere/token',
      GATEWAY_TLS_CERT_FILE: CERT_FILE,
      GATEWAY_ALLOW_EMAILS: 'anna',
    }
    const yaml = `
logLevel: loud
sesion: { maxLifetime: 1h }
session: { maxLifetime: 1s, providerGrace: 0 }
access:
  - { match: { groups: [ops] }, role: control, clipboardIn: deny }
  - { match: { groups: [ops] }, role: vew }
`
    expect(problemsFrom(env, yaml)).toEqual([
      'GATEWAY_PUBLIC_ULR: is not a setting; did you mean GATEWAY_PUBLIC_URL?',
      'GATEWAY_ADMIN_TOKEN_FILE (adminTokenFile): must name a readable file; /nowhere/token is not (ENOENT)',
      'GATEWAY_PUBLIC_URL (publicUrl): must be an https origin, or http on loopback; got "http://desk.example.com"',
      'GATEWAY_SESSION_MAX_LIFETIME (session.maxLifetime): must be at least 1m; got "1s"',
      'GATEWAY_ALLOW_EMAILS (allowEmails): must be an e-mail address with exactly one @; got "anna"',
      'access[1].role: must be one of control, view, owner; got "vew"',
      'GATEWAY_LOG_LEVEL (logLevel): must be one of fatal, error, warn, info, debug, trace, silent; got "loud"',
      'gateway.yaml:3: sesion: is not a setting; did you mean session?',
      'GATEWAY_TLS_KEY_FILE (tls.keyFile): must be set too, because GATEWAY_TLS_CERT_FILE (tls.certFile) is set; set both or neither',
    ])
  })

  it('does not report a refused value as missing', () => {
    const env = { ...COMPLETE, GATEWAY_OIDC_ISSUER: 'nonsense', GATEWAY_ALLOW_GROUPS: '\n' }
    const problems = problemsFrom({
      ...env,
      GATEWAY_TLS_CERT_FILE: CERT_FILE,
      GATEWAY_TLS_KEY_FILE: ' ',
    })
    expect(problems).toHaveLength(3)
    expect(problems.join('\n')).not.toContain('must be set')
  })

  it('warns about settings that are dangerous or have no effect', () => {
    expect(warningsFrom(COMPLETE)).toEqual([])
    const env = {
      ...COMPLETE,
      GATEWAY_ADMIN_TOKEN: 'an-admin-token-for-tests',
      GATEWAY_DESKTOP_TLS_INSECURE: 'true',
      GATEWAY_ALLOW_ANYONE: 'true',
      GATEWAY_VIEW_EMAILS: 'anna@example.com',
      GATEWAY_DESKTOP_VIEWER_USERNAME: 'viewer',
      GATEWAY_DESKTOP_VIEWER_PASSWORD: 'viewer-password',
    }
    expect(warningsFrom(env)).toEqual([
      'GATEWAY_DESKTOP_TLS_INSECURE (desktop.tls.insecure): any certificate is accepted for the desktop',
      'GATEWAY_VIEW_EMAILS (viewEmails): restricts nobody, because GATEWAY_ALLOW_ANYONE (allowAnyone) lets everyone control the desktop',
    ])
  })

  it('returns either settings or problems, never both', () => {
    expect(Object.keys(load(COMPLETE))).toEqual(['ok', 'settings', 'warnings'])
    expect(Object.keys(load({}))).toEqual(['ok', 'problems'])
  })
})
