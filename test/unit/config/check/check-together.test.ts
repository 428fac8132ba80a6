import { describe, expect, it } from 'vitest'

import { CERT_FILE, COMPLETE, KEY_FILE, VIEWER, problemsFrom, settingsFrom } from '../loading.ts'

const withEnv = (env: Record<string, string>): readonly string[] =>
  problemsFrom({ ...COMPLETE, ...env })

describe('TLS on the public listener', () => {
  it('takes a certificate and a key', () => {
    const env = { GATEWAY_TLS_CERT_FILE: CERT_FILE, GATEWAY_TLS_KEY_FILE: KEY_FILE }
    expect(settingsFrom({ ...COMPLETE, ...env }).tls).toEqual({
      certFile: CERT_FILE,
      keyFile: KEY_FILE,
    })
  })

  it('needs both', () => {
    expect(withEnv({ GATEWAY_TLS_CERT_FILE: CERT_FILE })).toEqual([
      'GATEWAY_TLS_KEY_FILE (tls.keyFile): must be set too, because GATEWAY_TLS_CERT_FILE (tls.certFile) is set; set both or neither',
    ])
    expect(withEnv({ GATEWAY_TLS_KEY_FILE: KEY_FILE })).toEqual([
      'GATEWAY_TLS_CERT_FILE (tls.certFile): must be set too, because GATEWAY_TLS_KEY_FILE (tls.keyFile) is set; set both or neither',
    ])
  })
})

describe('a CA for the store', () => {
  const ca = { GATEWAY_SESSION_STORE_CA_FILE: CERT_FILE }

  it.each(['rediss://redis', 'rediss+sentinel://a,b/main'])(
    'is accepted for a store with TLS: %s',
    (store) => {
      expect(withEnv({ ...ca, GATEWAY_SESSION_STORE: store })).toEqual([])
    },
  )

  it.each(['memory', 'sqlite:/tmp/a.db', 'redis://redis', 'redis+sentinel://a,b/main'])(
    'is refused for a store without TLS, where it has no effect: %s',
    (store) => {
      expect(withEnv({ ...ca, GATEWAY_SESSION_STORE: store })).toEqual([
        'GATEWAY_SESSION_STORE_CA_FILE (session.storeCaFile): needs a store with TLS (rediss) in GATEWAY_SESSION_STORE (session.store); change that or remove this setting',
      ])
    },
  )
})

describe('client authentication', () => {
  const secret = { GATEWAY_OIDC_CLIENT_SECRET: 'client-secret' }
  const key = { GATEWAY_OIDC_PRIVATE_KEY_FILE: KEY_FILE }

  it.each([
    ['client_secret_basic', secret],
    ['client_secret_post', secret],
    ['private_key_jwt', key],
    ['private_key_jwt', { ...key, ...secret }],
    ['none', {}],
  ])('may be %s when the settings for it are given', (clientAuth, env) => {
    const settings = settingsFrom({ ...COMPLETE, ...env, GATEWAY_OIDC_CLIENT_AUTH: clientAuth })
    expect(settings.providers[0]?.clientAuth).toBe(clientAuth)
  })

  it.each([
    ['client_secret_basic', key, 'needs GATEWAY_OIDC_CLIENT_SECRET (oidc.clientSecret); set it'],
    ['client_secret_post', {}, 'needs GATEWAY_OIDC_CLIENT_SECRET (oidc.clientSecret); set it'],
    [
      'private_key_jwt',
      secret,
      'needs GATEWAY_OIDC_PRIVATE_KEY_FILE (oidc.privateKeyFile); set it',
    ],
    ['none', secret, 'does not use GATEWAY_OIDC_CLIENT_SECRET (oidc.clientSecret); remove it'],
    ['none', key, 'does not use GATEWAY_OIDC_PRIVATE_KEY_FILE (oidc.privateKeyFile); remove it'],
  ])('cannot be %s with other settings', (clientAuth, env, words) => {
    expect(withEnv({ ...env, GATEWAY_OIDC_CLIENT_AUTH: clientAuth })).toEqual([
      `GATEWAY_OIDC_CLIENT_AUTH (oidc.clientAuth): ${clientAuth} ${words} or choose another method`,
    ])
  })
})

function credentials(name: string, password: string, kind = 'kasmvnc'): readonly string[] {
  return withEnv({
    GATEWAY_DESKTOP_USERNAME: name,
    GATEWAY_DESKTOP_PASSWORD: password,
    GATEWAY_DESKTOP_KIND: kind,
  })
}

describe('credentials for the desktop', () => {
  const names = ['GATEWAY_DESKTOP', 'GATEWAY_DESKTOP_VIEWER', 'GATEWAY_DESKTOP_OWNER']

  it.each(names)('need both a name and a password: %s', (prefix) => {
    const name = `${prefix}_USERNAME`
    const password = `${prefix}_PASSWORD`
    expect(withEnv({ [name]: 'kasm_user' })[0]).toMatch(
      new RegExp(`^${password} .* must be set too`),
    )
    expect(withEnv({ [password]: 'x' })[0]).toMatch(new RegExp(`^${name} .* must be set too`))
    expect(withEnv({ [name]: 'kasm_user', [password]: 'x' })).toEqual([])
  })

  it('must not exceed the 256 bytes of base64 that KasmVNC takes', () => {
    expect(credentials('user', 'x'.repeat(187))).toEqual([])
    expect(credentials('user', 'x'.repeat(188))).toEqual([
      'GATEWAY_DESKTOP_PASSWORD (desktop.password): must be shorter: KasmVNC takes at most 192 bytes of user name, colon and password together',
    ])
    expect(credentials('user', 'ß'.repeat(94))).toHaveLength(1)
    expect(credentials('user', 'x'.repeat(500), 'rfb')).toEqual([])
  })

  it('need a name shorter than 128 bytes, without a colon', () => {
    expect(credentials('u'.repeat(127), 'x')).toEqual([])
    expect(credentials('u'.repeat(128), 'x')).toEqual([
      'GATEWAY_DESKTOP_USERNAME (desktop.username): must be shorter than 128 bytes for KasmVNC',
    ])
    expect(credentials('user:name', 'x')[0]).toContain('must not contain a colon')
  })
})

