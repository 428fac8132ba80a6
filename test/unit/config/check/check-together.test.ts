import { describe, expect, it } from 'vitest'

import { CERT_FILE, COMPLETE, KEY_FILE, VIEWER, problemsFrom, settingsFrom } from '../loading.ts'

const withEnv = (env: Record<string, string>): readonly string[] =>
  problemsFrom({ ...COMPLETE, ...env })

describe('TLS on the public listener', () => {
  it('has certificate and key', () => {
    const env = { GATEWAY_TLS_CERT_FILE: CERT_FILE, GATEWAY_TLS_KEY_FILE: KEY_FILE }
    expect(settingsFrom({ ...COMPLETE, ...env }).tls).toEqual({
      certFile: CERT_FILE,
      keyFile: KEY_FILE,
    })
  })

  it('has not one without the other', () => {
    expect(withEnv({ GATEWAY_TLS_CERT_FILE: CERT_FILE })).toEqual([
      'GATEWAY_TLS_KEY_FILE (tls.keyFile): must be set as well, or GATEWAY_TLS_CERT_FILE (tls.certFile) removed',
    ])
    expect(withEnv({ GATEWAY_TLS_KEY_FILE: KEY_FILE })).toEqual([
      'GATEWAY_TLS_CERT_FILE (tls.certFile): must be set as well, or GATEWAY_TLS_KEY_FILE (tls.keyFile) removed',
    ])
  })
})

describe('a CA for the store', () => {
  const ca = { GATEWAY_SESSION_STORE_CA_FILE: CERT_FILE }

  it.each(['rediss://redis', 'rediss+sentinel://a,b/main'])('is for TLS: %s', (store) => {
    expect(withEnv({ ...ca, GATEWAY_SESSION_STORE: store })).toEqual([])
  })

  it.each(['memory', 'sqlite:/tmp/a.db', 'redis://redis', 'redis+sentinel://a,b/main'])(
    'is not for a store without TLS, which would pass for it: %s',
    (store) => {
      expect(withEnv({ ...ca, GATEWAY_SESSION_STORE: store })).toEqual([
        'GATEWAY_SESSION_STORE_CA_FILE (session.storeCaFile): needs a rediss GATEWAY_SESSION_STORE (session.store); change that or remove this',
      ])
    },
  )
})

