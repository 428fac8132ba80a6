// What becomes of the other options: addresses, the provider, sessions, the desktop.

import { describe, expect, it } from 'vitest'

import { valueAt } from '../../../src/config/read/tree.ts'
import { importTexts, importWith, importWithout, problemsOf } from './importing.ts'

/** The setting at `path`, after an import with these lines. */
const setting = (path: string, ...lines: readonly string[]): unknown =>
  valueAt(importWith(...lines).settings, path)

describe('publicUrl', () => {
  it('is the origin of the redirect address', () => {
    expect(
      setting('publicUrl', 'redirect_url = "https://DESK.example.com:8443/oauth2/callback"'),
    ).toBe('https://desk.example.com:8443')
    expect(setting('publicUrl', 'redirect_url = "http://127.0.0.1:4180/oauth2/callback"')).toBe(
      'http://127.0.0.1:4180',
    )
  })

  it('is missing without one, or with plain http; the settings say so and do not load', () => {
    for (const imported of [
      importWithout(['redirect_url']),
      importWith('redirect_url = "http://desk.example.com/oauth2/callback"'),
    ]) {
      expect(imported.settings).not.toHaveProperty('publicUrl')
      expect(imported.stdout).toContain('# publicUrl: Set it to')
      expect(problemsOf(imported.stdout)).toEqual([expect.stringContaining('GATEWAY_PUBLIC_URL')])
    }
  })

  it('comes with a hint if the redirect address at the provider changes', () => {
    const { stderr } = importWith(
      'redirect_url = "https://desk.example.com/auth/callback"',
      'proxy_prefix = "/auth"',
    )
    expect(stderr).toContain('Register https://desk.example.com/oauth2/callback')
    expect(stderr).toContain('proxy_prefix: ')
  })
})

describe('listeners', () => {
  it.each([
    ['http_address = ":4180"', ':4180'],
    ['http_address = "http://0.0.0.0:4180"', '0.0.0.0:4180'],
    ['http_address = "HTTP://[::1]:4180"', '[::1]:4180'],
    ['https_address = ":8443"', '127.0.0.1:4180'],
    ['tls_cert_file = "c"\ntls_key_file = "k"\nhttps_address = ":8443"', ':8443'],
    ['tls_cert_file = "c"\ntls_key_file = "k"\nhttp_address = ":80"', ':443'],
  ])('%s', (lines, listen) => {
    expect(setting('listen', lines)).toBe(listen)
  })

  it.each(['unix:///run/proxy.sock', 'fd:3', 'example.com:4180', ':99999'])(
    'cannot be %s',
    (address) => {
      const { settings, stderr } = importWith(`http_address = "${address}"`)
      expect(settings).not.toHaveProperty('listen')
      expect(stderr).toContain('http_address: ')
    },
  )

  it('have the certificate', () => {
    expect(setting('tls', 'tls_cert_file = "/tls/c"', 'tls_key_file = "/tls/k"')).toEqual({
      certFile: '/tls/c',
      keyFile: '/tls/k',
    })
  })

  it('include the one for metrics', () => {
    expect(setting('adminListen', 'metrics_address = "127.0.0.1:9100"')).toBe('127.0.0.1:9100')
    expect(setting('adminListen', 'metrics_address = "metrics:9100"')).toBeUndefined()
  })
})

describe('trusted proxies', () => {
  it('are carried over with reverse_proxy only, and never everybody', () => {
    const networks = 'trusted_proxy_ips = ["10.0.0.0/8", "::1", "0.0.0.0/0", "proxy"]'
    expect(setting('trustedProxies', 'reverse_proxy = true', networks)).toEqual([
      '10.0.0.0/8',
      '::1',
    ])
    expect(importWith('reverse_proxy = true', networks).stderr).toContain('trusted_proxy_ips: ')
    expect(setting('trustedProxies', networks)).toBeUndefined()
  })

  it('are asked for if oauth2-proxy trusted everybody', () => {
    expect(importWith('reverse_proxy = true').stderr).toContain('reverse_proxy: Set trustedProxies')
  })
})