describe('the certificate of the desktop', () => {
  const https = { GATEWAY_DESKTOP_URL: 'https://desktop:6901' }
  const fingerprint = { GATEWAY_DESKTOP_TLS_FINGERPRINT: 'ab'.repeat(32) }
  const caFile = { GATEWAY_DESKTOP_CA_FILE: CERT_FILE }
  const insecure = { GATEWAY_DESKTOP_TLS_INSECURE: 'true' }

  it('can be checked by CA or by fingerprint', () => {
    for (const way of [fingerprint, caFile, insecure])
      expect(withEnv({ ...https, ...way })).toEqual([])
  })

  it.each([
    [fingerprint, 'GATEWAY_DESKTOP_TLS_FINGERPRINT (desktop.tls.fingerprint)'],
    [caFile, 'GATEWAY_DESKTOP_CA_FILE (desktop.tls.caFile)'],
  ])('cannot be checked when any certificate is accepted', (way, name) => {
    expect(withEnv({ ...https, ...insecure, ...way })).toEqual([
      `${name}: must not be given together with GATEWAY_DESKTOP_TLS_INSECURE (desktop.tls.insecure); keep one of the two`,
    ])
  })

  it('cannot be checked on a plain http desktop', () => {
    expect(withEnv(fingerprint)).toEqual([
      'GATEWAY_DESKTOP_TLS_FINGERPRINT (desktop.tls.fingerprint): needs an https address in GATEWAY_DESKTOP_URL (desktop.url); change that or remove this setting',
    ])
  })
})

describe('owners of KasmVNC', () => {
  const rules = 'access: [{ match: { groups: [admins] }, role: owner }]'
  const words =
    "role owner needs a desktop user who may use KasmVNC's API: set GATEWAY_DESKTOP_OWNER_USERNAME (desktop.owner.username) and GATEWAY_DESKTOP_OWNER_PASSWORD (desktop.owner.password), or choose control"

  it('need their own credentials', () => {
    expect(problemsFrom({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: '' }, rules)).toEqual([
      `access[0].role: ${words}`,
    ])
  })

  it('may use the same desktop user as people with role control', () => {
    const user = {
      GATEWAY_DESKTOP_USERNAME: 'kasm_user',
      GATEWAY_DESKTOP_PASSWORD: 'password',
      GATEWAY_DESKTOP_OWNER_USERNAME: 'kasm_user',
      GATEWAY_DESKTOP_OWNER_PASSWORD: 'password',
    }
    expect(problemsFrom({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: '', ...user }, rules)).toEqual([])
  })

  it('need no credentials for a desktop of kind rfb', () => {
    const env = { ...COMPLETE, GATEWAY_ALLOW_GROUPS: '', GATEWAY_DESKTOP_KIND: 'rfb' }
    expect(problemsFrom(env, rules)).toEqual([])
  })
})

describe('downloads of a desktop of kind rfb', () => {
  const env = { ...COMPLETE, GATEWAY_DESKTOP_KIND: 'rfb' }
  const words =
    "deny blocks KasmVNC's downloads, and a desktop of kind rfb has none; remove this setting"

  it('cannot be denied', () => {
    expect(problemsFrom({ ...env, GATEWAY_DOWNLOADS: 'deny' })).toEqual([
      `GATEWAY_DOWNLOADS (downloads): ${words}`,
    ])
    const rules = 'access: [{ match: { groups: [a] }, role: control, downloads: deny }]'
    expect(problemsFrom({ ...env, GATEWAY_ALLOW_GROUPS: '' }, rules)).toEqual([
      `access[0].downloads: ${words}`,
    ])
  })
})

describe('viewers of KasmVNC', () => {
  const words =
    'role view needs a separate desktop user without write permission: set GATEWAY_DESKTOP_VIEWER_USERNAME (desktop.viewer.username) and GATEWAY_DESKTOP_VIEWER_PASSWORD (desktop.viewer.password), or remove this'

  it('need a separate desktop user', () => {
    const env = { GATEWAY_VIEW_GROUPS: 'guests' }
    expect(withEnv(env)).toEqual([`GATEWAY_VIEW_GROUPS (viewGroups): ${words}`])
    expect(problemsFrom({ ...COMPLETE, ...VIEWER, ...env })).toEqual([])
  })

  it('need one in YAML rules too', () => {
    const yaml = 'access: [{ match: { groups: [guests] }, role: view }]'
    expect(problemsFrom({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: '' }, yaml)).toEqual([
      `access[0].role: ${words}`,
    ])
  })

  it('must not be the user of role control', () => {
    const env = {
      ...VIEWER,
      GATEWAY_VIEW_GROUPS: 'guests',
      GATEWAY_DESKTOP_USERNAME: 'viewer',
      GATEWAY_DESKTOP_PASSWORD: 'x',
    }
    expect(problemsFrom({ ...COMPLETE, ...env })).toEqual([
      `GATEWAY_VIEW_GROUPS (viewGroups): ${words}`,
    ])
  })
})