describe('how the client proves itself', () => {
  const secret = { GATEWAY_OIDC_CLIENT_SECRET: 'client-secret' }
  const key = { GATEWAY_OIDC_PRIVATE_KEY_FILE: KEY_FILE }

  it.each([
    ['client_secret_basic', secret],
    ['client_secret_post', secret],
    ['private_key_jwt', key],
    ['private_key_jwt', { ...key, ...secret }],
    ['none', {}],
  ])('may be %s with what it needs', (clientAuth, env) => {
    const settings = settingsFrom({ ...COMPLETE, ...env, GATEWAY_OIDC_CLIENT_AUTH: clientAuth })
    expect(settings.oidc.clientAuth).toBe(clientAuth)
  })

  it.each([
    ['client_secret_basic', key, 'needs GATEWAY_OIDC_CLIENT_SECRET (oidc.clientSecret); set it'],
    ['client_secret_post', {}, 'needs GATEWAY_OIDC_CLIENT_SECRET (oidc.clientSecret); set it'],
    [
      'private_key_jwt',
      secret,
      'needs GATEWAY_OIDC_PRIVATE_KEY_FILE (oidc.privateKeyFile); set it',
    ],
    ['none', secret, 'would not use GATEWAY_OIDC_CLIENT_SECRET (oidc.clientSecret); remove that'],
    ['none', key, 'would not use GATEWAY_OIDC_PRIVATE_KEY_FILE (oidc.privateKeyFile); remove that'],
  ])('is not %s without it', (clientAuth, env, words) => {
    expect(withEnv({ ...env, GATEWAY_OIDC_CLIENT_AUTH: clientAuth })).toEqual([
      `GATEWAY_OIDC_CLIENT_AUTH (oidc.clientAuth): ${clientAuth} ${words} or choose another`,
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

  it.each(names)('are a name and a password: %s', (prefix) => {
    const name = `${prefix}_USERNAME`
    const password = `${prefix}_PASSWORD`
    expect(withEnv({ [name]: 'kasm_user' })[0]).toMatch(
      new RegExp(`^${password} .* must be set as well`),
    )
    expect(withEnv({ [password]: 'x' })[0]).toMatch(new RegExp(`^${name} .* must be set as well`))
    expect(withEnv({ [name]: 'kasm_user', [password]: 'x' })).toEqual([])
  })

  it('fit into what KasmVNC takes: 256 bytes of base64', () => {
    expect(credentials('user', 'x'.repeat(187))).toEqual([])
    expect(credentials('user', 'x'.repeat(188))).toEqual([
      'GATEWAY_DESKTOP_PASSWORD (desktop.password): must be shorter: name and password together exceed what KasmVNC takes (192 bytes with the colon)',
    ])
    expect(credentials('user', 'ß'.repeat(94))).toHaveLength(1)
    expect(credentials('user', 'x'.repeat(500), 'rfb')).toEqual([])
  })

  it('have a name shorter than 128 bytes without a colon', () => {
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

  it('is checked one way', () => {
    for (const way of [fingerprint, caFile, insecure])
      expect(withEnv({ ...https, ...way })).toEqual([])
  })

  it.each([
    [fingerprint, 'GATEWAY_DESKTOP_TLS_FINGERPRINT (desktop.tls.fingerprint)'],
    [caFile, 'GATEWAY_DESKTOP_CA_FILE (desktop.tls.caFile)'],
  ])('is not both checked and not checked', (way, name) => {
    expect(withEnv({ ...https, ...insecure, ...way })).toEqual([
      `${name}: must not be given together with GATEWAY_DESKTOP_TLS_INSECURE (desktop.tls.insecure); keep one of the two`,
    ])
  })

  it('is not promised to be checked where there is none', () => {
    expect(withEnv(fingerprint)).toEqual([
      'GATEWAY_DESKTOP_TLS_FINGERPRINT (desktop.tls.fingerprint): needs an https GATEWAY_DESKTOP_URL (desktop.url); change that or remove this',
    ])
  })
})

describe('owners of KasmVNC', () => {
  const rules = 'access: [{ match: { groups: [admins] }, role: owner }]'
  const words =
    'owner needs GATEWAY_DESKTOP_OWNER_USERNAME (desktop.owner.username) and GATEWAY_DESKTOP_OWNER_PASSWORD (desktop.owner.password) of a desktop user who may use its API; set them or choose control'

  it('need the credentials of one', () => {
    expect(problemsFrom({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: '' }, rules)).toEqual([
      `access[0].role: ${words}`,
    ])
  })

  it('may be the very user of those who control', () => {
    const user = {
      GATEWAY_DESKTOP_USERNAME: 'kasm_user',
      GATEWAY_DESKTOP_PASSWORD: 'password',
      GATEWAY_DESKTOP_OWNER_USERNAME: 'kasm_user',
      GATEWAY_DESKTOP_OWNER_PASSWORD: 'password',
    }
    expect(problemsFrom({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: '', ...user }, rules)).toEqual([])
  })

  it('are people in control to a desktop of kind rfb', () => {
    const env = { ...COMPLETE, GATEWAY_ALLOW_GROUPS: '', GATEWAY_DESKTOP_KIND: 'rfb' }
    expect(problemsFrom(env, rules)).toEqual([])
  })
})

describe('downloads of a desktop of kind rfb', () => {
  const env = { ...COMPLETE, GATEWAY_DESKTOP_KIND: 'rfb' }
  const words = "deny closes KasmVNC's downloads, and a desktop of kind rfb has none; remove it"

  it('cannot be closed', () => {
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
    'view needs GATEWAY_DESKTOP_VIEWER_USERNAME (desktop.viewer.username) and GATEWAY_DESKTOP_VIEWER_PASSWORD (desktop.viewer.password) of a desktop user who may not write; set them or remove this'

  it('have a desktop user of their own', () => {
    const env = { GATEWAY_VIEW_GROUPS: 'guests' }
    expect(withEnv(env)).toEqual([`GATEWAY_VIEW_GROUPS (viewGroups): ${words}`])
    expect(problemsFrom({ ...COMPLETE, ...VIEWER, ...env })).toEqual([])
  })

  it('have one in YAML rules too', () => {
    const yaml = 'access: [{ match: { groups: [guests] }, role: view }]'
    expect(problemsFrom({ ...COMPLETE, GATEWAY_ALLOW_GROUPS: '' }, yaml)).toEqual([
      `access[0].role: ${words}`,
    ])
  })

  it('are not the user who may write', () => {
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