describe('the provider', () => {
  const kind = (type: string, ...lines: readonly string[]): unknown =>
    importWithout(['provider', 'oidc_issuer_url'], `provider = "${type}"`, ...lines).settings[
      'oidc'
    ]

  it.each([
    ['google', '', 'google', 'https://accounts.google.com'],
    ['gitlab', '', 'gitlab', 'https://gitlab.com'],
    [
      'keycloak',
      'login_url = "https://login.example.com/auth/realms/staff/protocol/openid-connect/auth"',
      'keycloak',
      'https://login.example.com/auth/realms/staff',
    ],
    ['azure', 'azure_tenant = "t-1"', 'entra', 'https://login.microsoftonline.com/t-1/v2.0'],
    [
      'azure',
      'oidc_issuer_url = "https://sts.windows.net/t-1/"',
      'entra',
      'https://login.microsoftonline.com/t-1/v2.0',
    ],
    [
      'entra-id',
      'oidc_issuer_url = "https://login.microsoftonline.us/t-1/v2.0"',
      'entra',
      'https://login.microsoftonline.us/t-1/v2.0',
    ],
    [
      'entra-id',
      'oidc_issuer_url = "https://login.microsoftonline.com/common/v2.0"\nentra_id_allowed_tenants = "t-1"',
      'entra',
      'https://login.microsoftonline.com/t-1/v2.0',
    ],
    [
      'github',
      'login_url = "https://git.example.com/login/oauth/authorize"\nredeem_url = "https://git.example.com/login/oauth/access_token"\nvalidate_url = "https://git.example.com/api/v1/user/emails"',
      'gitea',
      'https://git.example.com',
    ],
    ['login.gov', '', undefined, 'https://secure.login.gov/'],
    [
      'oidc',
      'oidc_issuer_url = "https://login.microsoftonline.com/t-1/v2.0"',
      'entra',
      'https://login.microsoftonline.com/t-1/v2.0',
    ],
  ])('%s %s', (type, lines, preset, issuer) => {
    const oidc = kind(type, lines)
    expect(oidc).toMatchObject({ issuer })
    expect((oidc as { preset?: string }).preset).toBe(preset)
    expect(oidc).not.toHaveProperty('endpoints')
  })

  it.each([
    ['azure', ''],
    ['azure', 'azure_tenant = "common"'],
    ['entra-id', 'oidc_issuer_url = "https://login.microsoftonline.com/organizations/v2.0"'],
    ['entra-id', 'entra_id_allowed_tenants = "t-1,t-2"'],
    [
      'entra-id',
      'oidc_issuer_url = "https://login.microsoftonline.com/t-1/v2.0"\nentra_id_allowed_tenants = "t-2"',
    ],
    ['linkedin', ''],
    ['unheard-of', ''],
    ['oidc', 'oidc_issuer_url = "https://anna:FAKE@login.example.com/"'],
  ])('that lets several tenants in, or is unknown, has no issuer here: %s %s', (type, lines) => {
    const imported = importWithout(['provider', 'oidc_issuer_url'], `provider = "${type}"`, lines)
    expect(imported.settings['oidc']).not.toHaveProperty('issuer')
    expect(imported.exitCode).toBe(2)
    expect(imported.stdout).toContain('# oidc.issuer: ')
    expect(imported.stdout + imported.stderr).not.toContain('FAKE')
  })

  it('has no preset if its issuer has another form than the preset wants', () => {
    const issuer = 'oidc_issuer_url = "https://login.example.com/sso"'
    expect(kind('keycloak-oidc', issuer)).not.toHaveProperty('preset')
    expect(kind('keycloak-oidc', issuer.replace('sso', 'realms/a'))).toMatchObject({
      preset: 'keycloak',
    })
  })

  it('keeps addresses that are given apart from discovery', () => {
    const oidc = kind(
      'oidc',
      'oidc_issuer_url = "https://login.example.com/"',
      'skip_oidc_discovery = true',
      'login_url = "https://login.example.com/a"',
      'redeem_url = "http://login.svc/t"',
      'profile_url = "http://login.svc/u"',
      'oidc_jwks_url = "http://login.svc/k?token=FAKE"',
    )
    expect(oidc).toMatchObject({
      endpoints: {
        authorization: 'https://login.example.com/a',
        token: 'http://login.svc/t',
        userinfo: 'http://login.svc/u',
      },
    })
    expect(JSON.stringify(oidc)).not.toContain('FAKE')
  })

  it('gets a scope with openid, and the scope for groups that oauth2-proxy adds', () => {
    expect(setting('oidc.scopes', 'scope = "email  groups"')).toBe('openid email groups')
    expect(setting('oidc.scopes')).toBe('openid profile email groups')
    expect(kind('keycloak-oidc')).not.toHaveProperty('scopes')
  })

  it('gets parameters, a claim for groups and a client key', () => {
    expect(setting('oidc.authorizationParams', 'prompt = "login"', 'acr_values = "mfa"')).toEqual({
      prompt: 'login',
      acr_values: 'mfa',
    })
    expect(setting('oidc.groupsClaim', 'oidc_groups_claim = "roles"')).toBe('roles')
    expect(kind('login.gov', 'jwt_key_file = "/key.pem"')).toMatchObject({
      clientAuth: 'private_key_jwt',
      privateKeyFile: '/key.pem',
    })
  })

  it('is trusted by its CA, and the report says that system roots count too', () => {
    const alone = importWith('provider_ca_files = ["/ca.pem", "/more.pem"]')
    expect(alone.settings).toMatchObject({ oidc: { caFile: '/ca.pem' } })
    expect(alone.exitCode).toBe(2)
    expect(alone.stderr).toContain('Join all files')
    const both = importWith('provider_ca_files = "/ca.pem"', 'use_system_trust_store = true')
    expect(both.exitCode).toBe(0)
  })

  it('of the alpha configuration is the first one, without parameters of the gateway', () => {
    const { stdout, stderr } = importTexts([
      'providers:\n  - { clientID: desk, loginURLParameters: [{ name: nonce, default: [x] }, { name: hd, default: [a, b], allow: [{ value: c }] }] }\n  - { clientID: other }',
    ])
    expect(stdout).toContain('hd: a')
    expect(stdout).not.toMatch(/nonce|other/)
    expect(stderr).toContain('providers[0].loginURLParameters.hd.allow: ')
    expect(stderr).toContain('providers[1]: oauth2-proxy uses the first')
  })
})

describe('sessions', () => {
  it('have a new secret, whatever the old one was', () => {
    for (const line of ['cookie_secret = "FAKE"', 'cookie_secret_file = "/FAKE"', 'banner = "-"']) {
      const { settings, stdout, stderr } = importWith(line)
      expect(settings).toMatchObject({ session: { secretFile: '/run/secrets/session-secret' } })
      expect(stdout + stderr).not.toContain('FAKE')
    }
  })

  it.each([
    ['168h0m0s', '7d'],
    ['1h30m', '90m'],
    ['90s', '90s'],
  ])('last %s', (written, expected) => {
    expect(setting('session.maxLifetime', `cookie_expire = "${written}"`)).toBe(expected)
  })

  it.each([
    ['0', 0],
    ['0s', 0],
    ['30s', 2],
  ])('cannot last %s: exit code %i', (written, exitCode) => {
    const imported = importWith(`cookie_expire = "${written}"`)
    expect(imported.settings['session']).not.toHaveProperty('maxLifetime')
    expect(imported.stderr).toContain('cookie_expire: ')
    expect(imported.exitCode).toBe(exitCode)
  })

  const redis = (...lines: readonly string[]): unknown =>
    setting('session.store', 'session_store_type = "redis"', ...lines)

  it('are in Redis, without any password', () => {
    expect(redis('redis_connection_url = "redis://redis:6379"')).toBe('redis://redis:6379')
    expect(redis('redis_connection_url = "rediss://anna:FAKE@redis/2?x=FAKE"')).toBe(
      'rediss://redis/2',
    )
    const given = importWith(
      'session_store_type = "redis"',
      'redis_connection_url = "redis://redis"',
      'redis_password = "FAKE"',
      'redis_ca_path = "/ca.pem"',
    )
    expect(given.stderr).toContain('session.store: Set GATEWAY_SESSION_STORE')
    expect(given.settings).toMatchObject({ session: { storeCaFile: '/ca.pem' } })
  })

  it('are in Redis behind sentinels', () => {
    const urls = 'redis_sentinel_connection_urls = "rediss://a:1,rediss://b:2"'
    const lines = ['redis_use_sentinel = true', urls, 'redis_sentinel_master_name = "m"']
    expect(redis(...lines)).toBe('rediss+sentinel://a:1,b:2/m')
  })

  it('need an address of Redis that the gateway knows', () => {
    const { settings, stderr } = importWith(
      'session_store_type = "redis"',
      'redis_use_cluster = true',
      'redis_cluster_connection_urls = "redis://a,redis://b"',
    )
    expect(settings).toMatchObject({ session: { store: 'memory' } })
    expect(stderr).toContain('redis_use_cluster: ')
    expect(stderr).toContain('session.store: Set it to')
  })
})

describe('the desktop', () => {
  it('is the upstream for /, and upstreams below a path are routes', () => {
    const { settings, stderr } = importWith(
      'upstreams = ["https://desktop:6901", "https://desktop:4901/audio/", "http://desktop:1/exact"]',
      'ssl_upstream_insecure_skip_verify = true',
    )
    expect(settings['desktop']).toEqual({
      url: 'https://desktop:6901',
      tls: { insecure: true },
      routes: [
        {
          path: '/audio',
          url: 'https://desktop:4901',
          stripPrefix: false,
          tls: { insecure: true },
        },
      ],
    })
    expect(stderr).toContain('upstreams: ')
  })

  it('is one', () => {
    const { settings, stderr } = importWith('upstreams = ["http://a:1/", "http://b:2/"]')
    expect(settings).toMatchObject({ desktop: { url: 'http://a:1' } })
    expect(stderr).toContain('One gateway serves one desktop')
  })

  it.each(['static://202', 'file:///srv/#/', 'unix:///run/x.sock'])('is not %s', (upstream) => {
    const { settings, stdout, stderr } = importWith(`upstreams = "${upstream}"`)
    expect(settings).not.toHaveProperty('desktop')
    expect(stdout).toContain('# desktop.url: Set it to')
    expect(stderr).toContain('upstreams: ')
  })

  it('does not get its password from the address', () => {
    const { stdout, stderr } = importWith('upstreams = "http://kasm_user:FAKE@desktop:6901"')
    expect(stdout).toContain('url: http://desktop:6901')
    expect(stderr).toContain('upstreams: The user name and the password')
    expect(stdout + stderr).not.toContain('FAKE')
  })

  it('of the alpha configuration has its path apart from its address', () => {
    const { stdout } = importTexts([
      'upstreamConfig: { upstreams: [{ id: a, path: /, uri: "http://x:1" }, { id: b, path: /b/, uri: "http://anna:FAKE@y:2" }, { id: c, path: ^/c, rewriteTarget: /, uri: "http://z:3" }] }',
    ])
    expect(stdout).toContain('url: http://x:1')
    expect(stdout).toContain('path: /b')
    expect(stdout).not.toMatch(/FAKE|z:3/)
  })
})

it('reports a key that the alpha configuration contains, and does not print it', () => {
  const key = 'server: { tls: { key: { value: FAKE }, cert: { fromEnv: CERT } } }'
  const { exitCode, stdout, stderr } = importTexts([key])
  expect(exitCode).toBe(2)
  expect(stderr).toContain('server.tls.cert.fromEnv: ')
  expect(stdout + stderr).not.toContain('FAKE')
})

it('points at variables that the gateway does not replace', () => {
  expect(importWith('client_id = "${CLIENT_ID}"').stderr).toContain('does not replace')
  expect(importWith().stderr).not.toContain('does not replace')
})
